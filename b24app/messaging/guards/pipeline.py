"""The guards between a claim and the send: the stop list, pauses, quiet hours, limits and the duplicate check."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.utils import timezone

from b24app.messaging.guards import decisions, limits, quiet_hours, stop_list
from b24app.messaging.guards.limits import Limit, LimitKind
from b24app.messaging.guards.screening import Decision, Facts, Fail, Hold, MarkUnknown, Screening, gather_facts
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Origin, Reason, Wait


def apply_guards(messages: Sequence[Message]) -> list[Message]:
    """Hold or fail those of the claimed messages that may not be sent now; return those that may.

    They may belong to several portals and connections; they are `on_wire` and their attempt is counted already. A held
    message's attempt is undone. Without rules this is one query. Database errors propagate; then nothing was written.
    """
    if not messages:
        return []
    now = timezone.now()
    screening = Screening(messages, gather_facts(messages), now)
    for message in messages:
        decision = _decide_alone(message, screening.facts[message.pk], now) if message.pk in screening.facts else None
        if decision is not None:
            screening.decisions[message.pk] = decision
    limits_by_message = {
        one.pk: list(limits_for(one, screening.facts[one.pk], now)) for one in screening.passed if _is_first_try(one)
    }
    limits_by_message = {pk: found for pk, found in limits_by_message.items() if found}
    if screening.decisions or limits_by_message or any(screening.facts[one.pk].repeats for one in screening.passed):
        decisions.write_decisions(screening, limits_by_message)
    return screening.passed


def _is_first_try(message: Message) -> bool:
    """Whether limits apply: a repeat was counted at its first try, and the service may have it already."""
    return message.attempts <= 1 and message.repeat_until is None


def _decide_alone(message: Message, facts: Facts, now: datetime) -> Decision | None:
    """Decide on one message by all rules but the limits, which count what passes the others; None lets it pass."""
    if facts.stopped:
        # A repeat may have been sent already: `failed` would be a guess, and one more try would break the opt-out.
        return Fail(Reason.OPT_OUT, stop_list.CODE) if message.repeat_until is None else MarkUnknown()
    if facts.portal_paused or facts.sender_paused:
        # A repeat is safe only while the service recognises our reference; after that its outcome is unknown.
        return Hold(Wait.PAUSED, message.repeat_until)
    until = quiet_end(message, facts, now)
    return None if until is None else Hold(Wait.QUIET_HOURS, until)


def quiet_end(message: Message, facts: Facts, now: datetime) -> datetime | None:
    """Return when the recipient's quiet hours end, None outside them and for messages they do not apply to.

    Somebody waits for a test message, and a repeat would outlive the time in which the service recognises it.
    """
    if facts.transactional or message.origin == Origin.TEST or message.repeat_until is not None:
        return None
    if facts.quiet_from is None or facts.quiet_until is None:
        return None
    return quiet_hours.quiet_until(message.to, facts.quiet_from, facts.quiet_until, facts.portal_zone, now)


def limits_for(message: Message, facts: Facts, now: datetime) -> Iterator[Limit]:
    """Yield the limits that a message is counted against."""
    portal, sender, zone = message.portal_id, message.sender_id, facts.portal_zone
    recipient = limits.recipient_key(message.to)
    yield from limits.hourly_limit(portal, LimitKind.RECIPIENT_HOUR, recipient, facts.recipient_per_hour, now)
    yield from limits.daily_limit(portal, LimitKind.RECIPIENT_DAY, recipient, facts.recipient_per_day, now, zone)
    yield from limits.hourly_limit(portal, LimitKind.SENDER_HOUR, sender, facts.per_hour, now)
    yield from limits.daily_limit(portal, LimitKind.SENDER_DAY, sender, facts.per_day, now, zone)
    if message.author_id is not None:
        yield from limits.hourly_limit(portal, LimitKind.EMPLOYEE_HOUR, message.author_id, facts.employee_per_hour, now)
    yield from limits.hourly_limit(portal, LimitKind.PORTAL_HOUR, "", facts.portal_per_hour, now)
