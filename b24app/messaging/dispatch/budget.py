"""How many messages one process may have in flight: per portal first, then per host, then in all.

A portal gets at most half of what the others leave, so that something is left for the next portal however much the
first ones want. Unresponsive connections have a small budget of their own, per portal and per host: one host's trouble
says nothing about another.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Container, Mapping

from b24app.messaging.dispatch.claims import ClaimRequest
from b24app.messaging.dispatch.drain import Drain

MAX_IN_FLIGHT, MAX_PER_HOST = 192, 144
SLOW_MAX_IN_FLIGHT, SLOW_MAX_PER_PORTAL, SLOW_MAX_PER_HOST = 64, 8, 16
SICK_HOST_PORTALS = 3  # a host that hangs for so many portals counts as hanging for all its accounts


def claim_capacity(drains: Mapping[int, Drain]) -> list[ClaimRequest]:
    """Return how many messages may be claimed for each connection, within the budgets; one at a time for a slow one.

    The connection asked longest ago comes first, since most that get a turn have nothing to send.
    """
    slow = _slow_connections(drains)
    used = _Usage(drains, slow)
    requests = []
    for pk, drain in sorted(drains.items(), key=lambda one: one[1].last_claim_at):
        free = used.free_if_slow(drain) if pk in slow else used.free_for(drain)
        limit = min(drain.free_slots(), free) if free > 0 else 0
        if limit > 0:
            used.add(drain, limit, is_slow=pk in slow)
            drain.last_claim_at = time.monotonic()
            requests.append(ClaimRequest(pk, limit, drain.bulk_first, drain.connection.checked_at))
    return requests


def _slow_connections(drains: Mapping[int, Drain]) -> set[int]:
    """Return connections that are unresponsive, or whose host is for several portals and has not just answered them."""
    unresponsive: dict[str, set[int]] = defaultdict(set)
    for drain in drains.values():
        if drain.is_unresponsive:
            unresponsive[drain.host].add(drain.portal_id)
    sick = {host for host, portals in unresponsive.items() if len(portals) >= SICK_HOST_PORTALS}
    return {
        pk
        for pk, drain in drains.items()
        if drain.is_unresponsive or drain.connection.slow or (drain.host in sick and not drain.is_responsive)
    }


class _Usage:
    """What is in flight, and what was given away in this round.

    A slow connection uses the slow budgets. What it has beyond them went out before it was slow and uses the ordinary
    budgets as before, for each send has a thread.
    """

    def __init__(self, drains: Mapping[int, Drain], slow: Container[int]) -> None:
        self._all = 0
        self._portals: Counter[int] = Counter()
        self._hosts: Counter[str] = Counter()
        self._slow_portals: Counter[int] = Counter()
        self._slow_hosts: Counter[str] = Counter()
        self._within_portals = self._within_hosts = 0  # slow sends within their portals' and hosts' budgets
        for pk, drain in drains.items():
            self.add(drain, len(drain.in_flight), is_slow=pk in slow)

    def add(self, drain: Drain, count: int, *, is_slow: bool) -> None:
        """Use `count` more."""
        self._all += count
        if not is_slow:
            self._portals[drain.portal_id] += count
            self._hosts[drain.host] += count
            return
        portal_used, host_used = self._slow_portals[drain.portal_id], self._slow_hosts[drain.host]
        self._within_portals += max(0, min(count, SLOW_MAX_PER_PORTAL - portal_used))
        self._within_hosts += max(0, min(count, SLOW_MAX_PER_HOST - host_used))
        self._slow_portals[drain.portal_id] += count
        self._slow_hosts[drain.host] += count

    def free_for(self, drain: Drain) -> int:
        """Return how many more may start on a connection that answers; 0 or less for none."""
        used = self._all - self._slow_in_flight
        portal_used = self._portals[drain.portal_id] + max(0, self._slow_portals[drain.portal_id] - SLOW_MAX_PER_PORTAL)
        host_used = self._hosts[drain.host] + max(0, self._slow_hosts[drain.host] - SLOW_MAX_PER_HOST)
        share = max(1, (MAX_IN_FLIGHT - (used - portal_used)) // 2)
        return min(share - portal_used, MAX_PER_HOST - host_used, MAX_IN_FLIGHT - used)

    def free_if_slow(self, drain: Drain) -> int:
        """Return how many more may start on a slow connection; 0 or less for none."""
        return min(
            1 - len(drain.in_flight),
            SLOW_MAX_PER_PORTAL - self._slow_portals[drain.portal_id],
            SLOW_MAX_PER_HOST - self._slow_hosts[drain.host],
            SLOW_MAX_IN_FLIGHT - self._slow_in_flight,
            MAX_IN_FLIGHT + SLOW_MAX_IN_FLIGHT - self._all,
        )

    @property
    def _slow_in_flight(self) -> int:
        return min(self._within_portals, self._within_hosts, SLOW_MAX_IN_FLIGHT)
