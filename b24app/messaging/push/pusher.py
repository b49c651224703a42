"""Push statuses to the portal in batches of at most 50; its errors are handled as docs/bitrix24.md K says."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import Q
from django.utils import timezone

from b24app.core.backoff import backoff_delay
from b24app.core.lease_release import release_leases
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Status
from b24app.messaging.push import answers, batching, due_statuses
from b24app.portals.errors import InDoubt, NotNow, NoToken, PortalError, PortalGone, PortalRefused
from b24app.portals.models import Portal
from b24app.portals.rest.client import PortalClient

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=90)
BATCHES_PER_VISIT = 20
RETRY_WITHOUT_TOKEN = timedelta(hours=1)
REFILL = timedelta(seconds=10)  # frees 20 of the 50 calls in the portal's bucket, on any plan (docs/bitrix24.md C.4)


def push_due(portal_id: int) -> datetime | None:
    """Push a portal's due statuses; return when to come back, None if nothing is due or another process pushes."""
    later = batching.wait_until(portal_id)
    if later:
        return later
    now = timezone.now()
    free = Q(push_lease_until=None) | Q(push_lease_until__lt=now)
    free &= Q(push_after=None) | Q(push_after__lte=now)
    if not Portal.objects.filter(free, pk=portal_id).update(push_lease_until=now + LEASE):
        return None
    portal = Portal.objects.get(pk=portal_id)
    again: datetime | None = None
    try:
        again = _push_batches(portal)
    finally:
        lease = Portal.objects.filter(pk=portal_id, push_lease_until=portal.push_lease_until)
        release_leases(lambda: lease.update(push_lease_until=None))
    return again or _next_push_at(portal)


def _renew_lease(portal: Portal) -> bool:
    """Extend the lease for one more batch; return False if it was lost, because the statuses may be stale by now."""
    until = timezone.now() + LEASE
    lease = Portal.objects.filter(pk=portal.pk, push_lease_until=portal.push_lease_until)
    if not lease.update(push_lease_until=until):
        return False
    portal.push_lease_until = until
    return True


def _next_push_at(portal: Portal) -> datetime | None:
    first = Message.objects.filter(portal=portal, push_at__isnull=False).order_by("push_at")
    due = first.values_list("push_at", flat=True).first()
    if due is None or portal.uninstalled_at is not None:
        return None
    return max(filter(None, (due, portal.rest_after, portal.suspended_until, portal.push_after)))


def _push_batches(portal: Portal) -> datetime | None:
    for turn in range(BATCHES_PER_VISIT):
        later = batching.wait_until(portal.pk) if turn else None
        if later:
            return later
        if not portal.may_be_called(timezone.now()) or not _renew_lease(portal):
            return None
        messages = due_statuses.find_due(portal)
        if not messages:
            return None
        # Whether or not the call succeeds, the portal may show `queued` from here on, until it gets a later status.
        queued = [one.pk for one in messages if one.status == Status.QUEUED]
        if queued:
            Message.objects.filter(pk__in=queued).update(pushed=Status.QUEUED)
        try:
            results = PortalClient(portal).batch([due_statuses.update_command(message) for message in messages])
        except PortalError as error:
            return _postpone_batch(portal, messages, error)
        refusal = answers.record_answers(messages, results)
        if refusal:
            return _postpone_batch(portal, messages, refusal)
        Portal.objects.filter(pk=portal.pk).exclude(push_failures=0).update(push_failures=0, push_after=None)
    # So the bucket never fills up, and screens that call the portal in the meantime are not refused.
    until = timezone.now() + REFILL
    Portal.objects.filter(pk=portal.pk).update(push_after=until)
    return until


def _postpone_batch(portal: Portal, messages: Sequence[Message], error: PortalError) -> datetime | None:
    """Schedule a batch again after the call failed; return when. Pushing a status twice does no harm."""
    now = timezone.now()
    rows = Message.objects.filter(pk__in=[message.pk for message in messages], push_at__lte=now)
    if isinstance(error, InDoubt):
        # Counted per portal, not per message: otherwise each batch would be one more failure and double the delay.
        failures = min(portal.push_failures + 1, 1000)
        until = now + backoff_delay(failures, first=10, limit=1800, factor=2)
        Portal.objects.filter(pk=portal.pk).update(push_failures=failures, push_after=until)
        return until
    if isinstance(error, NotNow):
        return error.until or now + timedelta(minutes=1)
    if isinstance(error, NoToken | PortalGone):
        rows.update(push_at=now + RETRY_WITHOUT_TOKEN)
        return None
    if isinstance(error, PortalRefused):
        log.error("status_batch_refused", portal=portal.pk, code=error.code)
    rows.update(push_at=now + timedelta(minutes=15))
    return None
