"""Limiting work on slow portals and services to a few at a time, so that the others never wait behind them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

SLOW_AFTER = 8.0  # seconds of one visit
SLOW_FOR = 600.0  # seconds
SLOW_PLACES = 4  # of one process's sixteen
COME_BACK = timedelta(seconds=5)


class Bulkhead:
    """Peers that were slow on their last visit share a few places; where none is free, the caller retries later."""

    def __init__(self, places: int = SLOW_PLACES) -> None:
        self._free = threading.BoundedSemaphore(places)
        self._slow_since: dict[object, float] = {}

    @contextmanager
    def place(self, peer: object) -> Iterator[bool]:
        """Yield whether this peer may be visited now."""
        if time.monotonic() - self._slow_since.get(peer, float("-inf")) > SLOW_FOR:
            with self._note_duration(peer):
                yield True
        elif self._free.acquire(blocking=False):
            try:
                with self._note_duration(peer):
                    yield True
            finally:
                self._free.release()
        else:
            yield False

    @contextmanager
    def _note_duration(self, peer: object) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            if time.monotonic() - started > SLOW_AFTER:
                self._slow_since[peer] = started
            else:
                self._slow_since.pop(peer, None)
