"""Which reports are applied next: portals take turns, so that a flood of reports of one does not delay the others.

One index starts with the connection and continues with the time. So one index look-up finds each connection that has
reports (`PENDING`), however many it has, and one more its oldest.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection as database
from django.utils import timezone

from b24app.messaging.models import DeliveryReport

RETRY_AFTER = timedelta(seconds=60)  # when a report without a message is tried once more
CONNECTIONS_PER_ROUND = 100  # chosen at random where more have due reports, so that none is left out for long

# The connections with reports to apply, each with the time of its first.
PENDING = """
WITH RECURSIVE step AS (
    (SELECT connection_id, due_at FROM messaging_deliveryreport WHERE due_at IS NOT NULL
     ORDER BY connection_id, due_at LIMIT 1)
    UNION ALL
    SELECT next.* FROM step CROSS JOIN LATERAL (
        SELECT r.connection_id, r.due_at FROM messaging_deliveryreport r
        WHERE r.connection_id > step.connection_id AND r.due_at IS NOT NULL
        ORDER BY r.connection_id, r.due_at LIMIT 1) next
)
"""
# Portals share a round evenly, and so do the accounts of each.
TAKE_DUE = f"""
{PENDING}, asked AS (
    SELECT s.connection_id, c.portal_id FROM step s JOIN messaging_connection c ON c.id = s.connection_id
    WHERE s.due_at <= %(now)s ORDER BY random() LIMIT {CONNECTIONS_PER_ROUND}
), turn AS (
    SELECT connection_id, count(*) OVER (PARTITION BY portal_id)
        * (SELECT count(DISTINCT portal_id) FROM asked) AS sharers FROM asked
)
SELECT due.* FROM turn CROSS JOIN LATERAL (
    SELECT r.* FROM messaging_deliveryreport r WHERE r.connection_id = turn.connection_id AND r.due_at <= %(now)s
    ORDER BY r.connection_id, r.due_at LIMIT greatest(%(limit)s / turn.sharers, 1) FOR UPDATE SKIP LOCKED) due
"""  # noqa: S608 - made of constants
FIRST_DUE = f"{PENDING} SELECT min(due_at) FROM step"  # noqa: S608
# Of each account no more rows are counted than matter. Reports of parts may be due later than the second try.
COUNT_WAITING = """
SELECT coalesce(sum((SELECT count(*) FROM (
           SELECT FROM messaging_deliveryreport r
           WHERE r.connection_id = c.id AND r.due_at <= %(now)s LIMIT %(max_due)s) due)), 0),
       coalesce(sum((SELECT count(*) FROM (
           SELECT FROM messaging_deliveryreport r
           WHERE r.connection_id = c.id AND r.due_at > %(now)s AND r.due_at <= %(until)s AND r.message_id IS NULL
           LIMIT %(max_unmatched)s) unmatched)), 0)
FROM messaging_connection c WHERE c.portal_id = %(portal)s
"""


def take_due(limit: int) -> list[DeliveryReport]:
    """Lock about `limit` due reports, shared out evenly among portals, the oldest of each; return them in id order.

    Runs inside the caller's transaction.
    """
    found = DeliveryReport.objects.raw(TAKE_DUE, {"now": timezone.now(), "limit": limit})
    return sorted(found, key=lambda report: report.pk)


def take_by_ids(ids: Collection[int]) -> list[DeliveryReport]:
    """Lock those of the reports that are still due; runs inside the caller's transaction."""
    due = DeliveryReport.objects.filter(pk__in=list(ids), due_at__lte=timezone.now())
    return list(due.order_by("pk").select_for_update(skip_locked=True))


def first_due_at() -> datetime | None:
    """Return when the next report of any connection is due, None if there is none."""
    with database.cursor() as cursor:
        cursor.execute(FIRST_DUE)
        first: datetime | None = cursor.fetchone()[0]
    return first


def count_waiting(portal_id: int, max_due: int, max_unmatched: int) -> tuple[int, int]:
    """Return how many of a portal's reports are due, and how many wait for a second try to find their message.

    Of each account at most `max_due` and `max_unmatched` are counted.
    """
    now = timezone.now()
    limits = {"max_due": max_due, "max_unmatched": max_unmatched}
    with database.cursor() as cursor:
        cursor.execute(COUNT_WAITING, {"portal": portal_id, "now": now, "until": now + RETRY_AFTER, **limits})
        due, unmatched = cursor.fetchone()
    return int(due), int(unmatched)
