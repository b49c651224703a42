"""Waiting for a condition, within bounds."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    """Return as soon as `condition` holds; fail the test when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.02)
