"""Retrying after a deadlock: PostgreSQL aborts one of two writers that wait for each other."""

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected

from b24app.core.monitoring import metrics

log = structlog.get_logger(__name__)
RETRY_PAUSE = 0.1  # seconds
P = ParamSpec("P")
T = TypeVar("T")


def retry_on_deadlock(write: Callable[P, T]) -> Callable[P, T]:
    """Run `write`, a whole transaction, once more after a deadlock; inside a larger one only its owner could retry."""

    @wraps(write)
    def run_with_retry(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return write(*args, **kwargs)
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected) or connection.in_atomic_block:
                raise
        metrics.DEADLOCKS.inc()
        log.warning("deadlock_retried", write=write.__qualname__)
        time.sleep(RETRY_PAUSE)  # so that the other writer gets the row before we lock it again
        return write(*args, **kwargs)

    return run_with_retry
