"""Migrations beside running processes: none waits long for a lock while others wait behind it, and all are repeatable.

Whoever wants a table for itself stands in line behind the transaction that uses it, and everybody else behind that. So
each statement gives up after a moment, and is tried again later. Indexes that are built concurrently hold nobody up,
and are waited for.
"""

import re
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import chain, repeat
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected, LockNotAvailable

LOCK_TIMEOUT = "1s"  # of a statement; what the webhooks and pages wait longer at most
PAUSES = (2, 4, 8, 15)  # seconds before the next try
LONGEST_PAUSE = 30
NO_LIMITS = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
LIMITS_OF_TRANSACTION = f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = 0"

# What a try that broke off has done outside a transaction is not done again.
REPEATABLE = (
    (re.compile(r"^CREATE INDEX CONCURRENTLY (?!IF)"), "CREATE INDEX CONCURRENTLY IF NOT EXISTS "),
    (re.compile(r"^(ALTER TABLE \S+) ADD COLUMN (?!IF)"), r"\1 ADD COLUMN IF NOT EXISTS "),
)
UNFINISHED_INDEXES = """
SELECT i.indexrelid::regclass::text FROM pg_index i
JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE NOT i.indisvalid AND n.nspname = current_schema() AND t.relname = ANY(%s)
    AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
"""


def migrate_patiently(seconds: float, say: Callable[[str], object]) -> None:
    """Apply all migrations; raise OperationalError where a table is still in use after `seconds`.

    May be run again after any failure. `say` is called with what a person should know meanwhile.
    """
    _lift_limits()
    deadline = time.monotonic() + seconds
    for pause in chain(PAUSES, repeat(LONGEST_PAUSE)):
        try:
            _drop_unfinished_indexes(say)
            with connection.execute_wrapper(_execute_briefly):
                call_command("migrate", interactive=False)
            return
        except OperationalError as error:
            is_in_use = isinstance(error.__cause__, LockNotAvailable | DeadlockDetected)
            if not is_in_use or time.monotonic() + pause > deadline:
                raise
        say(f"\nA table is in use by another transaction: the next try is in {pause} seconds.")
        time.sleep(pause)


def _lift_limits() -> None:
    """Take the settings' timeouts off; where they are empty, as behind PgBouncer, the role's own ones hold."""
    connection.close()
    if settings.DATABASE_TIMEOUTS:
        options = connection.settings_dict["OPTIONS"]
        options["options"] = f"{options['options']} {NO_LIMITS}"


def _execute_briefly(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
    text = str(sql)
    if " CONCURRENTLY " in text:
        return execute(_make_repeatable(text), params, many, context)
    is_atomic = connection.in_atomic_block
    with nullcontext() if is_atomic else transaction.atomic():
        execute(LIMITS_OF_TRANSACTION, None, False, context)  # noqa: FBT003 - likewise
        return execute(sql if is_atomic else _make_repeatable(text), params, many, context)


def _make_repeatable(sql: str) -> str:
    for pattern, replacement in REPEATABLE:
        sql = pattern.sub(replacement, sql)
    return sql


def _drop_unfinished_indexes(say: Callable[[str], object]) -> None:
    """Drop indexes whose concurrent build broke off: they cost every write, serve no query, and keep their names."""
    with connection.cursor() as cursor:
        cursor.execute(UNFINISHED_INDEXES, [connection.introspection.django_table_names()])
        for (name,) in cursor.fetchall():
            say(f"Dropping the index {name}, which was not finished.")
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
