"""The address of the application inside a portal, for notifications and for links that colleagues pass on."""

from urllib.parse import urlencode

from b24app.portals.applications.credentials import client_id_of
from b24app.portals.models import Portal


def application_url(portal: Portal, **params: str) -> str:
    """Return the application's address; Bitrix24 hands `params` over in PLACEMENT_OPTIONS (docs/bitrix24.md A.3)."""
    query = f"?{urlencode(params)}" if params else ""
    return f"{portal.origin}/marketplace/app/{client_id_of(portal)}/{query}"
