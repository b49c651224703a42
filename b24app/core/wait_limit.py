"""Limiting how long a block of code waits for other servers; without a limit each caller uses its own timeout.

A worker has time. A request has a person waiting behind it, and it holds a thread that others need.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _WaitLimit:
    each: float
    until: float


_limit: ContextVar[_WaitLimit | None] = ContextVar("wait_limit", default=None)


@contextmanager
def limit_waiting(*, each: float, total: float) -> Iterator[None]:
    """Let the block wait `each` seconds for one answer and `total` for all of them.

    A nested block never waits beyond the end of the outer one.
    """
    outer = _limit.get()
    until = time.monotonic() + total
    token = _limit.set(_WaitLimit(each, min(until, outer.until) if outer else until))
    try:
        yield
    finally:
        _limit.reset(token)


def seconds_left() -> float | None:
    """Return the seconds left to wait in all, at least 0; None where there is no limit."""
    limit = _limit.get()
    return max(0.0, limit.until - time.monotonic()) if limit else None


def shorten_timeout(seconds: float) -> float:
    """Return the timeout for one answer, at most `seconds`; 0 when the time is up."""
    limit = _limit.get()
    return max(0.0, min(seconds, limit.each, limit.until - time.monotonic())) if limit else seconds
