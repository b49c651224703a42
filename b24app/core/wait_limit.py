"""How long the work at hand may wait for servers that are not ours; without a limit, as long as each caller would.

A worker has time. Behind a request stands a person, and it holds a thread that others need.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Limit:
    each: float
    until: float


_limit: ContextVar[_Limit | None] = ContextVar("wait_limit", default=None)


@contextmanager
def limit_waiting(*, each: float, total: float) -> Iterator[None]:
    """Let what is done in the block wait `each` seconds for an answer and `total` for all of them.

    A block within another never waits beyond the other's end.
    """
    outer = _limit.get()
    until = time.monotonic() + total
    token = _limit.set(_Limit(each, min(until, outer.until) if outer else until))
    try:
        yield
    finally:
        _limit.reset(token)


def seconds_left() -> float | None:
    """Return how long may still be waited in all, at least 0; None where there is no limit."""
    limit = _limit.get()
    return max(0.0, limit.until - time.monotonic()) if limit else None


def shorten_timeout(seconds: float) -> float:
    """Return how long one answer may be waited for now by somebody who would wait so long; 0 when the time is up."""
    limit = _limit.get()
    return max(0.0, min(seconds, limit.each, limit.until - time.monotonic())) if limit else seconds
