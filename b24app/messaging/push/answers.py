"""Record what the portal answered to each status: accepted, or refused and then retried or given up (K1 to K6)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import connection as database
from django.db.models import F, QuerySet
from django.utils import timezone

from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.core.isolation import work_each, work_isolated
from b24app.core.monitoring import metrics
from b24app.messaging import dead_letters
from b24app.messaging.models import Message
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.statuses import FINAL
from b24app.portals.errors import NoToken, PortalError, PortalRefused, Postponed
from b24app.portals.models import Portal
from b24app.portals.rest import error_policy
from b24app.portals.rest.client import BatchResult
from b24app.portals.status_timing import OVERWRITES_FOR, SETTLED_AFTER

log = structlog.get_logger(__name__)

NOT_FOUND_FOR = timedelta(minutes=15)  # a campaign's row is created after the hand-over (docs/bitrix24.md K2, K3)
NOT_FOUND_DELAYS = (5, 15, 60, 300)
POSTPONED_FOR = timedelta(minutes=1)
RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 10, 60, 360, 1440, 2880))  # of a refused status
LAST_TRY = len(RETRY_DELAYS)  # after so many tries a refused status is given up
OUR_MISTAKE = frozenset({"ERROR_MESSAGE_STATUS_INCORRECT", "ERROR_SENDER_VALIDATION_FAILURE"})
NO_ACCESS = frozenset({"ACCESS_DENIED", "AUTHORIZATION_ERROR", "USER_ACCESS_ERROR", "NO_TOKEN"})
PORTAL_WIDE = NO_ACCESS | {"INSUFFICIENT_SCOPE", "INVALID_SCOPE"}

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


def record_answers(messages: Sequence[Message], results: Sequence[BatchResult]) -> PortalError | None:
    """Record what each status led to; return the error that concerns the portal and not a status, if there is one.

    Statuses with such an error stay due.
    """
    now = timezone.now()
    pairs = list(zip(messages, results, strict=True))
    accepted = [message for message, result in pairs if result.error is None]
    work_isolated(accepted, partial(_record_pushed, now=now), _set_aside_status)
    _count_answers(accepted, len(messages) - len(accepted), now)
    refused = [(message, result.error) for message, result in pairs if result.error is not None]
    own = [(message, error) for message, error in refused if error.code.upper() not in PORTAL_WIDE]
    work_each(own, partial(_record_refusal, now=now), lambda pair, error: _set_aside_status(pair[0], error))
    return next((_portal_error(error) for _, error in refused if error.code.upper() in PORTAL_WIDE), None)


def _count_answers(accepted: Sequence[Message], refused: int, now: datetime) -> None:
    metrics.PUSHED.labels("accepted").inc(len(accepted))
    metrics.PUSHED.labels("refused").inc(refused)
    for due_at in (message.push_at for message in accepted if message.push_at is not None):
        metrics.PUSH_SECONDS.observe(max(0.0, (now - due_at).total_seconds()))


def _portal_error(error: PortalRefused) -> PortalError:
    return NoToken(error.code, error.message) if error.code.upper() in NO_ACCESS else error


def _set_aside_status(message: Message, error: Exception) -> None:
    """Do not push this status again: it would raise in every batch."""
    dead_letters.note(Kind.STATUS, message.pk, error, portal=message.portal_id)
    Message.objects.filter(pk=message.pk).update(push_at=None, push_error=type(error).__name__[:60])


def _record_refusal(pair: tuple[Message, PortalRefused], now: datetime) -> None:
    message, error = pair
    code = error.code.upper()
    if code == "ERROR_MESSAGE_NOT_FOUND":
        _retry_not_found(message, now)
    elif code in error_policy.TRANSIENT:
        retry_or_give_up(message, code, now, is_refused=False)
    elif isinstance(error, Postponed):
        # At the earliest; the portal as a whole may be blocked for longer.
        _unchanged(message).update(push_at=now + POSTPONED_FOR)
    elif code in OUR_MISTAKE:
        give_up(_unchanged(message), message.portal_id, code)
    else:
        retry_or_give_up(message, code, now)


def _retry_not_found(message: Message, now: datetime) -> None:
    if now < message.received_at + NOT_FOUND_FOR and message.push_tries < len(NOT_FOUND_DELAYS):
        later = now + timedelta(seconds=NOT_FOUND_DELAYS[message.push_tries])
        _unchanged(message).update(push_at=later, push_tries=message.push_tries + 1)
    else:
        give_up(_unchanged(message), message.portal_id, "ERROR_MESSAGE_NOT_FOUND")


def retry_or_give_up(message: Message, code: str, now: datetime, *, is_refused: bool = True) -> None:
    """Retry a status some days, later each time; then give it up. The message shows why if it `is_refused`."""
    if message.push_tries >= LAST_TRY:
        give_up(_unchanged(message), message.portal_id, code)
        return
    _unchanged(message).update(
        push_at=now + RETRY_DELAYS[message.push_tries],
        push_tries=message.push_tries + 1,
        push_error=code[:60] if is_refused else "",
    )


def give_up(messages: "QuerySet[Message]", portal_id: int, code: str) -> int:
    """Push these statuses no more: note why on the messages, and their number on the portal; return it."""
    known = messages.filter(pushed_again_at__isnull=False).count()  # they were given up before
    count = _mark_given_up(messages, code) - known
    if count:
        Portal.objects.filter(pk=portal_id).update(statuses_given_up=F("statuses_given_up") + count)
        level = log.info if code == "ERROR_MESSAGE_NOT_FOUND" else log.error
        level("statuses_given_up", portal=portal_id, count=count, code=code)
    return count


@retry_on_deadlock
def _mark_given_up(messages: "QuerySet[Message]", code: str) -> int:
    return messages.update(push_at=None, push_error=code[:60])


def _unchanged(message: Message) -> "QuerySet[Message]":
    """Return the message unless its status has climbed since it was pushed: the new one has been refused by nobody."""
    return Message.objects.filter(pk=message.pk, status=message.status)
