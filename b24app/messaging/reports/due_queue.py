"""Which reports are applied next: each portal has its turn, so that a flood of one costs the others nothing.

One index begins with the connection and goes on with the time. So the connections that have something are found by one
look each (`PENDING`), however many reports one of them has, and the oldest of each by one more.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection as database
from django.utils import timezone

from b24app.messaging.models import DeliveryReport

LOOK_AGAIN_AFTER = timedelta(seconds=60)  # for the message of a report, once
CONNECTIONS_AT_ONCE = 100  # of a round; where more have something due chance decides, so that none is left out for long

# The connections with reports to settle, each with the time of its first.
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
TAKE = f"""
{PENDING}, asked AS (
    SELECT s.connection_id, c.portal_id FROM step s JOIN messaging_connection c ON c.id = s.connection_id
    WHERE s.due_at <= %(now)s ORDER BY random() LIMIT {CONNECTIONS_AT_ONCE}
), turn AS (
    SELECT connection_id, count(*) OVER (PARTITION BY portal_id)
        * (SELECT count(DISTINCT portal_id) FROM asked) AS sharers FROM asked
)
SELECT due.* FROM turn CROSS JOIN LATERAL (
    SELECT r.* FROM messaging_deliveryreport r WHERE r.connection_id = turn.connection_id AND r.due_at <= %(now)s
    ORDER BY r.connection_id, r.due_at LIMIT greatest(%(most)s / turn.sharers, 1) FOR UPDATE SKIP LOCKED) due
"""  # noqa: S608 - made of constants
FIRST = f"{PENDING} SELECT min(due_at) FROM step"  # noqa: S608
# Of each account no more are counted than matter. Parts of messages wait for longer than a second look does.
WAITING = """
SELECT coalesce(sum((SELECT count(*) FROM (
           SELECT FROM messaging_deliveryreport r
           WHERE r.connection_id = c.id AND r.due_at <= %(now)s LIMIT %(most_due)s) due)), 0),
       coalesce(sum((SELECT count(*) FROM (
           SELECT FROM messaging_deliveryreport r
           WHERE r.connection_id = c.id AND r.due_at > %(now)s AND r.due_at <= %(until)s AND r.message_id IS NULL
           LIMIT %(most_strays)s) strays)), 0)
FROM messaging_connection c WHERE c.portal_id = %(portal)s
"""


def take_due(most: int) -> list[DeliveryReport]:
    """Lock about so many reports that are due, by portals in turn and of each the oldest; in the order of their ids.

    Belongs into a transaction.
    """
    found = DeliveryReport.objects.raw(TAKE, {"now": timezone.now(), "most": most})
    return sorted(found, key=lambda report: report.pk)


def take_again(ids: Collection[int]) -> list[DeliveryReport]:
    """Lock those of these reports that are still due; belongs into a transaction."""
    due = DeliveryReport.objects.filter(pk__in=list(ids), due_at__lte=timezone.now())
    return list(due.order_by("pk").select_for_update(skip_locked=True))


def first_due_at() -> datetime | None:
    """When the next report is due, of all; None where none is."""
    with database.cursor() as cursor:
        cursor.execute(FIRST)
        first: datetime | None = cursor.fetchone()[0]
    return first


def count_waiting(portal_id: int, most_due: int, most_strays: int) -> tuple[int, int]:
    """How many reports of a portal are due, and how many wait for a second look; of each account at most so many."""
    now = timezone.now()
    limits = {"most_due": most_due, "most_strays": most_strays}
    with database.cursor() as cursor:
        cursor.execute(WAITING, {"portal": portal_id, "now": now, "until": now + LOOK_AGAIN_AFTER, **limits})
        due, strays = cursor.fetchone()
    return int(due), int(strays)
