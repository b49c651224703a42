"""Heartbeats: one row for each start of a process, written every few seconds in one statement."""

import socket
import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.utils import timezone

from b24app.console.help.releases import VERSION
from b24app.core.monitoring import loops
from b24app.messaging.models import LeaseTakeover
from b24app.operations.models import Heartbeat
from b24app.operations.monitoring.spool_state import SpoolState

KEPT_FOR = "7 days"  # who claimed a message is told by them
TAKEOVERS_KEPT_FOR = timedelta(days=30)
KEPT_WITH_RECORDS = "30 days"  # of one that left records on its disk

# The values of one process alone, so nobody waits for the row. The database's clock is compared with ours.
BEAT = """
INSERT INTO operations_heartbeat AS h (process, role, node, version, holder, started_at, beat_at, stopped_at,
    clock_ahead, turn_age, spool, spool_records, spool_bytes, spool_oldest_age)
VALUES (%(process)s, %(role)s, %(node)s, %(version)s, %(holder)s, clock_timestamp(), clock_timestamp(), NULL,
    extract(epoch FROM to_timestamp(%(now)s) - clock_timestamp()), %(turn_age)s, %(spool)s, %(records)s, %(bytes)s,
    %(oldest)s)
ON CONFLICT (process) DO UPDATE SET beat_at = excluded.beat_at, holder = excluded.holder, spool = excluded.spool,
    clock_ahead = excluded.clock_ahead, turn_age = excluded.turn_age, spool_records = excluded.spool_records,
    spool_bytes = excluded.spool_bytes, spool_oldest_age = excluded.spool_oldest_age
RETURNING clock_ahead
"""
STOP = "UPDATE operations_heartbeat SET stopped_at = clock_timestamp() WHERE process = %s"
PRUNE = """
DELETE FROM operations_heartbeat
WHERE beat_at < clock_timestamp() - %s::interval
   OR (spool_records = 0 AND beat_at < clock_timestamp() - %s::interval)
"""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process as its heartbeats name it."""

    role: str
    holder: uuid.UUID | None = None
    process: uuid.UUID = field(default_factory=uuid.uuid4)
    node: str = field(default_factory=lambda: socket.gethostname()[:100])


def write_heartbeat(identity: ProcessIdentity, state: SpoolState) -> float:
    """Write this process's heartbeat; return by how many seconds its clock is ahead of the database's."""
    turned_at, now = loops.finished_at("dispatcher"), time.time()
    values: dict[str, Any] = {
        "process": identity.process,
        "role": identity.role,
        "node": identity.node,
        "version": VERSION[:20],
        "holder": identity.holder,
        "turn_age": None if turned_at is None else max(0.0, now - turned_at),
        "spool": state.identity,
        "records": state.waiting + state.set_aside,
        "bytes": state.bytes,
        "oldest": state.oldest,
    }
    with database.cursor() as cursor:
        cursor.execute(BEAT, {**values, "now": time.time()})
        return float(cursor.fetchone()[0])


def note_stop(identity: ProcessIdentity) -> None:
    """Write that this process ends because it was asked to."""
    with database.cursor() as cursor:
        cursor.execute(STOP, [identity.process])


def prune_heartbeats() -> int:
    """Delete the rows of processes that are long gone; those that left records on their disk stay for longer.

    Takeovers from them are deleted likewise. Return how many rows were.
    """
    with database.cursor() as cursor:
        cursor.execute(PRUNE, [KEPT_WITH_RECORDS, KEPT_FOR])
        deleted = int(cursor.rowcount)
    return deleted + LeaseTakeover.objects.filter(at__lt=timezone.now() - TAKEOVERS_KEPT_FOR).delete()[0]


def holder_names(holders: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return who the holders of leases were, as in `worker on node-2`."""
    rows = Heartbeat.objects.filter(holder__in=holders)
    return {row.holder: f"{row.role} on {row.node}" for row in rows if row.holder is not None}
