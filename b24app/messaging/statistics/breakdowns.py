"""Where messages came from and went to: what climbs is noted by `advance` and counted here, many at a time.

A batch of 200 climbs touches a few tallies but two hundred breakdowns, so that counting at once would make the hottest
statement dearer by half. A note costs next to nothing, and by the thousand they are counted at a fraction of the price.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.core.deadlock_retry import retry_on_deadlock
from b24app.core.isolation import work_apart
from b24app.core.outage import AWAY
from b24app.messaging import dead_letters
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.dimensions import STOPPED
from b24app.messaging.models.statistics import TIMES, TOOK, Dimension, NotedClimb, UncountedClimb
from b24app.messaging.models.statuses import Status

AT_ONCE = 5000
MOST_ROUNDS = 20


_ENDS = (Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, STOPPED)
COUNTS = ("messages", *_ENDS, "money", *TOOK)
_BOUNDS = (-1, *TIMES)


def _between(low: float, high: float | None) -> str:
    return f"took > {low}" if high is None else f"took > {low} AND took <= {high}"


_SUMS = ", ".join(
    (
        "sum(sign)",
        *(f"coalesce(sum(sign) FILTER (WHERE word = '{end}'), 0)" for end in _ENDS),
        "coalesce(sum(sign * price), 0)",
        *(f"count(*) FILTER (WHERE {_between(low, high)})" for low, high in zip(_BOUNDS, (*TIMES, None), strict=True)),
    )
)
_MONTH = "date_trunc('month', side.day)::date"


def _added(table: str, day: str, expression: str, where: str) -> str:
    """In key order, so that two of these never wait for each other in a circle."""
    return f"""
    INSERT INTO {table} AS b (portal_id, dimension, {day}, sender_id, value, currency, {", ".join(COUNTS)})
    SELECT s.portal_id, v.dimension, {expression}, s.id, v.value, side.currency, {_SUMS}
    FROM side JOIN messaging_sender s ON s.id = side.sender_id
    CROSS JOIN LATERAL (VALUES ('{Dimension.COUNTRY}', side.country), ('{Dimension.SOURCE}', side.source),
        ('{Dimension.EMPLOYEE}', coalesce(nullif(side.author_id, 0)::text, ''))) AS v(dimension, value)
    {where} GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (portal_id, dimension, {day}, sender_id, value, currency) DO UPDATE
    SET {", ".join(f"{name} = b.{name} + excluded.{name}" for name in COUNTS)}"""  # noqa: S608 - made of constants


# Whether a month is kept is asked for each climb of the past, and there are few: not a join, for which the table of
# months might be read as a whole.
_KEPT = f"""WHERE side.day < %s AND (
    SELECT true FROM messaging_monthbreakdown k
    WHERE k.portal_id = s.portal_id AND k.dimension = '{Dimension.SOURCE}' AND k.month = {_MONTH} LIMIT 1)"""  # noqa: S608
# What belongs to nobody any more is dropped: its sender has been erased.
_COUNT = f"""
WITH gone AS (
    DELETE FROM messaging_uncountedclimb WHERE id IN (
        SELECT id FROM messaging_uncountedclimb {{which}} FOR UPDATE SKIP LOCKED)
    RETURNING *
), side AS (
    SELECT sender_id, day, country, source, author_id, became AS word, 1 AS sign, price, currency, took FROM gone
    UNION ALL
    SELECT sender_id, day, country, source, author_id, was, -1, was_price, was_currency, NULL FROM gone
    WHERE was <> '{Status.QUEUED}'
), counted AS ({_added("messaging_daybreakdown", "day", "side.day", "")}
), kept AS ({_added("messaging_monthbreakdown", "month", _MONTH, _KEPT)}
)
SELECT count(*) FROM gone
"""  # noqa: S608 - made of constants
COUNT = _COUNT.format(which=f"ORDER BY id LIMIT {AT_ONCE}")
COUNT_THESE = _COUNT.format(which="WHERE id = ANY(%s) ORDER BY id")
_NAMES = ", ".join(field.attname for field in NotedClimb._meta.local_fields)
SET_ASIDE = f"""
WITH gone AS (DELETE FROM messaging_uncountedclimb WHERE id = %s RETURNING id, {_NAMES}), kept AS (
    INSERT INTO messaging_setasideclimb (id, {_NAMES}) SELECT * FROM gone)
SELECT s.portal_id FROM gone JOIN messaging_sender s ON s.id = gone.sender_id
"""  # noqa: S608 - made of the model's own columns
COUNT_AGAIN = f"""
WITH back AS (DELETE FROM messaging_setasideclimb WHERE id = ANY(%s) RETURNING id, {_NAMES})
INSERT INTO messaging_uncountedclimb (id, {_NAMES}) SELECT * FROM back
"""  # noqa: S608 - made of the model's own columns


def count_climbs() -> int:
    """Count what has climbed; any number of processes may do so at once. Answers how many climbs."""
    total = 0
    for _ in range(MOST_ROUNDS):
        some = _count_some()
        total += some
        if some < AT_ONCE:
            break
    return total


def _count_some() -> int:
    """How many climbs were counted or set aside."""
    try:
        return _count(COUNT)
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one of them raises
        ids = list(UncountedClimb.objects.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
        work_apart(ids, _count_these, _set_aside, error)
        return len(ids)


def _count_these(ids: Sequence[int]) -> int:
    return _count(COUNT_THESE, list(ids))


@retry_on_deadlock
def _count(sql: str, *values: Any) -> int:
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(sql, [*values, timezone.now().date().replace(day=1)])
        return int(cursor.fetchone()[0])


def _set_aside(pk: int, error: Exception) -> None:
    """It goes to a table of its own, as it is, from which it can be counted again."""
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(SET_ASIDE, [pk])
        (portal,) = cursor.fetchone() or (None,)
        dead_letters.note(Kind.CLIMB, pk, error, portal=portal)
