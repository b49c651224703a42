"""Run a portal's due jobs; a portal that cannot be reached is left alone for longer each time."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import F
from django.utils import timezone

from b24app.core import signed_urls
from b24app.core.backoff import backoff_delay
from b24app.core.monitoring.loops import timed_turn
from b24app.messaging.maintenance import due_jobs, probes
from b24app.messaging.models.maintenance import JobKind, MaintenanceJob
from b24app.messaging.push import portal_truth, sender_registration
from b24app.portals import event_handlers, placements
from b24app.portals.callers import token_candidates
from b24app.portals.errors import NotNow, NoToken, PortalError, PortalRefused
from b24app.portals.models import Portal
from b24app.portals.rest import token_renewal

log = structlog.get_logger(__name__)

FIRST_PAUSE = 60.0  # seconds
REFUSED_PAUSE = 900.0  # seconds: a permission or a rule does not change by itself
MAX_PAUSE = 86_400.0  # seconds
LONG_FAILING, LONG_PAUSE = 40, timedelta(days=7)  # tries, about a month; then once a week
SHORTEST_PAUSE = timedelta(seconds=1)


def look_after_tokens(portal: Portal) -> None:
    """Renew what would expire, and learn the portal's application_token where a message has brought it."""
    token_renewal.keep_alive(portal)
    token_candidates.adopt_candidate(portal)


INTERVALS: Mapping[str, timedelta] = {
    JobKind.SENDERS: timedelta(days=1),
    JobKind.EVENTS: timedelta(days=1),
    JobKind.PLACES: timedelta(days=1),
    JobKind.TOKENS: timedelta(days=7),
    JobKind.STATUSES: timedelta(days=1),
}
WORK: Mapping[str, Callable[[Portal], object]] = {
    JobKind.SENDERS: sender_registration.reconcile_senders,
    JobKind.EVENTS: event_handlers.check_handlers,
    JobKind.PLACES: placements.bind_places,
    JobKind.TOKENS: look_after_tokens,
    JobKind.STATUSES: portal_truth.push_again,
}


def run_due_jobs(portal_id: int) -> datetime | None:
    """Run what is due in a portal; return when to look again if that is soon, else None.

    The first failure that concerns the whole portal postpones all its jobs: it is not asked several times in vain.
    """
    portal = Portal.objects.installed().filter(pk=portal_id).first()
    if portal is None or (portal.suspension and not probes.probe_portal(portal)):
        return None
    jobs = due_jobs.claim_jobs(portal_id)
    for place, job in enumerate(jobs):
        try:
            with timed_turn(f"portal_{job.kind}"):
                WORK[job.kind](portal)
        except PortalRefused as refusal:
            _postpone_jobs([job], refusal)
        except PortalError as error:
            _postpone_jobs(jobs[place:], error)
            if isinstance(error, NoToken):
                return None  # they stay due, and the sweep finds them once the portal has a token
            break
        else:
            _finish_job(job)
    upcoming = MaintenanceJob.objects.filter(portal=portal_id, is_urgent=True).order_by("due_at")
    return upcoming.values_list("due_at", flat=True).first()


def _finish_job(job: MaintenanceJob) -> None:
    """Record a success; a request that came meanwhile leaves the job due."""
    now = timezone.now()
    mine = MaintenanceJob.objects.filter(pk=job.pk)
    done = {"done_at": now, "tries": 0, "lease_until": None, "error": "", "address_id": signed_urls.address_id()}
    if not mine.filter(requests=job.requests).update(**done, due_at=now + INTERVALS[job.kind], is_urgent=False):
        mine.update(**done)


def _postpone_jobs(jobs: Sequence[MaintenanceJob], error: PortalError) -> None:
    """Record a failure. Jobs that failed together are tried together: a portal that is off is asked once for all."""
    next_try = _next_try(max(job.tries for job in jobs), error)
    for job in jobs:
        mine = MaintenanceJob.objects.filter(pk=job.pk)
        mine.update(lease_until=None, error=error.code[:60])
        if not isinstance(error, NoToken):  # found again as soon as the portal has a token
            mine.filter(requests=job.requests).update(due_at=next_try, tries=F("tries") + 1)
    log.info("maintenance_postponed", portal=jobs[0].portal_id, kinds=[job.kind for job in jobs], code=error.code)


def _next_try(tries: int, error: PortalError) -> datetime:
    now = timezone.now()
    if isinstance(error, NotNow) and error.until is not None:
        return error.until + SHORTEST_PAUSE
    if tries >= LONG_FAILING:
        return now + LONG_PAUSE
    first = REFUSED_PAUSE if isinstance(error, PortalRefused) else FIRST_PAUSE
    return now + backoff_delay(tries + 1, first=first, limit=MAX_PAUSE, factor=2)
