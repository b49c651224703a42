"""Record which accounts were taken over from processes that did not release them, so that delays can be explained."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from b24app.core.database.outage import AWAY
from b24app.core.monitoring import metrics
from b24app.messaging.models import LeaseTakeover

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AcquiredLease:
    """A lease as it was acquired; `previous` held it until `ended_at` and did not release it, if there is one."""

    connection: int
    previous: UUID | None
    ended_at: datetime | None


def record_takeovers(holder: UUID, leases: Sequence[AcquiredLease], stranded: Collection[int]) -> None:
    """Count, log and store those that another process had held. Raise AWAY; any other error is only logged."""
    rows = [
        LeaseTakeover(
            connection_id=one.connection,
            previous_holder=one.previous,
            holder=holder,
            ended_at=one.ended_at,
            stranded=one.connection in stranded,
        )
        for one in leases
        if one.previous is not None and one.ended_at is not None
    ]
    if not rows:
        return
    metrics.TAKEOVERS.inc(len(rows))
    for row in rows:
        log.warning(
            "lease_taken_over",
            connection=row.connection_id,
            holder=str(holder),
            previous=str(row.previous_holder),
            ended_at=row.ended_at.isoformat(),
            stranded=row.stranded,
        )
    try:
        LeaseTakeover.objects.bulk_create(rows)
    except AWAY:
        raise
    except Exception:  # a record for operators must not hold up any message
        log.exception("takeover_not_recorded")
