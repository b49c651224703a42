"""Whether a message is sent again, and when a service is asked what became of it."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from b24app.core.backoff import backoff_delay
from b24app.messaging.models import Connection, Message
from b24app.messaging.models.statuses import Phase, Reason, Wait
from b24app.messaging.send_results import ResultKind, SendResult
from providers.kit.contract import Provider, Reports

POLL_AFTER = (5, 15, 60, 300, 1800, 7200, 21_600, 86_400)  # seconds after acceptance, one step a time
POLL_AFTER_IF_REPORTED = (1800, 10_800, 86_400)  # only what was never reported
POLL_UNKNOWN_AFTER = 30.0  # seconds
LONGEST_REPEAT = timedelta(seconds=60)  # at most, from the claim to the service


def first_poll_at(service: type[Provider]) -> datetime | None:
    """Return when to ask for the first time about a message just accepted; None where the service cannot be asked."""
    if not service.can("look_up"):
        return None
    steps = POLL_AFTER if service.reports == Reports.POLLED else POLL_AFTER_IF_REPORTED
    return timezone.now() + timedelta(seconds=steps[0])


def next_step(connection: Connection, service: type[Provider], verdict: SendResult) -> tuple[Any, ...]:
    """Return phase, wait, due_at, reason, repeat_until, poll_at after a send neither accepted nor refused for good."""
    now, expires = timezone.now(), datetime.fromisoformat(verdict.expires_at)
    if verdict.kind == ResultKind.ACCOUNT_BLOCKED:
        return "waiting", Wait.BLOCKED, now, "", None, None  # held when the account is blocked
    if verdict.kind == ResultKind.THROTTLED:
        pause = (
            timedelta(seconds=verdict.after) if verdict.after else backoff_delay(verdict.attempt, first=2, limit=600)
        )
        return "waiting", Wait.RATE, min(now + pause, expires), "", None, None
    due = min(now + backoff_delay(verdict.attempt, first=5, limit=3600), expires)
    if verdict.kind == ResultKind.UNREACHABLE:
        return "waiting", Wait.RETRY, due, "", None, None
    until = repeatable_until(connection, service, datetime.fromisoformat(verdict.first_attempt_at))
    if due < until:
        return "waiting", Wait.RETRY, due, "", until, None
    return "unknown", Wait.NONE, None, Reason.TIMED_OUT, None, poll_unknown_at(service)


def repeatable_until(connection: Connection, service: type[Provider], first_attempt: datetime) -> datetime:
    """Return until when the service surely recognises our reference, so that a repeat is not sent twice."""
    return first_attempt + service.recognises_for(connection.account) - LONGEST_REPEAT


def poll_unknown_at(service: type[Provider]) -> datetime | None:
    """Return when to ask whether the message was accepted; None where the service does not know our reference."""
    return timezone.now() + timedelta(seconds=POLL_UNKNOWN_AFTER) if service.known_by_reference else None


def next_poll_at(message: Message, kind: type[Provider]) -> datetime | None:
    """Return when to ask again about a message that is still open; None once it was asked often enough."""
    steps = POLL_AFTER if kind.reports == Reports.POLLED or message.phase == Phase.UNKNOWN else POLL_AFTER_IF_REPORTED
    if message.polls >= len(steps):
        return None
    return (message.sent_at or timezone.now()) + timedelta(seconds=steps[message.polls])
