"""How long the turns of a process's loops take, and when each last finished one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from b24app.core.monitoring import metrics

log = structlog.get_logger(__name__)

SLOW_TURN = 2.0  # seconds
_finished_at: dict[str, float] = {}


@contextmanager
def timed_turn(loop: str, *, slow_after: float | None = None) -> Iterator[dict[str, object]]:
    """Measure a turn of a loop that does not raise; log one that took longer than `slow_after` seconds.

    What the block puts into the yielded dictionary stands in that line.
    """
    started = time.monotonic()
    details: dict[str, object] = {}
    yield details
    seconds = time.monotonic() - started
    _finished_at[loop] = time.time()
    metrics.LOOP_SECONDS.labels(loop).observe(seconds)
    metrics.LOOP_AT.labels(loop).set(_finished_at[loop])
    if slow_after is not None and seconds > slow_after:
        log.warning("turn_slow", loop=loop, seconds=round(seconds, 1), **details)


def finished_at(loop: str) -> float | None:
    """Return when this process's loop last finished a turn, as a Unix time; None before the first."""
    return _finished_at.get(loop)
