"""When a method's operating time begins to be free again, by the portal's latest result (docs/bitrix24.md C.4).

Each process stores what it has received itself; where it has received nothing, it waits a minute.
"""

import math
from datetime import datetime

from b24app.core.ttl_cache import TtlCache
from b24app.portals.models import Portal

MAX_METHODS = 10_000

# Without expiry: a time that has passed still means that the method was free then, so the shortest pause is enough.
_reset_times = TtlCache[tuple[int, str], datetime](math.inf, MAX_METHODS)


def store_reset_time(portal: Portal, method: str, reset_at: datetime | None) -> None:
    """Store `operating_reset_at` of a result."""
    if reset_at is not None:
        _reset_times.put((portal.pk, method), reset_at)


def reset_time(portal: Portal, method: str) -> datetime | None:
    """Return the time from the latest result that had one; else None."""
    return _reset_times.get((portal.pk, method))
