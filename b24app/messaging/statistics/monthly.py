"""Roll finished months up, so that a report of a year reads a few rows instead of some hundred thousand.

A month is rolled up with all its days or not at all. A later status change in such a month is added to the day and the
month by `count_climbs`. It writes to the table of months, which `_roll_up_month` locks against writes, so the two never
run at the same time.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import structlog
from django.db import connection as database
from django.db import transaction

from b24app.core import shutdown
from b24app.core.database.outage import AWAY
from b24app.core.isolation import work_each
from b24app.messaging import dead_letters
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.statistics import Dimension
from b24app.messaging.statistics.breakdowns import COUNTS

log = structlog.get_logger(__name__)

ROUND_SECONDS = 10.0  # seconds
BATCH_SIZE = 500
MONTHS_BACK = 13  # months back: as far as reports look
FINISHED_AFTER = timedelta(days=3)  # by then it is over in every time zone, and few statuses still change

_DAYS = """
FROM messaging_daybreakdown d WHERE d.portal_id = {portal} AND d.dimension {dimension}
    AND d.day >= {month} AND d.day < {month} + interval '1 month'"""
_IS_ROLLED_UP = f"""
(SELECT true FROM messaging_monthbreakdown k
    WHERE k.portal_id = {{portal}} AND k.dimension = '{Dimension.SOURCE}' AND k.month = {{month}} LIMIT 1) IS TRUE"""  # noqa: S608
# One index look-up per portal and month; joins might scan whole tables.
DUE_MONTHS = f"""
SELECT p.id, m.month FROM portals_portal p CROSS JOIN unnest(%s::date[]) AS m(month)
WHERE p.id <> ALL(%s) AND NOT {_IS_ROLLED_UP.format(portal="p.id", month="m.month")}
    AND (SELECT true {_DAYS.format(portal="p.id", month="m.month", dimension=f"= '{Dimension.SOURCE}'")} LIMIT 1)
LIMIT {BATCH_SIZE}
"""  # noqa: S608 - made of constants
_COUNT_COLUMNS = ", ".join(COUNTS)
_DIMENSIONS = ", ".join(f"'{one}'" for one in Dimension)
ROLL_UP = f"""
INSERT INTO messaging_monthbreakdown (portal_id, dimension, month, sender_id, value, currency, {_COUNT_COLUMNS})
SELECT d.portal_id, d.dimension, %(month)s, d.sender_id, d.value, d.currency,
    {", ".join(f"sum(d.{name})" for name in COUNTS)}
{_DAYS.format(portal="%(portal)s", month="%(month)s::date", dimension=f"IN ({_DIMENSIONS})")}
    AND NOT {_IS_ROLLED_UP.format(portal="%(portal)s", month="%(month)s")}
GROUP BY 1, 2, 4, 5, 6
"""


def roll_up_months(seconds: float = ROUND_SECONDS) -> int:
    """Roll up finished months for about `seconds` at most; return how many were written."""
    try:
        due = _due_months(sorted(map(int, dead_letters.held(Kind.MONTH))))
        return len(work_each(shutdown.in_time(due, seconds), _roll_up_month, _set_aside_month))
    except AWAY as error:
        log.warning("monthly_rollup_interrupted", error=type(error).__name__)
        return 0


def _due_months(held: list[int]) -> list[tuple[int, date]]:
    """Return portals, except those held back, each with a month that is to be rolled up."""
    with database.cursor() as cursor:
        cursor.execute(DUE_MONTHS, [list(finished_months(datetime.now(UTC).date())), held])
        return list(cursor.fetchall())


def _set_aside_month(due: tuple[int, date], error: Exception) -> None:
    portal_id, _month = due
    dead_letters.note(Kind.MONTH, portal_id, error, portal=portal_id, retry=True)


def finished_months(today: date) -> Sequence[date]:
    """Return the first days of the months that may be rolled up, the newest first."""
    months = [(today - FINISHED_AFTER).replace(day=1)]
    for _ in range(MONTHS_BACK):
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months[1:]


def _roll_up_month(due: tuple[int, date]) -> None:
    portal_id, month = due
    with transaction.atomic(), database.cursor() as cursor:
        # This and counting wait for each other, for one month of one portal; meanwhile changes are still noted.
        cursor.execute("LOCK TABLE messaging_monthbreakdown IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(ROLL_UP, {"portal": portal_id, "month": month})
