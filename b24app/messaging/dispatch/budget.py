"""How many messages may be on the wire at once in one process: of each portal first, then of each host, then in all.

A portal has at most half of what the others leave, so there is something left for the next however many want much.
Whoever hangs has a small budget apart, and it hangs with its host: what one host does says nothing of another.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Container, Mapping

from b24app.messaging.dispatch.claims import Want
from b24app.messaging.dispatch.drain import Drain

FLIGHTS, FLIGHTS_OF_HOST = 192, 144
SLOW_FLIGHTS, SLOW_FLIGHTS_OF_PORTAL, SLOW_FLIGHTS_OF_HOST = 64, 8, 16
MANY_HANG = 3  # portals after which their host is taken to hang for all its accounts


def claim_capacity(drains: Mapping[int, Drain]) -> list[Want]:
    """Return room for each connection, within the budgets; a slow one has one flight at a time.

    Whoever was asked longest ago comes first, since most who get room have nothing to send.
    """
    slow = _slow(drains)
    used = _Used(drains, slow)
    found = []
    for pk, drain in sorted(drains.items(), key=lambda one: one[1].asked_at):
        left = used.left_if_slow(drain) if pk in slow else used.left(drain)
        room = min(drain.room(), left) if left > 0 else 0
        if room > 0:
            used.add(drain, room, is_slow=pk in slow)
            drain.asked_at = time.monotonic()
            found.append(Want(pk, room, drain.bulk_first, drain.connection.checked_at))
    return found


def _slow(drains: Mapping[int, Drain]) -> set[int]:
    """Connections that hang, or whose host hangs for several portals and has not answered them."""
    hanging: dict[str, set[int]] = defaultdict(set)
    for drain in drains.values():
        if drain.hangs:
            hanging[drain.host].add(drain.portal)
    sick = {host for host, portals in hanging.items() if len(portals) >= MANY_HANG}
    return {
        pk
        for pk, drain in drains.items()
        if drain.hangs or drain.connection.slow or (drain.host in sick and not drain.answers)
    }


class _Used:
    """What is on the wire, and what was given away in this round.

    A slow connection uses the slow budgets. What is beyond them went out before it was slow, and uses the ordinary
    ones as before: each flight has a thread.
    """

    def __init__(self, drains: Mapping[int, Drain], slow: Container[int]) -> None:
        self._all = 0
        self._portals: Counter[int] = Counter()
        self._hosts: Counter[str] = Counter()
        self._slow_portals: Counter[int] = Counter()
        self._slow_hosts: Counter[str] = Counter()
        self._within_portals = self._within_hosts = 0  # slow ones within the budgets of their portals, of their hosts
        for pk, drain in drains.items():
            self.add(drain, len(drain.flying), is_slow=pk in slow)

    def add(self, drain: Drain, count: int, *, is_slow: bool) -> None:
        """Use so many more."""
        self._all += count
        if not is_slow:
            self._portals[drain.portal] += count
            self._hosts[drain.host] += count
            return
        of_portal, of_host = self._slow_portals[drain.portal], self._slow_hosts[drain.host]
        self._within_portals += max(0, min(count, SLOW_FLIGHTS_OF_PORTAL - of_portal))
        self._within_hosts += max(0, min(count, SLOW_FLIGHTS_OF_HOST - of_host))
        self._slow_portals[drain.portal] += count
        self._slow_hosts[drain.host] += count

    def left(self, drain: Drain) -> int:
        """Return how many more may start on a connection that answers, 0 or less for none."""
        used = self._all - self._slow
        of_portal = self._portals[drain.portal] + max(0, self._slow_portals[drain.portal] - SLOW_FLIGHTS_OF_PORTAL)
        of_host = self._hosts[drain.host] + max(0, self._slow_hosts[drain.host] - SLOW_FLIGHTS_OF_HOST)
        share = max(1, (FLIGHTS - (used - of_portal)) // 2)
        return min(share - of_portal, FLIGHTS_OF_HOST - of_host, FLIGHTS - used)

    def left_if_slow(self, drain: Drain) -> int:
        """Return the same for a connection that hangs."""
        return min(
            1 - len(drain.flying),
            SLOW_FLIGHTS_OF_PORTAL - self._slow_portals[drain.portal],
            SLOW_FLIGHTS_OF_HOST - self._slow_hosts[drain.host],
            SLOW_FLIGHTS - self._slow,
            FLIGHTS + SLOW_FLIGHTS - self._all,
        )

    @property
    def _slow(self) -> int:
        return min(self._within_portals, self._within_hosts, SLOW_FLIGHTS)
