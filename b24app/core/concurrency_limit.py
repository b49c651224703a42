"""Limiting how much long work a process does at once, per tenant and in all, without a queue.

A request that waits for another server, or computes for seconds, holds a thread. Without a limit one tenant whose
server hangs would hold them all.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from b24app.core.ttl_cache import TtlCache

SLOW_FOR = 60.0  # seconds
MAX_SLOW_TENANTS = 10_000


class Busy(Exception):
    """The limit is reached. Nothing was done; try again in a moment."""


class ConcurrencyLimit:
    """Places for long work of one kind: `in_all` of them, `per_tenant` of one tenant; safe among threads.

    A tenant that holds a place for `slow_after` seconds counts as slow for the next minute. A slow tenant has one place
    at a time, and all slow ones together have half: tenants whose servers hang leave the other half to the rest.
    """

    def __init__(self, *, in_all: int, per_tenant: int, slow_after: float = 3.0) -> None:
        self.in_all, self.per_tenant = in_all, per_tenant
        self._slow_after = slow_after
        self._lock = threading.Lock()
        self._held: list[tuple[str, float]] = []  # tenant, monotonic start
        self._slow: TtlCache[str, float] = TtlCache(SLOW_FOR, MAX_SLOW_TENANTS)

    @contextmanager
    def hold(self, tenant: str) -> Iterator[None]:
        """Hold one of a tenant's places while the block runs; raise Busy at once where none is free."""
        mine = (tenant, time.monotonic())
        with self._lock:
            if not self._is_free(tenant):
                raise Busy
            self._held.append(mine)
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(mine)
                if time.monotonic() - mine[1] >= self._slow_after:
                    self._slow.put(tenant, mine[1])

    def _is_free(self, tenant: str) -> bool:
        own = sum(held == tenant for held, _since in self._held)
        if len(self._held) >= self.in_all or own >= self.per_tenant:
            return False
        now = time.monotonic()
        slow = {
            held for held, since in self._held if now - since >= self._slow_after or self._slow.get(held) is not None
        }
        if tenant not in slow and self._slow.get(tenant) is None:
            return True
        return own == 0 and sum(held in slow for held, _since in self._held) < max(1, self.in_all // 2)
