"""Limit a rate that many threads share. One second's worth may be used at once."""

import threading
import time


class RateAllowance:
    """An allowance per second. It is used first and waited for afterwards, since the cost is known only then."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._lock = threading.Lock()
        self._left = per_second
        self._at = time.monotonic()

    def use(self, count: float) -> None:
        """Count `count` as used."""
        with self._lock:
            self._refill()
            self._left -= count

    def seconds_to_wait(self) -> float:
        """Return how long to wait, 0 if something may be done now."""
        with self._lock:
            self._refill()
            return max(0.0, -self._left / self._per_second)

    def _refill(self) -> None:
        now = time.monotonic()
        self._left = min(self._per_second, self._left + (now - self._at) * self._per_second)
        self._at = now
