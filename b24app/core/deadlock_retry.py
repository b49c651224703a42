"""Two writers that waited for each other: PostgreSQL ends one of them, which then has nothing to do but try again."""

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected

log = structlog.get_logger(__name__)
LETS_THE_OTHER_FINISH = 0.1  # seconds
P = ParamSpec("P")
T = TypeVar("T")


def retry_on_deadlock(write: Callable[P, T]) -> Callable[P, T]:
    """Run `write`, which is one transaction, once more after a deadlock; inside a larger one only its owner could."""

    @wraps(write)
    def once_more(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return write(*args, **kwargs)
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected) or connection.in_atomic_block:
                raise
        log.warning("deadlock_repeated", write=write.__qualname__)
        time.sleep(LETS_THE_OTHER_FINISH)  # or its row could be taken again before it woke up
        return write(*args, **kwargs)

    return once_more
