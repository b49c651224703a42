"""Whether the database has every migration that this code needs; a process that serves waits for them before it does.

Old code works on a newer schema, new code does not work on an older one: it would set aside all that it is given.
"""

import pkgutil
import time
from functools import cache
from pathlib import Path

import structlog
from django.apps import apps
from django.conf import settings
from django.db import ProgrammingError, connection

from b24app.core import shutdown
from b24app.core.database.outage import AWAY

log = structlog.get_logger(__name__)

POLL_INTERVAL = 1.0  # seconds


def wait_for_migrations() -> None:
    """Return once the database has all migrations of this code; raise SystemExit where it does not get them in time.

    A database that is away is not waited for: what arrives meanwhile is kept on the disk, as at any other time. Leave
    no connection open.
    """
    deadline = time.monotonic() + settings.WAIT_FOR_MIGRATIONS_SECONDS
    is_logged = False
    try:
        while pending := find_pending_migrations():
            if not is_logged:
                log.warning(
                    "waiting_for_migrations",
                    first=pending[0],
                    pending=len(pending),
                    seconds=settings.WAIT_FOR_MIGRATIONS_SECONDS,
                )
                is_logged = True
            if time.monotonic() >= deadline or shutdown.wait_for_request(POLL_INTERVAL):
                raise SystemExit(
                    f"Sendline does not start: the database lacks {len(pending)} migrations that this version needs, "
                    f"the first being {pending[0]}. Run the Procfile's `release` first."
                )
    except AWAY as error:
        log.warning("migrations_not_checked", error=type(error).__name__)
    finally:
        connection.close()


def find_pending_migrations() -> list[str]:
    """Return the migrations of this code that the database does not have, as `app.name`; raise one of AWAY."""
    applied = _find_applied()
    return [f"{app}.{name}" for app, name in sorted(find_known_migrations() - applied)]


def find_unknown_migrations() -> list[str]:
    """Return the migrations of our applications that the database has and this code has not, as `app.name`."""
    known = find_known_migrations()
    ours = {app for app, _name in known}
    return [f"{app}.{name}" for app, name in sorted(_find_applied() - known) if app in ours]


def _find_applied() -> set[tuple[str, str]]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            return set(cursor.fetchall())
    except ProgrammingError:  # an empty database
        return set()


@cache
def find_known_migrations() -> frozenset[tuple[str, str]]:
    """Return app and name by the files alone: importing them all would cost every process time and memory."""
    return frozenset(
        (config.label, module.name)
        for config in apps.get_app_configs()
        for module in pkgutil.iter_modules([str(Path(config.path) / "migrations")])
        if module.name[0] not in "_~"
    )
