"""Exponential backoff with jitter and a limit."""

import random
from datetime import timedelta


def backoff_delay(attempt: int, *, first: float, limit: float, factor: float = 3.0) -> timedelta:
    """Return the wait before the next try: `attempt` counts from 1, `first` and `limit` are seconds, jitter ±20 %."""
    seconds = min(limit, first * factor ** min(attempt - 1, 30))
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
