"""The health of accounts as their results show it: working, throttled, in trouble or blocked."""

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
WRITE_EVERY = timedelta(seconds=5)  # for an account that simply works

UPDATE_HEALTH = """
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
OPEN_BREAKER = "UPDATE messaging_connection SET breaker_until = %s WHERE id = %s"


def update_health(batches: Iterable[tuple[Connection, Sequence[SendResult]]]) -> None:
    """Write what the results say about their accounts, also to the given connections."""
    changed = [(connection, results) for connection, results in batches if _needs_write(connection, results)]
    if not changed:
        return
    now = timezone.now()
    by_id = {connection.pk: connection for connection, _ in changed}
    rows = [
        _health_row(connection.pk, results, now) for connection, results in sorted(changed, key=lambda one: one[0].pk)
    ]
    with database.cursor() as cursor:
        cursor.execute(UPDATE_HEALTH, [now, now, *(list(column) for column in zip(*rows, strict=True))])
        for pk, troubles, throttled_until in cursor.fetchall():
            connection = by_id[pk]
            connection.troubles_in_a_row, connection.throttled_until = troubles, throttled_until
    for connection, results in changed:
        _apply_to_connection(connection, results, now)


def _needs_write(connection: Connection, results: Sequence[SendResult]) -> bool:
    """Return False for a healthy account that was marked healthy within `WRITE_EVERY`."""
    if any(result.kind != ResultKind.ACCEPTED for result in results):
        return True
    written_at = connection.last_accepted_at
    is_fresh = written_at is not None and timezone.now() - written_at < WRITE_EVERY
    return not is_fresh or connection.troubles_in_a_row > 0 or connection.breaker_until is not None or connection.slow


def _health_row(pk: int, results: Sequence[SendResult], now: datetime) -> tuple[Any, ...]:
    """Return id, works, troubles, slow, code, text, throttled until."""
    works = any(result.kind in (ResultKind.ACCEPTED, ResultKind.REJECTED) for result in results)
    trouble = [result for result in results if result.kind in (ResultKind.UNCERTAIN, ResultKind.UNREACHABLE)]
    worst = next((result for result in reversed(results) if result.kind != ResultKind.ACCEPTED), None)
    pauses = [result.after or 2.0 for result in results if result.kind == ResultKind.THROTTLED]
    return (
        pk,
        works,
        len(trouble),
        any(result.ms > SLOW_AFTER for result in trouble),
        worst.code if worst else None,
        worst.detail if worst else None,
        now + timedelta(seconds=max(pauses)) if pauses else None,
    )


def _apply_to_connection(connection: Connection, results: Sequence[SendResult], now: datetime) -> None:
    """Close or open the breaker on the connection; block the account if its service did."""
    if any(result.kind in (ResultKind.ACCEPTED, ResultKind.REJECTED) for result in results):
        connection.last_accepted_at, connection.breaker_until, connection.slow = now, None, False
    elif connection.troubles_in_a_row >= BREAKER_AFTER:
        after = backoff_delay(connection.troubles_in_a_row - BREAKER_AFTER + 1, first=5, limit=300, factor=2)
        connection.breaker_until = now + after
        with database.cursor() as cursor:
            cursor.execute(OPEN_BREAKER, [connection.breaker_until, connection.pk])
    for result in results:
        if result.kind == ResultKind.ACCOUNT_BLOCKED:
            lifecycle.block_connection(connection, result.reason, result.code, result.detail)
            break
