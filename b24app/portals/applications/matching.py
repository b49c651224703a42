"""Which of our applications a token is for, and whether its portal may use that one.

A portal has one of them at a time: messages would be lost in the senders of the other one, which are kept by client id.
"""

import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from b24app.portals import installation
from b24app.portals.applications.models import LocalApplication
from b24app.portals.callers import portal_copies
from b24app.portals.errors import NotOurs, PortalError, PortalGone
from b24app.portals.models import Portal, Suspension
from b24app.portals.rest.client import PortalClient
from b24app.portals.rest.responses import TokenOwner, https_host

log = structlog.get_logger(__name__)


class UnknownApplication(Exception):
    """The token is for no application of ours, or for one that was added for another portal."""


def find_application(portal: Portal | None, owner: TokenOwner) -> LocalApplication | None:
    """Return the application that a confirmed token is for, None for that of the settings.

    `portal` is the row of the token's portal, if there is one. Raise UnknownApplication, and NotOurs with a sentence
    where the application is disabled or the portal has another one installed.
    """
    application = None
    if owner.client_id != settings.B24_CLIENT_ID:
        application = LocalApplication.objects.filter(client_id=owner.client_id).first()
        if application is None or not _is_added_for(application, portal, owner):
            raise UnknownApplication
        if application.disabled_at is not None:
            raise NotOurs("APPLICATION_DISABLED", _("This application is switched off. Contact Sendline support."))
    if portal is not None and not is_installed(portal, application):
        _require_departure(portal)
    return application


def is_installed(portal: Portal, application: LocalApplication | None) -> bool:
    """Return whether this is the application that the portal has, or had last."""
    return portal.application_id == (application.pk if application else None)


def adopt_application(portal: Portal, application: LocalApplication | None) -> None:
    """Note which application an administrator installs. Raise NotOurs where the portal has another one by now."""
    if is_installed(portal, application):
        return
    left = Portal.objects.filter(pk=portal.pk, uninstalled_at__isnull=False)
    if not left.update(application=application, client_refused_at=None):
        raise _other_application()
    portal.application, portal.client_refused_at = application, None
    log.info("application_changed", portal=portal.pk, application=portal.application_id)


def _is_added_for(application: LocalApplication, portal: Portal | None, owner: TokenOwner) -> bool:
    """Return whether this is the portal that the application was added for; one that has it may have moved since."""
    if portal is not None and is_installed(portal, application):
        return True
    return portal_copies.is_among(application.host, (owner.domain, https_host(owner.client_endpoint)))


def _require_departure(portal: Portal) -> None:
    """Raise NotOurs unless the portal has uninstalled the application that we know it by.

    It is asked, for it may have said so and not have been heard.
    """
    if portal.uninstalled_at is not None:
        return
    if not _has_lost_application(portal):
        raise _other_application()
    log.warning("portal_found_uninstalled", portal=portal.pk)
    installation.uninstall_portal(portal, clean=False)


def _has_lost_application(portal: Portal) -> bool:
    try:
        PortalClient(portal).call("app.info")
    except PortalGone:
        portal.refresh_from_db(fields=["suspension", "client_refused_at"])
        return portal.suspension == Suspension.GONE and not portal.may_be_our_fault
    except PortalError:
        return False
    return False


def _other_application() -> NotOurs:
    return NotOurs(
        "OTHER_APPLICATION",
        _("Sendline is already connected by another application. Uninstall that one first, then open this one again."),
    )
