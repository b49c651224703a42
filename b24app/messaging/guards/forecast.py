"""What stands against a message before it is written: the guards' own rules, asked about a moment to come.

Nothing is stored and nothing is counted; what the guards decide when the time comes is what holds.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from b24app.messaging.guards import limits, pipeline, stop_list
from b24app.messaging.guards.limits import Limit
from b24app.messaging.guards.screening import COMPARED_WITH, Facts
from b24app.messaging.models import NEWEST_FIRST, Message, Sender
from b24app.messaging.models.guards import Rules, StoppedNumber
from b24app.messaging.models.statuses import Origin, Phase, Reason, Status
from providers.kit.phones import is_not_mobile

NEARLY = 0.9  # of a limit


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """A limit that is reached or nearly so, with the messages counted against it."""

    limit: Limit
    used: int

    @property
    def is_reached(self) -> bool:
        return self.used >= self.limit.maximum


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a message to a number would meet.

    `quiet_until` is when the recipient's quiet hours end, None outside them; `waits_for_quiet` tells whether the sender
    observes them. `last` is the latest message to the number whose end is known, if it did not arrive, `repeats` one
    with the same text shortly before.
    """

    stopped: StoppedNumber | None = None
    is_paused: bool = False
    quiet_until: datetime | None = None
    waits_for_quiet: bool = False
    last: Message | None = None
    repeats: Message | None = None
    limits: tuple[LimitUse, ...] = ()
    is_not_mobile: bool = False  # the number is known to be a landline or the like

    @property
    def is_blocked(self) -> bool:
        """Whether the message would fail for certain."""
        return self.stopped is not None


def forecast_message(sender: Sender, to: str, text: str, author_id: int | None, at: datetime) -> Forecast:
    """Return what a message of this sender to `to` (E.164) would meet if it were sent at `at`."""
    portal = sender.portal
    rules = limits.read_rules(portal)
    facts = _make_facts(sender, rules)
    in_quiet_hours = replace(facts, transactional=False)  # to tell what they are; whether it waits is told apart
    message = Message(portal=portal, sender=sender, to=to, author_id=author_id, origin=Origin.CARD)
    latest = list(
        Message.objects.filter(portal=portal, to=to)
        .select_related("sender", "connection")
        .order_by(*NEWEST_FIRST)[:COMPARED_WITH]
    )
    return Forecast(
        stopped=stop_list.find_entry(portal, to),
        is_paused=rules.paused_at is not None,
        quiet_until=pipeline.quiet_end(message, in_quiet_hours, at),
        waits_for_quiet=not sender.transactional,
        last=_last_undelivered(latest),
        repeats=_find_repeated(latest, text, rules, at),
        limits=_near_limits(message, facts, at),
        is_not_mobile=is_not_mobile(to),
    )


def _make_facts(sender: Sender, rules: Rules) -> Facts:
    return Facts(
        pk=0,
        sender_paused=sender.paused_at is not None,
        transactional=sender.transactional,
        per_hour=sender.per_hour,
        per_day=sender.per_day,
        portal_paused=rules.paused_at is not None,
        portal_per_hour=rules.portal_per_hour,
        employee_per_hour=rules.employee_per_hour,
        recipient_per_hour=rules.recipient_per_hour,
        recipient_per_day=rules.recipient_per_day,
        quiet_from=rules.quiet_from,
        quiet_until=rules.quiet_until,
        zone=sender.portal.time_zone,
        stopped=False,
        repeats=None,
    )


# These say nothing of the number.
_NOT_ABOUT_NUMBER = frozenset(
    {Reason.CANCELLED, Reason.EXPIRED, Reason.SENDER_REMOVED, Reason.NOT_CONFIGURED, Reason.CAPPED}
    | {Reason.EMPTY_TEXT, Reason.TEXT_TOO_LONG}
)


def _last_undelivered(latest: list[Message]) -> Message | None:
    """Return the newest message whose end is known or unknown for good, if it did not arrive."""
    ended = (one for one in latest if one.phase == Phase.UNKNOWN or Status(one.status).is_final)
    last = next((one for one in ended if one.reason not in _NOT_ABOUT_NUMBER), None)
    return last if last is not None and last.status != Status.DELIVERED else None


def _find_repeated(latest: list[Message], text: str, rules: Rules, at: datetime) -> Message | None:
    since = at - timedelta(minutes=rules.duplicate_minutes)
    same = (one for one in latest if text.strip() and one.text == text and one.status != Status.FAILED)
    return next((one for one in same if since < (one.scheduled_at or one.received_at) <= at), None)


def _near_limits(message: Message, facts: Facts, at: datetime) -> tuple[LimitUse, ...]:
    found = list(pipeline.limits_for(message, facts, at))
    used = limits.read_usage(limit.window for limit in found)
    uses = (LimitUse(limit=limit, used=used.get(limit.window, 0)) for limit in found)
    return tuple(one for one in uses if one.used and one.used >= NEARLY * one.limit.maximum)
