"""The leases of connections in the database: taking, renewing and releasing them, and when to come back."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection as database
from django.utils import timezone

from b24app.core import sealing
from b24app.core.isolation import work_isolated
from b24app.messaging import dead_letters
from b24app.messaging.dispatch.takeovers import AcquiredLease
from b24app.messaging.models import Connection
from b24app.messaging.models.dead_letters import Kind
from providers.smpp import Smpp

log = structlog.get_logger(__name__)

CONNECTION_LEASE = timedelta(seconds=30)
SMPP_SERVICES = (Smpp.code,)  # accounts that stay bound, in a process of their own

ACQUIRE = """
WITH free AS (
    SELECT id, lease_holder AS previous, lease_until AS ended FROM messaging_connection
    WHERE id = ANY(%(ids)s) AND (lease_until IS NULL OR lease_until < %(now)s)
      AND (service = ANY(%(smpp)s)) = %(smpp_only)s ORDER BY id FOR NO KEY UPDATE
)
UPDATE messaging_connection c SET lease_until = %(until)s, lease_holder = %(holder)s FROM free WHERE c.id = free.id
RETURNING c.id, free.previous, free.ended
"""
RENEW = """
WITH mine AS (
    SELECT id FROM messaging_connection
    WHERE id = ANY(%(ids)s) AND lease_holder = %(holder)s ORDER BY id FOR NO KEY UPDATE
)
UPDATE messaging_connection c SET lease_until = %(until)s FROM mine WHERE c.id = mine.id RETURNING c.id
"""
RELEASE = """
WITH mine AS (
    SELECT w.* FROM unnest(%(ids)s::bigint[], %(paced)s::timestamptz[]) AS w(id, paced_until)
    JOIN messaging_connection c ON c.id = w.id WHERE c.lease_holder = %(holder)s ORDER BY c.id FOR NO KEY UPDATE OF c
)
UPDATE messaging_connection c SET lease_until = NULL, lease_holder = NULL, paced_until = mine.paced_until
FROM mine WHERE c.id = mine.id
"""

# One class at a time: the index is ordered by `due_at` only within a class.
NEXT_VISITS = """
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
    """When a released connection is next worth a visit, and when its service is to be polled."""

    connection: int
    next_at: datetime | None = None
    slow: bool = False
    poll_at: datetime | None = None


def acquire_leases(holder: uuid.UUID, ids: Collection[int], *, smpp_only: bool = False) -> list[AcquiredLease]:
    """Acquire the leases that are free, and return them. Other holders read the rows again after a release.

    With `smpp_only` only accounts of `SMPP_SERVICES`, else none of them.
    """
    rows = _execute_for_leases(ACQUIRE, holder, ids, smpp=list(SMPP_SERVICES), smpp_only=smpp_only)
    return [AcquiredLease(*row) for row in rows]


def renew_leases(holder: uuid.UUID, ids: Collection[int]) -> list[int]:
    """Extend leases; return the ids of those that are still ours."""
    return [pk for (pk,) in _execute_for_leases(RENEW, holder, ids)]


def _execute_for_leases(statement: str, holder: uuid.UUID, ids: Collection[int], **values: Any) -> list[Any]:
    now = timezone.now()
    values |= {"ids": list(ids), "holder": holder, "now": now, "until": now + CONNECTION_LEASE}
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def load_connections(ids: Collection[int]) -> dict[int, Connection]:
    """Return connections with their portals, without those whose account no key decrypts."""
    return {
        pk: one for some in work_isolated(list(ids), _load_some, _note_unreadable_account) for pk, one in some.items()
    }


def _load_some(ids: Sequence[int]) -> dict[int, Connection]:
    connections = {one.pk: one for one in Connection.objects.select_related("portal").filter(pk__in=ids)}
    for connection in connections.values():
        sealing.require_opened(connection.account)
    return connections


def _note_unreadable_account(pk: int, error: Exception) -> None:
    log.error("account_decryption_failed", connection=pk)
    dead_letters.note(Kind.ACCOUNT, pk, error, retry=True)


def release_leases(holder: uuid.UUID, paced: Mapping[int, datetime | None]) -> None:
    """Release leases, each with the moment up to which its rate is used."""
    with database.cursor() as cursor:
        cursor.execute(RELEASE, {"ids": list(paced), "paced": list(paced.values()), "holder": holder})


def next_visits(ids: Collection[int]) -> list[Visit]:
    """Return when each connection is next worth a visit, except those of portals that uninstalled us."""
    with database.cursor() as cursor:
        cursor.execute(NEXT_VISITS, [list(ids)])
        rows = cursor.fetchall()
    visits = []
    for pk, slow, throttled, breaker, paced, ordinary, bulk, poll_at in rows:
        first = min(filter(None, (ordinary, bulk)), default=None)
        next_at = max(filter(None, (first, throttled, breaker, paced))) if first else None
        visits.append(Visit(pk, next_at, slow, poll_at))
    return visits
