"""Releasing leases at shutdown, even if the database is unavailable for a moment."""

from collections.abc import Callable

from django.db import connection

from b24app.core import shutdown
from b24app.core.database.outage import AWAY

TRIES, PAUSE = 10, 2.0  # seconds


def release_leases(release: Callable[[], object]) -> None:
    """Run `release`, retrying for 20 seconds while the database is unavailable; after that the leases expire."""
    for _ in range(TRIES):
        try:
            release()
            return
        except AWAY:
            connection.close()
        if shutdown.wait_for_request(PAUSE):
            return
