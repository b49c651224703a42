"""How many reports of a portal may wait to be applied: calls above that are refused, and services repeat them.

They are counted in the database, but only once per thousand reports, so that ordinary traffic pays next to nothing.
"""

import time
from dataclasses import dataclass

import structlog

from b24app.messaging.reports import due_queue

log = structlog.get_logger(__name__)

MAX_RESULTS = 1_000  # of one call; the largest batch a service is known to make has 500 (Play Mobile's documentation)
MAX_DUE = 50_000  # of a portal: a campaign's reports, none of them applied yet
MAX_UNMATCHED = 10_000  # of a portal, of messages that are not ours, within a minute
COUNT_EVERY = 1_000  # reports of a portal in this process
REFUSE_FOR = 5.0  # seconds between two counts while a portal is over budget
MAX_PORTALS = 10_000  # whose use is remembered


class TooManyResults(Exception):
    """One call has more reports than any service puts into one."""


class TooManyWaiting(Exception):
    """The portal has so many unapplied reports that no more are accepted for a moment."""


@dataclass(slots=True)
class _PortalUse:
    since_count: int = 0
    refused_until: float = 0.0


class ReportBudget:
    """The portals' reports as this process counts them; shared by threads without a lock: a lost count does no harm."""

    def __init__(self) -> None:
        self._uses: dict[int, _PortalUse] = {}

    def refuse_at_once(self, portal_id: int) -> None:
        """Raise TooManyWaiting while the portal is over its budget; called before a call is parsed."""
        if time.monotonic() < self._use_of(portal_id).refused_until:
            raise TooManyWaiting

    def take(self, portal_id: int, count: int) -> None:
        """Count reports that are about to be stored; raise TooManyResults, TooManyWaiting, AWAY."""
        if count > MAX_RESULTS:
            raise TooManyResults
        self.refuse_at_once(portal_id)
        use = self._use_of(portal_id)
        use.since_count += count
        if use.since_count < COUNT_EVERY:
            return
        use.since_count = 0
        due, unmatched = due_queue.count_waiting(portal_id, MAX_DUE, MAX_UNMATCHED)
        if due >= MAX_DUE or unmatched >= MAX_UNMATCHED:
            use.since_count = COUNT_EVERY  # so that the first call after the pause counts again
            use.refused_until = time.monotonic() + REFUSE_FOR
            log.warning("reports_over_budget", portal=portal_id, due=due, unmatched=unmatched)
            raise TooManyWaiting

    def _use_of(self, portal_id: int) -> _PortalUse:
        if len(self._uses) > MAX_PORTALS:
            self._uses.clear()
        return self._uses.setdefault(portal_id, _PortalUse())


budget = ReportBudget()
