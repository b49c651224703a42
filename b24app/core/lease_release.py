"""Letting a lease go, also when the database is away for a moment: otherwise it has to run out."""

from collections.abc import Callable

from django.db import connection

from b24app.core import shutdown
from b24app.core.outage import AWAY

TRIES, PAUSE = 10, 2.0  # seconds


def release_leases(release: Callable[[], object]) -> None:
    """Run `release`, again and again for some seconds while the database is away; then the lease runs out by itself."""
    for _ in range(TRIES):
        try:
            release()
            return
        except AWAY:
            connection.close()
        if shutdown.wait_for_request(PAUSE):
            return
