"""Statistics by country, source and employee: `advance` notes status changes (climbs), counted here in bulk.

A batch of 200 changes touches a few tallies but two hundred breakdowns: counting them at once would make the busiest
statement 50 % slower. Noting them costs next to nothing, and counting thousands together a fraction.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.core.database.outage import AWAY
from b24app.core.isolation import work_apart
from b24app.messaging import dead_letters
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.dimensions import STOPPED
from b24app.messaging.models.statistics import TIMES, TOOK, Dimension, NotedClimb, UncountedClimb
from b24app.messaging.models.statuses import Status

BATCH_SIZE = 5000
MAX_ROUNDS = 20


_ENDS = (Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, STOPPED)
COUNTS = ("messages", *_ENDS, "money", *TOOK)
_BOUNDS = (-1, *TIMES)


def _in_range(low: float, high: float | None) -> str:
    return f"took > {low}" if high is None else f"took > {low} AND took <= {high}"


_SUMS = ", ".join(
    (
        "sum(sign)",
        *(f"coalesce(sum(sign) FILTER (WHERE status = '{end}'), 0)" for end in _ENDS),
        "coalesce(sum(sign * price), 0)",
        *(f"count(*) FILTER (WHERE {_in_range(*one)})" for one in zip(_BOUNDS, (*TIMES, None), strict=True)),
    )
)
_MONTH = "date_trunc('month', side.day)::date"


def _upsert_sql(table: str, day: str, expression: str, where: str) -> str:
    """Return an upsert of sums, in key order, so that two of them do not deadlock."""
    return f"""
    INSERT INTO {table} AS b (portal_id, dimension, {day}, sender_id, value, currency, {", ".join(COUNTS)})
    SELECT s.portal_id, v.dimension, {expression}, s.id, v.value, side.currency, {_SUMS}
    FROM side JOIN messaging_sender s ON s.id = side.sender_id
    CROSS JOIN LATERAL (VALUES ('{Dimension.COUNTRY}', side.country), ('{Dimension.SOURCE}', side.source),
        ('{Dimension.EMPLOYEE}', coalesce(nullif(side.author_id, 0)::text, ''))) AS v(dimension, value)
    {where} GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (portal_id, dimension, {day}, sender_id, value, currency) DO UPDATE
    SET {", ".join(f"{name} = b.{name} + excluded.{name}" for name in COUNTS)}"""  # noqa: S608 - made of constants


# A scalar subquery per row, not a join: few rows are that old, and a join might scan the whole table of months.
_IN_ROLLED_UP_MONTH = f"""WHERE side.day < %s AND (
    SELECT true FROM messaging_monthbreakdown k
    WHERE k.portal_id = s.portal_id AND k.dimension = '{Dimension.SOURCE}' AND k.month = {_MONTH} LIMIT 1)"""  # noqa: S608
# Rows whose sender has been erased are deleted without being counted.
_COUNT = f"""
WITH gone AS (
    DELETE FROM messaging_uncountedclimb WHERE id IN (
        SELECT id FROM messaging_uncountedclimb {{which}} FOR UPDATE SKIP LOCKED)
    RETURNING *
), side AS (
    SELECT sender_id, day, country, source, author_id, became AS status, 1 AS sign, price, currency, took FROM gone
    UNION ALL
    SELECT sender_id, day, country, source, author_id, was, -1, was_price, was_currency, NULL FROM gone
    WHERE was <> '{Status.QUEUED}'
), counted AS ({_upsert_sql("messaging_daybreakdown", "day", "side.day", "")}
), monthly AS ({_upsert_sql("messaging_monthbreakdown", "month", _MONTH, _IN_ROLLED_UP_MONTH)}
)
SELECT count(*) FROM gone
"""  # noqa: S608 - made of constants
COUNT_OLDEST = _COUNT.format(which=f"ORDER BY id LIMIT {BATCH_SIZE}")
COUNT_BY_IDS = _COUNT.format(which="WHERE id = ANY(%s) ORDER BY id")
_CLIMB_COLUMNS = ", ".join(field.attname for field in NotedClimb._meta.local_fields)
SET_ASIDE = f"""
WITH gone AS (DELETE FROM messaging_uncountedclimb WHERE id = %s RETURNING id, {_CLIMB_COLUMNS}), moved AS (
    INSERT INTO messaging_setasideclimb (id, {_CLIMB_COLUMNS}) SELECT * FROM gone)
SELECT s.portal_id FROM gone JOIN messaging_sender s ON s.id = gone.sender_id
"""  # noqa: S608 - made of the model's own columns
RETURN_CLIMBS = f"""
WITH back AS (DELETE FROM messaging_setasideclimb WHERE id = ANY(%s) RETURNING id, {_CLIMB_COLUMNS})
INSERT INTO messaging_uncountedclimb (id, {_CLIMB_COLUMNS}) SELECT * FROM back
"""  # noqa: S608 - made of the model's own columns


def count_climbs() -> int:
    """Count the noted status changes; return how many. Any number of processes may do so at once."""
    total = 0
    for _ in range(MAX_ROUNDS):
        count = _count_batch()
        total += count
        if count < BATCH_SIZE:
            break
    return total


def _count_batch() -> int:
    """Count one batch; return how many status changes were counted or set aside."""
    try:
        return _execute_count(COUNT_OLDEST)
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one of them raises
        ids = list(UncountedClimb.objects.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
        work_apart(ids, _count_by_ids, _set_aside_climb, error)
        return len(ids)


def _count_by_ids(ids: Sequence[int]) -> int:
    return _execute_count(COUNT_BY_IDS, list(ids))


@retry_on_deadlock
def _execute_count(sql: str, *values: Any) -> int:
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(sql, [*values, timezone.now().date().replace(day=1)])
        return int(cursor.fetchone()[0])


def _set_aside_climb(pk: int, error: Exception) -> None:
    """Move it unchanged to a table of its own, from which it can be counted again."""
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(SET_ASIDE, [pk])
        (portal,) = cursor.fetchone() or (None,)
        dead_letters.note(Kind.CLIMB, pk, error, portal=portal)
