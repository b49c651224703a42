"""What verdicts say of an account as a whole: it works, is throttled, in trouble, or blocked."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.utils import timezone

from b24app.core.backoff import backoff_delay
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Connection
from b24app.messaging.send_results import ResultKind, SendResult

BREAKER_AFTER = 3
SLOW_AFTER = 10_000  # milliseconds
NOTE_EVERY = timedelta(seconds=5)  # an account that simply works is not written down more often

JUDGE = """
UPDATE messaging_connection c SET
    last_accepted_at = CASE WHEN w.works THEN %s ELSE c.last_accepted_at END,
    troubles_in_a_row = CASE WHEN w.works THEN 0 ELSE least(c.troubles_in_a_row + w.troubles, 1000) END,
    breaker_until = CASE WHEN w.works THEN NULL ELSE c.breaker_until END,
    slow = CASE WHEN w.works THEN false ELSE c.slow OR w.slow END,
    error_code = coalesce(left(w.code, 60), c.error_code), error_words = coalesce(left(w.words, 300), c.error_words),
    error_at = CASE WHEN w.code IS NULL THEN c.error_at ELSE %s END,
    throttled_until = greatest(c.throttled_until, w.throttled_until)
FROM unnest(%s::bigint[], %s::bool[], %s::int[], %s::bool[], %s::text[], %s::text[], %s::timestamptz[])
     AS w(id, works, troubles, slow, code, words, throttled_until)
WHERE c.id = w.id
RETURNING c.id, c.troubles_in_a_row, c.throttled_until
"""
OPEN = "UPDATE messaging_connection SET breaker_until = %s WHERE id = %s"


def update_health(told: Iterable[tuple[Connection, Sequence[SendResult]]]) -> None:
    """Write down what the verdicts say of their accounts, and say so on the given connections too."""
    worth = [(connection, verdicts) for connection, verdicts in told if _is_news(connection, verdicts)]
    if not worth:
        return
    now = timezone.now()
    by_id = {connection.pk: connection for connection, _ in worth}
    rows = [_row(connection.pk, verdicts, now) for connection, verdicts in sorted(worth, key=lambda one: one[0].pk)]
    with database.cursor() as cursor:
        cursor.execute(JUDGE, [now, now, *(list(column) for column in zip(*rows, strict=True))])
        found = cursor.fetchall()
        for pk, troubles, throttled_until in found:
            connection = by_id[pk]
            connection.troubles_in_a_row, connection.throttled_until = troubles, throttled_until
    for connection, verdicts in worth:
        _tell(connection, verdicts, now)


def _is_news(connection: Connection, verdicts: Sequence[SendResult]) -> bool:
    """That an account works which worked a moment ago is none."""
    if any(verdict.kind != ResultKind.ACCEPTED for verdict in verdicts):
        return True
    known = connection.last_accepted_at
    quiet = known is not None and timezone.now() - known < NOTE_EVERY
    return not quiet or connection.troubles_in_a_row > 0 or connection.breaker_until is not None or connection.slow


def _row(pk: int, verdicts: Sequence[SendResult], now: datetime) -> tuple[Any, ...]:
    """id, works, troubles, slow, code, words, throttled until."""
    works = any(verdict.kind in (ResultKind.ACCEPTED, ResultKind.REJECTED) for verdict in verdicts)
    trouble = [verdict for verdict in verdicts if verdict.kind in (ResultKind.UNCERTAIN, ResultKind.UNREACHABLE)]
    worst = next((verdict for verdict in reversed(verdicts) if verdict.kind != ResultKind.ACCEPTED), None)
    pauses = [verdict.after or 2.0 for verdict in verdicts if verdict.kind == ResultKind.THROTTLED]
    return (
        pk,
        works,
        len(trouble),
        any(verdict.ms > SLOW_AFTER for verdict in trouble),
        worst.code if worst else None,
        worst.words if worst else None,
        now + timedelta(seconds=max(pauses)) if pauses else None,
    )


def _tell(connection: Connection, verdicts: Sequence[SendResult], now: datetime) -> None:
    if any(verdict.kind in (ResultKind.ACCEPTED, ResultKind.REJECTED) for verdict in verdicts):
        connection.last_accepted_at, connection.breaker_until, connection.slow = now, None, False
    elif connection.troubles_in_a_row >= BREAKER_AFTER:
        after = backoff_delay(connection.troubles_in_a_row - BREAKER_AFTER + 1, first=5, limit=300, factor=2)
        connection.breaker_until = now + after
        with database.cursor() as cursor:
            cursor.execute(OPEN, [connection.breaker_until, connection.pk])
    for verdict in verdicts:
        if verdict.kind == ResultKind.ACCOUNT_BLOCKED:
            lifecycle.block_connection(connection, verdict.reason, verdict.code, verdict.words)
            break
