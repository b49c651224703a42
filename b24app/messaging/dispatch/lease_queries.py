"""Step 2's housekeeping: which connections a worker holds, what must be put right first, and when to come back."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection as database
from django.utils import timezone

from b24app.core.isolation import work_isolated
from b24app.messaging import dead_letters
from b24app.messaging.models import Connection
from b24app.messaging.models.dead_letters import Kind
from providers.smpp import Smpp

log = structlog.get_logger(__name__)

CONNECTION_LEASE = timedelta(seconds=30)
BOUND = (Smpp.code,)  # services that keep a connection of their own, in a process of their own

ACQUIRE = """
WITH free AS (
    SELECT id FROM messaging_connection
    WHERE id = ANY(%(ids)s) AND (lease_until IS NULL OR lease_until < %(now)s)
      AND (service = ANY(%(bound)s)) = %(binds)s ORDER BY id FOR NO KEY UPDATE
)
UPDATE messaging_connection c SET lease_until = %(until)s, lease_holder = %(holder)s FROM free WHERE c.id = free.id
RETURNING c.id
"""
RENEW = """
WITH mine AS (
    SELECT id FROM messaging_connection
    WHERE id = ANY(%(ids)s) AND lease_holder = %(holder)s ORDER BY id FOR NO KEY UPDATE
)
UPDATE messaging_connection c SET lease_until = %(until)s FROM mine WHERE c.id = mine.id RETURNING c.id
"""
LET_GO = """
WITH mine AS (
    SELECT w.* FROM unnest(%(ids)s::bigint[], %(paced)s::timestamptz[]) AS w(id, paced_until)
    JOIN messaging_connection c ON c.id = w.id WHERE c.lease_holder = %(holder)s ORDER BY c.id FOR NO KEY UPDATE OF c
)
UPDATE messaging_connection c SET lease_until = NULL, lease_holder = NULL, paced_until = mine.paced_until
FROM mine WHERE c.id = mine.id
"""

# One class at a time, for only so does the index give the order.
NEXT = """
SELECT c.id, c.slow, c.throttled_until, c.breaker_until, c.paced_until,
       (SELECT due_at FROM messaging_message WHERE connection_id = c.id AND phase = 'waiting' AND NOT bulk
        ORDER BY due_at LIMIT 1),
       (SELECT due_at FROM messaging_message WHERE connection_id = c.id AND phase = 'waiting' AND bulk
        ORDER BY due_at LIMIT 1),
       (SELECT poll_at FROM messaging_message WHERE connection_id = c.id AND poll_at IS NOT NULL
        ORDER BY poll_at LIMIT 1)
FROM messaging_connection c JOIN portals_portal p ON p.id = c.portal_id AND p.uninstalled_at IS NULL
WHERE c.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a worker leaves behind at a connection: when to come back, and what else is due there."""

    connection: int
    again: datetime | None = None
    slow: bool = False
    to_ask: datetime | None = None


def acquire_leases(holder: uuid.UUID, ids: Collection[int], *, binds: bool = False) -> list[int]:
    """Take the leases that are free; whoever has another one looks once more after letting go.

    `binds` takes only accounts of `BOUND`, else there are none of them.
    """
    return _leases(ACQUIRE, holder, ids, bound=list(BOUND), binds=binds)


def renew_leases(holder: uuid.UUID, ids: Collection[int]) -> list[int]:
    """Hold the leases longer; answers those that are still ours."""
    return _leases(RENEW, holder, ids)


def _leases(statement: str, holder: uuid.UUID, ids: Collection[int], **values: Any) -> list[int]:
    now = timezone.now()
    values |= {"ids": list(ids), "holder": holder, "now": now, "until": now + CONNECTION_LEASE}
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return [pk for (pk,) in cursor.fetchall()]


def load_connections(ids: Collection[int]) -> dict[int, Connection]:
    """Connections with their portals, without those whose account no key opens."""
    return {pk: one for some in work_isolated(list(ids), _load, _cannot_open) for pk, one in some.items()}


def _load(ids: Sequence[int]) -> dict[int, Connection]:
    return {one.pk: one for one in Connection.objects.select_related("portal").filter(pk__in=ids)}


def _cannot_open(pk: int, error: Exception) -> None:
    log.error("account_cannot_be_opened", connection=pk)
    dead_letters.note(Kind.ACCOUNT, pk, error, retry=True)


def release_leases(holder: uuid.UUID, paced: Mapping[int, datetime | None]) -> None:
    """Give leases back, each with the moment up to which its rate is used."""
    with database.cursor() as cursor:
        cursor.execute(LET_GO, {"ids": list(paced), "paced": list(paced.values()), "holder": holder})


def next_visits(ids: Collection[int]) -> list[Visit]:
    """When each connection is next worth a visit; those of portals that left are not."""
    with database.cursor() as cursor:
        cursor.execute(NEXT, [list(ids)])
        rows = cursor.fetchall()
    visits = []
    for pk, slow, throttled, broken, paced, ordinary, bulk, to_ask in rows:
        first = min(filter(None, (ordinary, bulk)), default=None)
        again = max(filter(None, (first, throttled, broken, paced))) if first else None
        visits.append(Visit(pk, again, slow, to_ask))
    return visits
