"""Ask suspended portals whether they may be called again, and find out which have lost the application."""

from datetime import timedelta

import structlog
from django.utils import timezone

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.messaging.models.maintenance import MaintenanceJob
from b24app.portals import installation
from b24app.portals.errors import PortalError, PortalGone
from b24app.portals.models import Portal, Suspension
from b24app.portals.rest import error_policy
from b24app.portals.rest.client import PortalClient

log = structlog.get_logger(__name__)

METHOD = "app.info"  # needs no permission
SILENT_PAUSE = timedelta(hours=6)  # a suspended portal that does not even answer
GONE_AFTER = timedelta(days=7)  # of answers that the application is not installed: Bitrix24 sends an event only once


def probe_portal(portal: Portal) -> bool:
    """Ask a suspended portal that is due for it; return whether it may be called again.

    Where it has said for a week that the application is not there, it counts as uninstalled: the event was lost.
    """
    if portal.suspended_until is not None and portal.suspended_until > timezone.now():
        return False
    try:
        PortalClient(portal).call(METHOD)
    except PortalGone:
        _uninstall_if_gone(portal)
        return False
    except PortalError:
        portal.refresh_from_db(fields=["suspension", "suspended_until"])
        if portal.suspended_until is None or portal.suspended_until <= timezone.now():
            error_policy.update_portal(portal, suspended_until=timezone.now() + SILENT_PAUSE)
        return False
    MaintenanceJob.objects.request(portal.pk)  # it may have lost what it had of ours
    return True


def _uninstall_if_gone(portal: Portal) -> None:
    portal.refresh_from_db(fields=["suspension", "suspended_since", "uninstalled_at", "client_refused_at"])
    since = portal.suspended_since
    if portal.suspension != Suspension.GONE or portal.uninstalled_at is not None or since is None:
        return
    if portal.may_be_our_fault:
        return
    if timezone.now() - since >= GONE_AFTER:
        log.warning("portal_found_uninstalled", portal=portal.pk)
        installation.uninstall_portal(portal, clean=False)
        record_change(Action.UNINSTALLED, Subject(portal.pk, Kind.PORTAL, portal.pk))
