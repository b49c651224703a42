"""What the operator decides on local applications: which there are, and with which secret."""

import re
from datetime import datetime

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from b24app.portals.applications.models import LocalApplication
from b24app.portals.callers.portal_copies import HOST
from b24app.portals.models import Portal, Suspension

log = structlog.get_logger(__name__)

CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
SECRET = re.compile(r"[!-~]{8,200}")


class RegistryError(Exception):
    """The operator's wish cannot be carried out; the sentence says why, and never contains a secret."""


def add_application(client_id: str, client_secret: str, address: str) -> LocalApplication:
    """Store a local application for the portal at this address. Raise RegistryError."""
    if not CLIENT_ID.fullmatch(client_id):
        raise RegistryError("A client id has only letters, digits, dots, hyphens and underscores.")
    if client_id == settings.B24_CLIENT_ID:
        raise RegistryError("This is the client id of the settings' own application, B24_CLIENT_ID.")
    application = LocalApplication(client_id=client_id, client_secret=_checked(client_secret), host=read_host(address))
    try:
        with transaction.atomic():
            application.save()
    except IntegrityError:
        raise RegistryError(f"{client_id} is there already; rotate_secret changes its secret.") from None
    log.info("local_application_added", application=application.pk)
    return application


def find_application(client_id: str) -> LocalApplication:
    """Return the local application with this client id. Raise RegistryError."""
    found = LocalApplication.objects.filter(client_id=client_id).first()
    if found is None:
        raise RegistryError("There is no local application with this client id; list shows those that there are.")
    return found


def rotate_secret(client_id: str, client_secret: str) -> LocalApplication:
    """Store another secret, with which tokens are renewed from now on. Raise RegistryError.

    A portal that was not called because the former one was refused is probed at once.
    """
    application = find_application(client_id)
    application.client_secret = _checked(client_secret)
    application.save(update_fields=["client_secret"])
    refused = Portal.objects.filter(application=application, client_refused_at__isnull=False)
    refused.filter(suspension=Suspension.GONE).update(suspended_until=timezone.now())
    log.info("local_application_secret_changed", application=application.pk)
    return application


def set_disabled(application: LocalApplication, at: datetime | None) -> None:
    """Store since when nobody may use an application; None: it may be used again."""
    application.disabled_at = at
    application.save(update_fields=["disabled_at"])
    log.info("local_application_disabled" if at else "local_application_enabled", application=application.pk)


def read_host(address: str) -> str:
    """Return the host[:port] of a portal's address, with or without https:// and a path. Raise RegistryError."""
    host = address.strip().lower().partition("://")[2] or address.strip().lower()
    host = host.partition("/")[0]
    if not HOST.fullmatch(host):
        raise RegistryError("The portal's address is a host, like company.bitrix24.com or box.example.com:8443.")
    return host


def _checked(client_secret: str) -> str:
    """Return a secret without the spaces around it. Raise RegistryError."""
    secret = client_secret.strip()
    if not SECRET.fullmatch(secret):
        raise RegistryError("A client secret is one line of 8 to 200 letters and digits, without spaces; this is none.")
    return secret
