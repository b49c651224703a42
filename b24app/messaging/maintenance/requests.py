"""Have a portal checked soon, for whoever needs what it has of ours to be right."""

from django.utils import timezone

from b24app.messaging import enqueue
from b24app.messaging.models.maintenance import JobKind, MaintenanceJob
from b24app.portals.callers import token_candidates


def request_check(portal_id: int) -> None:
    """Have the portal's senders, event handlers and places compared with ours, now or as soon as it lets us."""
    MaintenanceJob.objects.request(portal_id)
    enqueue.maintain(portal_id)


def retry_failed(portal_id: int) -> None:
    """Have what failed at the last try done again now: somebody opened us, so the portal is there."""
    failed = MaintenanceJob.objects.filter(portal=portal_id).exclude(error="")
    if failed.update(due_at=timezone.now(), is_urgent=True):
        enqueue.maintain(portal_id)


def keep_candidate(portal_id: int, application_token: str, access: str) -> None:
    """Have a worker find out whether this is the application_token of a portal that has told us none."""
    if token_candidates.keep_candidate(portal_id, application_token, access):
        MaintenanceJob.objects.request(portal_id, (JobKind.TOKENS,))
        enqueue.maintain(portal_id)
