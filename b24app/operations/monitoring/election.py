"""One process reads the gauges from the database and starts the canaries, whichever holds the lease."""

import uuid

import structlog
from django.db import DatabaseError, InterfaceError
from django.db import connection as database

from b24app.operations.monitoring import canary, gauges

log = structlog.get_logger(__name__)

LEASE = "40 seconds"
ELECT = """
INSERT INTO operations_monitorlease AS l (id, holder, until)
VALUES (1, %(holder)s, clock_timestamp() + %(lease)s::interval)
ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE l.holder = excluded.holder OR l.until < clock_timestamp()
RETURNING id
"""


def read_if_elected(process: uuid.UUID, *, may_stand: bool) -> bool:
    """Read the gauges and start the canaries if this process holds the lease or can take it; return whether it did.

    A process that is not elected shows no gauges, so that each is shown once.
    """
    try:
        is_elected = may_stand and _hold_lease(process)
        if not is_elected:
            gauges.show_nothing()
            return False
        canary.start_canaries()
        gauges.read_gauges()
    except (DatabaseError, InterfaceError) as error:
        gauges.show_nothing()
        log.warning("gauges_not_read", error=type(error).__name__)
        return False
    return True


def _hold_lease(process: uuid.UUID) -> bool:
    with database.cursor() as cursor:
        cursor.execute(ELECT, {"holder": process, "lease": LEASE})
        return cursor.fetchone() is not None
