"""What stands against a message, in the words of its writer."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from b24app.console.formats.moments import short_moment
from b24app.console.wording.explanations import explain_end
from b24app.messaging.guards.forecast import Forecast, LimitUse
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Phase, Status


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One line; `kind` is bad, warn or info, `send_at` a better time that is offered."""

    kind: str
    text: str
    send_at: datetime | None = None

    @property
    def offered_time(self) -> str:
        """Return the better time in words."""
        return short_moment(self.send_at) if self.send_at else ""


def describe_obstacles(found: Forecast) -> list[Obstacle]:
    """Return what stands against a message, the gravest first; only an opt-out stops it here."""
    if found.stopped is not None:
        return [Obstacle("bad", _("This number is on your opt-out list and cannot receive messages."))]
    return sorted(_find_obstacles(found), key=lambda one: ("bad", "warn", "info").index(one.kind))


def _find_obstacles(found: Forecast) -> Iterator[Obstacle]:
    if found.is_paused:
        yield Obstacle("warn", _("An administrator paused all sending. The message is sent when sending is resumed."))
    if found.quiet_until is not None:
        yield _describe_quiet(found.quiet_until, waits=found.waits_for_quiet)
    if found.is_not_mobile:
        yield Obstacle("warn", _("This number may not receive SMS: it looks like a landline."))
    if found.last is not None:
        yield Obstacle("warn", _describe_last(found.last))
    if found.repeats is not None:
        yield Obstacle("warn", _("The same text was sent to this number shortly before."))
    for use in found.limits:
        yield _describe_limit(use)


def _describe_quiet(until: datetime, *, waits: bool) -> Obstacle:
    time = {"time": short_moment(until)}
    if waits:
        text = _("Quiet hours apply at the recipient’s location. The message is sent when they end: %(time)s.") % time
        return Obstacle("info", text)
    text = _("Quiet hours apply at the recipient’s location. This sender does not wait for their end: %(time)s.") % time
    return Obstacle("warn", text, until)


def _describe_last(last: Message) -> str:
    why = explain_end(last)
    words = {"time": short_moment(last.final_at or last.received_at), "reason": why.what if why else ""}
    if last.phase == Phase.UNKNOWN:
        return _("Last message to this number, %(time)s: unknown status. %(reason)s") % words
    if last.status == Status.UNDELIVERED:
        return _("Last message to this number, %(time)s: not delivered. %(reason)s") % words
    return _("Last message to this number, %(time)s: failed. %(reason)s") % words


def _describe_limit(use: LimitUse) -> Obstacle:
    maximum = use.limit.maximum
    words = {"used": use.used, "maximum": maximum, "time": short_moment(use.limit.until)}
    if use.is_reached and use.limit.is_final:
        text = _("This number has reached its sending limit. The message will fail before %(time)s.") % words
        return Obstacle("bad", text, use.limit.until)
    if use.is_reached:
        return Obstacle("warn", _("Sending limit reached. The message is sent when it ends: %(time)s.") % words)
    text = ngettext(
        "A sending limit is nearly reached: %(used)s of %(maximum)s message.",
        "A sending limit is nearly reached: %(used)s of %(maximum)s messages.",
        maximum,
    )
    return Obstacle("info", text % words)
