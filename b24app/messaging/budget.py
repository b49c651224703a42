"""How many messages may fly at once in one worker, and for whom: who hangs has a small budget apart."""

from collections.abc import Mapping

from b24app.messaging.claims import Want
from b24app.messaging.sending import Drain

FLIGHTS = 192
SLOW_FLIGHTS = 64
MANY_HANG = 3  # connections after which their service is taken to hang for all its accounts


def wants(drains: Mapping[int, Drain]) -> list[Want]:
    """Room for each connection, within the two budgets; a slow one has one flight at a time."""
    slow = _slow(drains)
    free = {True: SLOW_FLIGHTS, False: FLIGHTS}
    for pk, drain in drains.items():
        free[pk in slow] -= len(drain.flying)
    found = []
    for pk, drain in drains.items():
        narrow = pk in slow
        room = min(drain.room(), free[narrow], 1 - len(drain.flying) if narrow else FLIGHTS)
        if room > 0:
            free[narrow] -= room
            found.append(Want(pk, room, drain.bulk_first, drain.connection.checked_at))
    return found


def _slow(drains: Mapping[int, Drain]) -> set[int]:
    """Connections that hang, or whose service hangs for several others and has not answered them."""
    hanging = [drain.service for drain in drains.values() if drain.hangs]
    sick = {service for service in hanging if hanging.count(service) >= MANY_HANG}
    return {
        pk
        for pk, drain in drains.items()
        if drain.hangs or drain.connection.slow or (drain.service in sick and not drain.answers)
    }
