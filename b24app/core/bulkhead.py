"""Portals and services that take long to answer: a few at a time, so that the others never wait behind them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

SLOW_AFTER = 8.0  # seconds a visit takes
REMEMBERED = 600.0  # seconds
AT_ONCE = 4  # of one process's sixteen
COME_BACK = timedelta(seconds=5)


class Bulkhead:
    """Whoever was slow on the last visit shares a few places; whoever finds none comes back in a moment."""

    def __init__(self, width: int = AT_ONCE) -> None:
        self._free = threading.BoundedSemaphore(width)
        self._slow_since: dict[object, float] = {}

    @contextmanager
    def place(self, visitor: object) -> Iterator[bool]:
        """Whether this visit may take place now."""
        if time.monotonic() - self._slow_since.get(visitor, float("-inf")) > REMEMBERED:
            with self._timed(visitor):
                yield True
        elif self._free.acquire(blocking=False):
            try:
                with self._timed(visitor):
                    yield True
            finally:
                self._free.release()
        else:
            yield False

    @contextmanager
    def _timed(self, visitor: object) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            if time.monotonic() - started > SLOW_AFTER:
                self._slow_since[visitor] = started
            else:
                self._slow_since.pop(visitor, None)
