"""Record what the portal answered to each status: accepted, or refused and then retried or given up (K1 to K6)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import connection as database
from django.utils import timezone

from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.core.isolation import work_each, work_isolated
from b24app.messaging import dead_letters
from b24app.messaging.models import Message
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.statuses import FINAL
from b24app.portals.errors import PortalRefused, Postponed
from b24app.portals.rest.client import BatchResult
from b24app.portals.status_timing import OVERWRITES_FOR, SETTLED_AFTER

log = structlog.get_logger(__name__)

NOT_FOUND_FOR = timedelta(minutes=15)  # a campaign's row is created after the hand-over (docs/bitrix24.md K2, K3)
NOT_FOUND_DELAYS = (5, 15, 60, 300)
POSTPONED_FOR = timedelta(minutes=1)
RETRY_WITHOUT_TOKEN = timedelta(hours=1)
NO_ACCESS = frozenset({"ACCESS_DENIED", "AUTHORIZATION_ERROR", "USER_ACCESS_ERROR", "NO_TOKEN", "INSUFFICIENT_SCOPE"})

RECORD_PUSHED = """
UPDATE messaging_message m SET
    pushed = w.status,
    push_at = CASE WHEN m.status = w.status THEN w.confirm_at ELSE coalesce(m.push_at, %s) END,
    push_tries = CASE WHEN m.status = w.status THEN 0 ELSE m.push_tries END,
    push_error = CASE WHEN m.status = w.status THEN '' ELSE m.push_error END
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS w(id, status, confirm_at)
WHERE m.id = w.id
"""


@retry_on_deadlock
def _record_pushed(messages: Sequence[Message], now: datetime) -> None:
    """Record what the portal accepted: early final statuses are due once more, later ones are due as they are."""
    rows = [(one.pk, one.status, _confirm_at(one, now)) for one in sorted(messages, key=lambda one: one.pk)]
    if rows:
        with database.cursor() as cursor:
            cursor.execute(RECORD_PUSHED, [now, *(list(column) for column in zip(*rows, strict=True))])


def _confirm_at(message: Message, now: datetime) -> datetime | None:
    """Return when to push a status once more: the portal may overwrite a final one that was pushed early."""
    early = message.status in FINAL and now < message.received_at + OVERWRITES_FOR
    return message.received_at + SETTLED_AFTER if early else None


def record_answers(messages: Sequence[Message], answers: Sequence[BatchResult]) -> None:
    now = timezone.now()
    pairs = list(zip(messages, answers, strict=True))
    accepted = [message for message, answer in pairs if answer.error is None]
    work_isolated(accepted, partial(_record_pushed, now=now), _set_aside_status)
    refused = [(message, answer.error) for message, answer in pairs if answer.error is not None]
    work_each(refused, partial(_record_refusal, now=now), lambda pair, error: _set_aside_status(pair[0], error))


def _set_aside_status(message: Message, error: Exception) -> None:
    """Do not push this status again: it would raise in every batch."""
    dead_letters.note(Kind.STATUS, message.pk, error, portal=message.portal_id)
    Message.objects.filter(pk=message.pk).update(push_at=None, push_error=type(error).__name__[:60])


def _record_refusal(pair: tuple[Message, PortalRefused], now: datetime) -> None:
    """Retry a refused status later where that may help, else give it up with the portal's error code."""
    message, error = pair
    row = Message.objects.filter(pk=message.pk)
    if isinstance(error, Postponed):
        row.update(push_at=now + POSTPONED_FOR)  # at the earliest; the portal as a whole may be blocked for longer
    elif error.code.upper() in NO_ACCESS:
        row.update(push_at=now + RETRY_WITHOUT_TOKEN)
    elif error.code.upper() == "ERROR_MESSAGE_NOT_FOUND":
        _retry_not_found(message, now)
    else:
        log.error("status_refused", message=message.pk, code=error.code)
        row.update(push_at=None, push_error=error.code[:60])


def _retry_not_found(message: Message, now: datetime) -> None:
    row = Message.objects.filter(pk=message.pk)
    if now < message.received_at + NOT_FOUND_FOR and message.push_tries < len(NOT_FOUND_DELAYS):
        later = now + timedelta(seconds=NOT_FOUND_DELAYS[message.push_tries])
        row.update(push_at=later, push_tries=message.push_tries + 1)
    else:
        row.update(push_at=None, push_error="ERROR_MESSAGE_NOT_FOUND")
