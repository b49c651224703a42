"""Apply stored events: verify who sent one, act on it, and repeat what could not be verified at the time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.core import sealing
from b24app.core.backoff import backoff_delay
from b24app.messaging import enqueue
from b24app.messaging.app_events import confirmations
from b24app.messaging.models.app_events import AppEvent
from b24app.messaging.models.maintenance import MaintenanceJob
from b24app.portals import application_events
from b24app.portals.errors import InDoubt, NotNow, PortalError
from b24app.portals.installation import InstallationChange
from b24app.portals.models import Portal
from b24app.portals.rest import exchange_records

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)  # longer than all the questions of one event may take
FIRST_PAUSE, MAX_PAUSE = 5.0, 1800.0  # seconds
GIVE_UP_AFTER = timedelta(days=3)
MAX_DEPARTURES = 3  # that an opening waits for
RECORDED = {InstallationChange.UNINSTALLED: Action.UNINSTALLED, InstallationChange.RESUMED: Action.RECONNECTED}


@dataclass(frozen=True, slots=True)
class AppliedEvent:
    """What is due after an event: a portal to compare with our rows, to erase or push to, or the event itself again."""

    event: int
    check: int | None = None
    erase: int | None = None
    push: int | None = None
    again: datetime | None = None


def enqueue_applied(applied: AppliedEvent) -> None:
    """Enqueue what is due after an event."""
    if applied.check:
        enqueue.maintain(applied.check)
    if applied.erase:
        enqueue.erase_portal(applied.erase)
    if applied.push:
        enqueue.push(applied.push)
    if applied.again:
        enqueue.app_event(applied.event, at=applied.again)


def apply_event(event_id: int) -> AppliedEvent:
    """Apply an event that is due and delete it; keep it for later where the portal could not be asked."""
    event = _claim_event(event_id)
    if event is None:
        return AppliedEvent(event_id)
    try:
        applied = _act_on_event(event)
    except (InDoubt, NotNow) as error:
        return _postpone_event(event, error)
    event.delete()
    return applied


def apply_departures(member_id: str) -> list[AppliedEvent]:
    """Apply the uninstallations of a portal that are still to be applied; called before it is opened again.

    Otherwise a return that is quicker than a worker would find what was to be deleted.
    """
    waiting = AppEvent.objects.filter(portal__member_id=member_id, name="ONAPPUNINSTALL", generation__isnull=False)
    return [apply_event(event_id) for event_id in waiting.order_by("pk").values_list("pk", flat=True)[:MAX_DEPARTURES]]


def _claim_event(event_id: int) -> AppEvent | None:
    now = timezone.now()
    if not AppEvent.objects.filter(pk=event_id, due_at__lte=now).update(due_at=now + LEASE):
        return None
    return AppEvent.objects.select_related("portal").filter(pk=event_id).first()


def _act_on_event(event: AppEvent) -> AppliedEvent:
    """Act on an event. Raise InDoubt and NotNow where nobody could say whether it is genuine."""
    payload = sealing.require_opened(event.payload)
    try:
        portal = event.portal or application_events.find_event_portal(payload)
    except (InDoubt, NotNow):
        raise
    except PortalError as error:
        log.info("event_not_verified", code=error.code)
        return AppliedEvent(event.pk)
    if portal is None:
        log.warning("event_without_portal")
        return AppliedEvent(event.pk)
    if event.is_signed and event.generation != portal.generation:
        exchange_records.record_event(portal, event.name, "of an earlier installation")
        return AppliedEvent(event.pk)
    return _handle_event(portal, event)


def _handle_event(portal: Portal, event: AppEvent) -> AppliedEvent:
    was_installed = portal.uninstalled_at is None
    change = application_events.handle_event(portal, event.name, event.payload, signed=event.is_signed)
    if change in RECORDED and was_installed:
        record_change(RECORDED[change], Subject(portal.pk, Kind.PORTAL, portal.pk))
    if change.wants_check:
        MaintenanceJob.objects.request(portal.pk)
    has_due = change == InstallationChange.ALLOWED and confirmations.retry_statuses(portal, event.payload) > 0
    is_erased = portal.erase_at is not None and portal.erase_at <= timezone.now()
    return AppliedEvent(
        event.pk,
        check=portal.pk if change.wants_check else None,
        erase=portal.pk if is_erased else None,
        push=portal.pk if has_due else None,
    )


def _postpone_event(event: AppEvent, error: PortalError) -> AppliedEvent:
    now = timezone.now()
    if now - event.received_at > GIVE_UP_AFTER:
        if event.portal is not None:
            exchange_records.record_event(event.portal, event.name, f"given up: {error.code}")
        log.error("event_given_up", portal=event.portal_id, event_id=event.pk, code=error.code)
        given_up = AppliedEvent(event.pk)
        event.delete()
        return given_up
    event.tries += 1
    event.due_at = now + backoff_delay(event.tries, first=FIRST_PAUSE, limit=MAX_PAUSE)
    event.save(update_fields=["tries", "due_at"])
    return AppliedEvent(event.pk, again=event.due_at)
