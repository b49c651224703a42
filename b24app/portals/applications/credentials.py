"""The client id and secret under which we speak for a portal: of the settings' application, or of its local one."""

from dataclasses import dataclass, field

from django.conf import settings

from b24app.portals.applications.models import LocalApplication
from b24app.portals.errors import PortalGone
from b24app.portals.models import Portal, PortalToken


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the OAuth server knows an application by."""

    client_id: str
    client_secret: str = field(repr=False)


NO_CREDENTIALS = Credentials("", "")


def client_id_of(portal: Portal) -> str:
    """Return the client id of the application that the portal has installed."""
    return settings.B24_CLIENT_ID if portal.application is None else portal.application.client_id


def settings_credentials() -> Credentials:
    """Return the credentials of the application of the settings."""
    return Credentials(settings.B24_CLIENT_ID, settings.B24_CLIENT_SECRET)


def portal_credentials(portal: Portal) -> Credentials:
    """Return the credentials of the application that the portal has installed. Raise PortalGone if it is disabled."""
    return _credentials_of(portal.application)


def token_credentials(token: PortalToken) -> Credentials:
    """Return the credentials of the application that this token was issued for. Raise PortalGone if it is disabled."""
    return _credentials_of(token.application)


def _credentials_of(application: LocalApplication | None) -> Credentials:
    if application is None:
        return settings_credentials()
    if application.disabled_at is not None:
        raise PortalGone("APPLICATION_DISABLED")
    return Credentials(application.client_id, application.client_secret)
