"""How it shows that the database is away, for everybody who has to wait for it."""

from django.db import InterfaceError, InternalError, OperationalError
from psycopg.errors import LockNotAvailable

# A statement that took longer than it may (QueryCanceled) is an OperationalError too: a database that slow is away.
# InternalError: after a failover, a primary that has become read-only; or a transaction that idled for too long.
AWAY = (OperationalError, InterfaceError, InternalError)


def is_only_locked(error: BaseException) -> bool:
    """Was it one row or table that somebody held for longer than we wait, while the database is well?"""
    return isinstance(error.__cause__, LockNotAvailable)
