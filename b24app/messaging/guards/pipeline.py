"""What stands between a claim and the wire: the stop list, pauses, quiet hours, caps, and a warning of duplicates."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.utils import timezone

from b24app.messaging.guards import decisions, limits, quiet_hours, stop_list
from b24app.messaging.guards.limits import Limit, LimitKind
from b24app.messaging.guards.screening import Facts, Fail, Fate, Hold, MarkUnknown, Screening, gather_facts
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Origin, Reason, Wait


def apply_guards(messages: Sequence[Message]) -> list[Message]:
    """Hold or fail those of freshly claimed messages that may not go now; answers those that may.

    They may be of several portals and connections; they are `on_wire` and their attempt is counted already. What is
    held gets its attempt back. Without rules this is one query. Errors of the database go through; then nothing was
    written.
    """
    if not messages:
        return []
    now = timezone.now()
    sieve = Screening(messages, gather_facts(messages), now)
    for message in messages:
        fate = _fate(message, sieve.views[message.pk], now) if message.pk in sieve.views else None
        if fate is not None:
            sieve.fates[message.pk] = fate
    asked = {one.pk: list(_caps(one, sieve.views[one.pk], now)) for one in sieve.going if _is_first_try(one)}
    asked = {pk: found for pk, found in asked.items() if found}
    if sieve.fates or asked or any(sieve.views[one.pk].repeats for one in sieve.going):
        decisions.write_decisions(sieve, asked)
    return sieve.going


def _is_first_try(message: Message) -> bool:
    """A repeat was counted at its first try, and may be at the service already."""
    return message.attempts <= 1 and message.repeat_until is None


def _fate(message: Message, view: Facts, now: datetime) -> Fate | None:
    """What the rules say of one message by itself; caps come later, for they count what goes."""
    if view.stopped:
        # A repeat may have been sent already: `failed` would be a guess, and one more try would be against the list.
        return Fail(Reason.OPT_OUT, stop_list.CODE) if message.repeat_until is None else MarkUnknown()
    if view.portal_paused or view.sender_paused:
        # A repeat is worth something only while the service knows our reference; then its outcome is unknown.
        return Hold(Wait.PAUSED, message.repeat_until)
    until = _quiet_until(message, view, now)
    return None if until is None else Hold(Wait.QUIET_HOURS, until)


def _quiet_until(message: Message, view: Facts, now: datetime) -> datetime | None:
    """A test goes to whoever waits for it; a repeat would lose the time in which it is recognised."""
    if view.transactional or message.origin == Origin.TEST or message.repeat_until is not None:
        return None
    if view.quiet_from is None or view.quiet_until is None:
        return None
    return quiet_hours.quiet_until(message.to, view.quiet_from, view.quiet_until, view.home, now)


def _caps(message: Message, view: Facts, now: datetime) -> Iterator[Limit]:
    portal, sender, zone = message.portal_id, message.sender_id, view.home
    recipient = limits.recipient_key(message.to)
    yield from limits.hourly_limit(portal, LimitKind.RECIPIENT_HOUR, recipient, view.recipient_per_hour, now)
    yield from limits.daily_limit(portal, LimitKind.RECIPIENT_DAY, recipient, view.recipient_per_day, now, zone)
    yield from limits.hourly_limit(portal, LimitKind.SENDER_HOUR, sender, view.per_hour, now)
    yield from limits.daily_limit(portal, LimitKind.SENDER_DAY, sender, view.per_day, now, zone)
    if message.author_id is not None:
        yield from limits.hourly_limit(portal, LimitKind.EMPLOYEE_HOUR, message.author_id, view.employee_per_hour, now)
    yield from limits.hourly_limit(portal, LimitKind.PORTAL_HOUR, "", view.portal_per_hour, now)
