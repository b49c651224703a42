"""Months that are over are summed up, so that a year of reports is read in a few rows and not in some hundred thousand.

A month is kept with all of its days or not at all. What climbs in a kept month is added to both by `count_climbs`. Its
statement writes to the table of months, and so it and `_keep`, which lets nobody write there, never run side by side.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import structlog
from django.db import connection as database
from django.db import transaction

from b24app.core import shutdown
from b24app.core.isolation import work_each
from b24app.core.outage import AWAY
from b24app.messaging import dead_letters
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.statistics import Dimension
from b24app.messaging.statistics.breakdowns import COUNTS

log = structlog.get_logger(__name__)

ROUND = 10.0  # seconds
AT_ONCE = 500
OLDEST = 13  # months back: as far as reports look
SETTLED = timedelta(days=3)  # after its end: hardly anything climbs any more, and it is over in every time zone

_DAYS = """
FROM messaging_daybreakdown d WHERE d.portal_id = {portal} AND d.dimension {dimension}
    AND d.day >= {month} AND d.day < {month} + interval '1 month'"""
_KEPT = f"""
(SELECT true FROM messaging_monthbreakdown k
    WHERE k.portal_id = {{portal}} AND k.dimension = '{Dimension.SOURCE}' AND k.month = {{month}} LIMIT 1) IS TRUE"""  # noqa: S608
# One look into an index for each portal and month; as joins, whole tables might be read.
DUE = f"""
SELECT p.id, m.month FROM portals_portal p CROSS JOIN unnest(%s::date[]) AS m(month)
WHERE p.id <> ALL(%s) AND NOT {_KEPT.format(portal="p.id", month="m.month")}
    AND (SELECT true {_DAYS.format(portal="p.id", month="m.month", dimension=f"= '{Dimension.SOURCE}'")} LIMIT 1)
LIMIT {AT_ONCE}
"""  # noqa: S608 - made of constants
_NAMED = ", ".join(COUNTS)
_DIMENSIONS = ", ".join(f"'{one}'" for one in Dimension)
SUM_UP = f"""
INSERT INTO messaging_monthbreakdown (portal_id, dimension, month, sender_id, value, currency, {_NAMED})
SELECT d.portal_id, d.dimension, %(month)s, d.sender_id, d.value, d.currency,
    {", ".join(f"sum(d.{name})" for name in COUNTS)}
{_DAYS.format(portal="%(portal)s", month="%(month)s::date", dimension=f"IN ({_DIMENSIONS})")}
    AND NOT {_KEPT.format(portal="%(portal)s", month="%(month)s")}
GROUP BY 1, 2, 4, 5, 6
"""


def roll_up_months(seconds: float = ROUND) -> int:
    """Sum up months of portals, for about so long at most; answers how many."""
    try:
        due = _due(sorted(map(int, dead_letters.held(Kind.MONTH))))
        return len(work_each(shutdown.in_time(due, seconds), _keep, _set_aside))
    except AWAY as error:
        log.warning("months_stopped", error=type(error).__name__)
        return 0


def _due(held: list[int]) -> list[tuple[int, date]]:
    """Portals, but for those held, each with a month that is to be summed up."""
    with database.cursor() as cursor:
        cursor.execute(DUE, [list(months_over(datetime.now(UTC).date())), held])
        return list(cursor.fetchall())


def _set_aside(due: tuple[int, date], error: Exception) -> None:
    portal_id, _month = due
    dead_letters.note(Kind.MONTH, portal_id, error, portal=portal_id, retry=True)


def months_over(today: date) -> Sequence[date]:
    """The first days of the months that may be summed up, the newest first."""
    found = [(today - SETTLED).replace(day=1)]
    for _ in range(OLDEST):
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found[1:]


def _keep(due: tuple[int, date]) -> None:
    portal_id, month = due
    with transaction.atomic(), database.cursor() as cursor:
        # Waits for those who count, and they for us: for one month of one portal, while climbs go on being noted.
        cursor.execute("LOCK TABLE messaging_monthbreakdown IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(SUM_UP, {"portal": portal_id, "month": month})
