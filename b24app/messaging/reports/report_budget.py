"""How many reports of a portal may wait to be applied: what is above is refused, and services come again with it.

Counted in the database, but only once for every so many reports, so that ordinary traffic pays next to nothing.
"""

import time
from dataclasses import dataclass

import structlog

from b24app.messaging.reports import due_queue

log = structlog.get_logger(__name__)

MOST_RESULTS = 1_000  # of one call; the largest batch a service is known to make has 500 (docs of Play Mobile)
MOST_DUE = 50_000  # of a portal: a campaign's worth that no worker has applied yet
MOST_STRAYS = 10_000  # of a portal, of messages that are not ours, within a minute
COUNT_EVERY = 1_000  # reports of a portal in this process
REFUSE_FOR = 5.0  # seconds between two counts while it is above
PORTALS = 10_000  # that are remembered


class TooManyResults(Exception):
    """One call brought more reports than any service gathers."""


class TooManyWaiting(Exception):
    """So many reports of the portal wait that no more are taken for a moment."""


@dataclass(slots=True)
class _Use:
    since_count: int = 0
    refused_until: float = 0.0


class Budget:
    """What this process knows of the portals' reports; shared by threads, to which a lost count does no harm."""

    def __init__(self) -> None:
        self._uses: dict[int, _Use] = {}

    def refuse_at_once(self, portal_id: int) -> None:
        """Raise TooManyWaiting while the portal is above its budget, before a call of its is taken apart."""
        if time.monotonic() < self._use(portal_id).refused_until:
            raise TooManyWaiting

    def take(self, portal_id: int, count: int) -> None:
        """Count reports that are about to be kept. Raise TooManyResults, TooManyWaiting, AWAY."""
        if count > MOST_RESULTS:
            raise TooManyResults
        self.refuse_at_once(portal_id)
        use = self._use(portal_id)
        use.since_count += count
        if use.since_count < COUNT_EVERY:
            return
        use.since_count = 0
        due, strays = due_queue.count_waiting(portal_id, MOST_DUE, MOST_STRAYS)
        if due >= MOST_DUE or strays >= MOST_STRAYS:
            use.since_count = COUNT_EVERY  # the first that comes after the pause is counted again
            use.refused_until = time.monotonic() + REFUSE_FOR
            log.warning("reports_over_budget", portal=portal_id, due=due, strays=strays)
            raise TooManyWaiting

    def _use(self, portal_id: int) -> _Use:
        if len(self._uses) > PORTALS:
            self._uses.clear()
        return self._uses.setdefault(portal_id, _Use())


budget = Budget()
