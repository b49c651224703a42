"""Asking the OAuth server where a portal is: an address that it names is a move, any other may be a copy's."""

from b24app.portals import identity, tokens
from b24app.portals.callers.claims import ConfirmedClaim
from b24app.portals.errors import InDoubt, NoToken
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import error_policy, exchange_records, portal_address, token_renewal
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect, TokenOwner
from b24app.portals.rest.token_rotation import STALE_TOKEN


def refresh_address(portal: Portal) -> None:
    """Store the address that the OAuth server names now. Raise InDoubt, NoToken, and what `fresh_token` raises."""
    token = tokens.choose_token(portal)
    if token is None:
        raise NoToken("NO_TOKEN")
    try:
        owner = _find_address(portal, token)
    except token_renewal.DeadToken:
        raise NoToken("NO_TOKEN") from None
    except (NoResponse, Redirect):
        raise InDoubt("OAUTH_SILENT") from None
    except ErrorResponse as response:
        raise error_policy.apply_error(portal, response) from None
    if owner is not None:
        stored = identity.save_portal(ConfirmedClaim(owner, portal.oauth_host, portal.application))
        portal.domain, portal.client_endpoint = stored.domain, stored.client_endpoint


def _find_address(portal: Portal, token: PortalToken) -> TokenOwner | None:
    """Ask with the token, and once more with it renewed if it has expired earlier than our clock says."""
    record = exchange_records.exchange_recorder(portal)
    token = token_renewal.fresh_token(portal, token)
    try:
        return portal_address.find_address(portal, token.access, record)
    except ErrorResponse as response:
        if response.code not in STALE_TOKEN:
            raise
    return portal_address.find_address(portal, token_renewal.renew_token(portal, token).access, record)
