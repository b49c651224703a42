"""Exceptions that mean the database is unavailable."""

from django.db import InterfaceError, InternalError, OperationalError
from psycopg.errors import LockNotAvailable

# A statement that timed out (QueryCanceled) is an OperationalError too: a database that slow counts as unavailable.
# InternalError: a primary that became read-only in a failover, or a transaction that idled for too long.
AWAY = (OperationalError, InterfaceError, InternalError)


def is_only_locked(error: BaseException) -> bool:
    """Return whether a row or table stayed locked longer than we wait, while the database itself works."""
    return isinstance(error.__cause__, LockNotAvailable)
