"""Whether the database has every migration of this code."""

from functools import cache

from django.db import connection as database
from django.db.migrations.loader import MigrationLoader


def missing_migrations() -> list[str]:
    """Return the migrations of this code that the database lacks, as `application.name`.

    One that is ahead of the code is no fault: so it is while processes are replaced one after the other.
    """
    with database.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
        applied = set()
        if cursor.fetchone()[0]:
            cursor.execute("SELECT app, name FROM django_migrations")
            applied = set(cursor.fetchall())
    return [f"{app}.{name}" for app, name in sorted(_known_migrations() - applied)]


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    return frozenset(loader.disk_migrations or ())
