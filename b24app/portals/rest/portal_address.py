"""Where a portal's REST is. When it moves, only the OAuth server is believed (docs/bitrix24.md J14, J15)."""

from urllib.parse import urlsplit

import structlog

from b24app.portals.applications.credentials import client_id_of
from b24app.portals.models import Portal
from b24app.portals.rest import bitrix, error_policy
from b24app.portals.rest.oauth_servers import ask_in_turn
from b24app.portals.rest.responses import TokenOwner, https_host

log = structlog.get_logger(__name__)


def is_supported_endpoint(endpoint: str) -> bool:
    """Return whether this REST address is https with the path /rest/: the SDK supports no other (B.8)."""
    parts = urlsplit(endpoint)
    return bool(https_host(endpoint)) and parts.path == "/rest/" and not parts.query and not parts.fragment


def belongs_to(portal: Portal, owner: TokenOwner) -> bool:
    """Return whether this is the owner of a token of this portal, for the application it has installed."""
    return owner.client_id == client_id_of(portal) and owner.member_id == portal.member_id


def find_address(portal: Portal, access: str, record: bitrix.Record) -> TokenOwner | None:
    """Return where the OAuth server says that the portal is; None for a token of another or an address we cannot use.

    Raise what `ask_in_turn` raises.
    """
    owner, _host = ask_in_turn(portal, lambda host: bitrix.app_info(host, access, record))
    return owner if belongs_to(portal, owner) and is_supported_endpoint(owner.client_endpoint) else None


def store_address(portal: Portal, owner: TokenOwner) -> bool:
    """Store where the portal is; return whether it has moved."""
    if owner.client_endpoint == portal.client_endpoint:
        return False
    error_policy.update_portal(portal, client_endpoint=owner.client_endpoint, domain=owner.domain[:255])
    log.info("portal_moved", portal=portal.pk)
    return True
