"""Checks of PostgreSQL: that it answers, and that it keeps and limits what Sendline relies on."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import OperationalError, connection

from b24app.operations import schema
from b24app.operations.doctor.clock import compare_clocks
from b24app.operations.doctor.findings import Finding, count_of, error, ok, warning

MIN_VERSION = 150000
SAFE = {"fsync": "on", "full_page_writes": "on"}
TIMEOUTS = {"statement_timeout": "10s", "lock_timeout": "3s", "idle_in_transaction_session_timeout": "30s"}
QUIET_LOG = {"log_min_error_statement": "panic", "log_error_verbosity": "terse"}
COMMITTED = {"on", "remote_apply", "remote_write", "local"}
OTHERS = ("synchronous_commit", "TimeZone", "max_connections", "superuser_reserved_connections", "server_encoding")
READ_SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
READ_STATE = """
SELECT pg_is_in_recovery(), current_setting('server_version_num')::int,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
"""


def check_server() -> Iterator[Finding]:
    """Find a PostgreSQL that is away, too old, a replica, or asked by a superuser."""
    is_replica, version, is_superuser, _clients = _read_state()
    if version < MIN_VERSION:
        yield error(f"PostgreSQL is version {version // 10000}.", "Upgrade it to 15 or later.")
    else:
        yield ok(f"PostgreSQL {version // 10000}.{version % 10000} answers.")
    if is_replica:
        yield error("PostgreSQL is a replica that takes no writes.", "Point DATABASE_URL at the primary.")
    if is_superuser:
        yield warning("The role of DATABASE_URL is a superuser.", "Use a role that owns Sendline's database only.")


def check_durability() -> Iterator[Finding]:
    """Find settings with which an answered call could be lost."""
    found = _read_settings((*SAFE, *OTHERS))
    for name, wanted in SAFE.items():
        if found[name] != wanted:
            yield error(
                f"PostgreSQL has {name} = {found[name]}, so a crash can destroy the database.",
                f"Set {name} = {wanted}.",
            )
    if found["synchronous_commit"] not in COMMITTED:
        yield error(
            f"PostgreSQL has synchronous_commit = {found['synchronous_commit']}, so a crash loses answered calls.",
            "Set synchronous_commit = on.",
        )
    if found["server_encoding"] != "UTF8":
        yield error(f"The database is encoded in {found['server_encoding']}.", "Make it anew with ENCODING 'UTF8'.")
    if found["TimeZone"] not in {"UTC", "Etc/UTC", "GMT"}:
        yield warning(f"The database's session is in {found['TimeZone']}.", "Let it be UTC.")
    if all(found[name] == wanted for name, wanted in SAFE.items()) and found["synchronous_commit"] in COMMITTED:
        yield ok("PostgreSQL keeps what it has committed.")


def check_timeouts() -> Iterator[Finding]:
    """Find that a statement or lock may be waited for without end: DATABASE_TIMEOUTS or the role has to say."""
    unlimited = [name for name, value in _read_settings(tuple(TIMEOUTS)).items() if value == "0"]
    for name in unlimited:
        yield warning(
            f"PostgreSQL has no {name} for this role.",
            f"Leave DATABASE_TIMEOUTS as it is; behind PgBouncer: ALTER ROLE … SET {name} = '{TIMEOUTS[name]}'.",
        )
    if not unlimited:
        yield ok("Statements, locks and idle transactions are limited.")


def check_server_log() -> Iterator[Finding]:
    """Find that PostgreSQL writes numbers and texts into its own log."""
    found = _read_settings(tuple(QUIET_LOG))
    loud = [name for name, wanted in QUIET_LOG.items() if found[name] != wanted]
    if loud:
        wanted = ", ".join(f"{name} = {QUIET_LOG[name]}" for name in loud)
        yield warning("PostgreSQL quotes rows in its log when a statement fails.", f"Set {wanted}.")
    else:
        yield ok("PostgreSQL keeps rows out of its log.")


def check_connections(pools: Mapping[str, int]) -> Iterator[Finding]:
    """Find that PostgreSQL allows fewer connections than the processes may open."""
    found = _read_settings(OTHERS)
    allowed = int(found["max_connections"]) - int(found["superuser_reserved_connections"])
    wanted, (_, _, _, used) = sum(pools.values()), _read_state()
    if wanted > allowed:
        yield warning(
            f"PostgreSQL allows {allowed} connections; the processes may open {wanted}.",
            f"Set max_connections = {wanted + 20}, or put PgBouncer in between.",
        )
    else:
        yield ok(f"PostgreSQL allows {allowed} connections; the processes may open {wanted}.")
    if used > 0.8 * allowed:
        yield error(f"{used} of {allowed} connections of PostgreSQL are used.", "Raise max_connections.")


def check_clock() -> Iterator[Finding]:
    """Find a clock that differs from PostgreSQL's: messages would wait, or be taken for late."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")  # connects, which takes long
        before = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        yield compare_clocks("PostgreSQL", float(cursor.fetchone()[0]), before, time.time())


def check_migrations() -> Iterator[Finding]:
    """Find that the database is older or newer than the code."""
    waiting, unknown = schema.find_pending_migrations(), schema.find_unknown_migrations()
    if waiting:
        yield error(
            f"The database lacks {count_of(len(waiting), 'migration')}, the first is {waiting[0]}.",
            "Run the Procfile's `release` before any process of this version.",
        )
    elif unknown:
        yield warning(
            f"The database is newer than the code: it has {unknown[-1]}.",
            "Run the newest code that you have run.",
        )
    else:
        yield ok(f"All {len(schema.find_known_migrations())} migrations are applied.")


def check_password() -> Iterator[Finding]:
    """Find a PostgreSQL that lets this role in without its password."""
    described = connection.settings_dict
    if not str(described.get("HOST") or "").strip("/") or str(described["HOST"]).startswith("/"):
        return  # a socket, where the system says who asks
    connection.ensure_connection()
    without = connection.copy("without-password")
    without.settings_dict = {**described, "PASSWORD": ""}
    try:
        without.ensure_connection()
    except OperationalError:
        yield ok("PostgreSQL asks for a password.")
    else:
        yield warning(
            "PostgreSQL lets this role in without its password.", "Write scram-sha-256 instead of trust in pg_hba.conf."
        )
    finally:
        without.close()


def _read_state() -> Any:
    with connection.cursor() as cursor:
        cursor.execute(READ_STATE)
        return cursor.fetchone()


def _read_settings(names: tuple[str, ...]) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(READ_SETTINGS, [list(names)])
        return dict(cursor.fetchall())
