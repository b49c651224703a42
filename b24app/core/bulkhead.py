"""Limiting work on slow portals and services to a few at a time, so that the others never wait behind them.

Whether a portal is there is not known before it has answered. Of many that are off at once, the first few are waited
for as long as any; the others get a moment, after which they count as slow. So it takes seconds to know all of them.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

from b24app.core.ttl_cache import TtlCache
from b24app.core.wait_limit import limit_waiting

SLOW_AFTER, SLOW_FOR = 8.0, 600.0  # seconds of one visit, and until it is forgotten
FRESH_FOR = 60.0  # seconds after an answer
SLOW_PLACES, PATIENT_PLACES, HURRIED_PLACES = 3, 3, 8  # of one process's sixteen: some are for fresh peers only
HURRIED_SECONDS, USUAL_TIMES = 2.0, 4.0  # to wait for each answer, or so often what the last visit took
MAX_PEERS = 20_000
COME_BACK = timedelta(seconds=2)


@dataclass(slots=True)
class _Visit:
    is_hurried: bool = False
    answered: bool = False


_visit: ContextVar[_Visit | None] = ContextVar("visit", default=None)


def note_answer() -> None:
    """Note that the peer of the visit under way, if there is one, has answered something."""
    visit = _visit.get()
    if visit is not None:
        visit.answered = True


class Bulkhead:
    """Peers that were slow on their last visit share a few places; where none is free, the caller retries later.

    A visit that `can_hurry` loses nothing if answers are waited for a moment only (`wait_limit`): beside the first few,
    all are. Peers that have not answered lately share some places for that.
    """

    def __init__(self, slow: int = SLOW_PLACES, patient: int = PATIENT_PLACES, hurried: int = HURRIED_PLACES) -> None:
        self._slow, self._patient, self._hurried = map(threading.BoundedSemaphore, (slow, patient, hurried))
        self._was_slow = TtlCache[object, float](SLOW_FOR, MAX_PEERS)
        self._was_quick = TtlCache[object, float](FRESH_FOR, MAX_PEERS)

    @contextmanager
    def place(self, peer: object, *, can_hurry: bool = False, is_noted: bool = True) -> Iterator[bool]:
        """Yield whether this peer may be visited now. `is_noted`: its answers are, so that no answer means none."""
        with ExitStack() as held:
            visit = self._begin_visit(peer, held, can_hurry=can_hurry)
            if visit is None:
                yield False
                return
            token, started = _visit.set(visit), time.monotonic()
            try:
                yield True
            finally:
                _visit.reset(token)
                visit.answered |= not is_noted
                self._note_end(peer, visit, time.monotonic() - started)

    def _begin_visit(self, peer: object, held: ExitStack, *, can_hurry: bool) -> _Visit | None:
        """Take a place; return None where none is free."""
        if self._was_slow.get(peer) is not None:
            return _Visit() if _hold(self._slow, held) else None
        if not can_hurry or _hold(self._patient, held):
            return _Visit()
        last = self._was_quick.get(peer)
        if last is None and not _hold(self._hurried, held):
            return None
        # Who has just answered may have gone off since, with many others: their last visit tells how long to wait.
        seconds = min(SLOW_AFTER, max(HURRIED_SECONDS, USUAL_TIMES * (last or 0.0)))
        held.enter_context(limit_waiting(each=seconds, total=SLOW_AFTER))
        return _Visit(is_hurried=True)

    def _note_end(self, peer: object, visit: _Visit, seconds: float) -> None:
        was_silent = visit.is_hurried and not visit.answered and seconds > 0.9 * HURRIED_SECONDS
        if seconds > SLOW_AFTER or was_silent:
            self._was_slow.put(peer, seconds)
            self._was_quick.forget(peer)
        elif visit.answered:
            self._was_slow.forget(peer)
            self._was_quick.put(peer, seconds)


def _hold(places: threading.BoundedSemaphore, held: ExitStack) -> bool:
    is_free = places.acquire(blocking=False)
    if is_free:
        held.callback(places.release)
    return is_free
