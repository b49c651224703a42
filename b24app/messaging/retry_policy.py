"""Decide whether a message is sent again, and when its status is polled."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from b24app.core.backoff import backoff_delay
from b24app.messaging.models import Connection, Message
from b24app.messaging.models.statuses import Phase, Reason, Wait
from b24app.messaging.send_results import ResultKind, SendResult
from providers.kit.contract import Provider, Reports

POLL_AFTER = (5, 15, 60, 300, 1800, 7200, 21_600, 86_400)  # seconds after acceptance, one step for each poll
POLL_AFTER_IF_REPORTED = (1800, 10_800, 86_400)  # for messages without a final report
POLL_UNKNOWN_AFTER = 30.0  # seconds
REPEAT_MARGIN = timedelta(seconds=60)  # the longest way from the claim to the service


class NextStep(NamedTuple):
    """What happens to a message next: columns of its row."""

    phase: Phase
    wait: Wait = Wait.NONE
    due_at: datetime | None = None
    reason: Reason = Reason.NONE
    repeat_until: datetime | None = None
    poll_at: datetime | None = None


def first_poll_at(service: type[Provider]) -> datetime | None:
    """Return when to poll an accepted message for the first time; None if the service cannot be polled."""
    if not service.can("look_up"):
        return None
    steps = POLL_AFTER if service.reports == Reports.POLLED else POLL_AFTER_IF_REPORTED
    return timezone.now() + timedelta(seconds=steps[0])


def next_step(connection: Connection, service: type[Provider], result: SendResult) -> NextStep:
    """Return what follows a send that was neither accepted nor finally rejected."""
    now, expires = timezone.now(), datetime.fromisoformat(result.expires_at)
    if result.kind == ResultKind.ACCOUNT_BLOCKED:
        return NextStep(Phase.WAITING, Wait.BLOCKED, now)  # held when the account is blocked
    if result.kind == ResultKind.THROTTLED:
        pause = timedelta(seconds=result.after) if result.after else backoff_delay(result.attempt, first=2, limit=600)
        return NextStep(Phase.WAITING, Wait.RATE, min(now + pause, expires))
    due = min(now + backoff_delay(result.attempt, first=5, limit=3600), expires)
    if result.kind == ResultKind.UNREACHABLE:
        return NextStep(Phase.WAITING, Wait.RETRY, due)
    until = repeatable_until(connection, service, datetime.fromisoformat(result.first_attempt_at))
    if due < until:
        return NextStep(Phase.WAITING, Wait.RETRY, due, repeat_until=until)
    return NextStep(Phase.UNKNOWN, reason=Reason.TIMED_OUT, poll_at=poll_unknown_at(service))


def repeatable_until(connection: Connection, service: type[Provider], first_attempt: datetime) -> datetime:
    """Return until when the service surely recognises our reference, so that a repeat is not sent twice."""
    return first_attempt + service.recognises_for(connection.account) - REPEAT_MARGIN


def poll_unknown_at(service: type[Provider]) -> datetime | None:
    """Return when to ask whether the message was accepted; None if the service does not know our reference."""
    return timezone.now() + timedelta(seconds=POLL_UNKNOWN_AFTER) if service.known_by_reference else None


def next_poll_at(message: Message, kind: type[Provider]) -> datetime | None:
    """Return when to poll a message without a final status again; None once it was polled often enough."""
    steps = POLL_AFTER if kind.reports == Reports.POLLED or message.phase == Phase.UNKNOWN else POLL_AFTER_IF_REPORTED
    if message.polls >= len(steps):
        return None
    return (message.sent_at or timezone.now()) + timedelta(seconds=steps[message.polls])
