"""Whether a portal still answers, asked when somebody opens Home and before statuses are pushed after a silence.

One that does not may have moved, and left nothing behind that says where it is (docs/bitrix24.md B.4).
"""

from contextlib import suppress
from datetime import timedelta

from django.utils import timezone

from b24app.portals import tokens
from b24app.portals.errors import InDoubt, PortalError, PortalRefused
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import bitrix, error_policy, exchange_records, portal_address, token_renewal
from b24app.portals.rest.client import PortalClient
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect

METHOD = "app.info"  # needs no permission, and the plan, the payment and the installation must be in order for it
NOT_THE_PORTAL = frozenset({"OAUTH_SILENT", "REFRESH_UNDER_WAY", "REDIRECTED"})  # codes of InDoubt
RENEWED_AFTER = timedelta(days=3)  # a token that may be renewed only to find out where a silent portal is


def ask_portal(portal: Portal) -> None:
    """Call the portal once and store whether it answered; what it refuses is stored by the client as always."""
    changes: dict[str, object] = {"silent_since": None}
    try:
        PortalClient(portal).call(METHOD)
        changes |= {"push_after": None} if portal.push_failures else {}  # what waits for an answer need not wait longer
    except InDoubt as error:
        if not has_moved(portal, error):
            changes = {"silent_since": portal.silent_since or timezone.now()}
    except PortalError as error:
        has_moved(portal, error)  # otherwise it was an answer, or no call at all: suspended, or without a token
    error_policy.update_portal(portal, asked_at=timezone.now(), **changes)


def is_answering(portal: Portal) -> bool:
    """Return whether the portal answers anything; True without asking where there is no token to ask with.

    The token is used as it is: that it has expired is an answer too, and a portal that is off costs no renewal (J35).
    """
    token = _best_token(portal)
    if token is None:
        return True
    try:
        bitrix.call_method(portal.rest_host, token.access, METHOD, {}, exchange_records.exchange_recorder(portal))
    except NoResponse:
        return False
    except ErrorResponse as response:
        return response.code not in error_policy.TRANSIENT
    except Redirect:
        return True  # it has moved, which the next call finds out
    return True


def has_moved(portal: Portal, error: PortalError) -> bool:
    """Return whether the portal is somewhere else, after a call to it brought this error; its row says where then.

    The OAuth server knows, and is asked with a token as it is. One that has expired is renewed for that only at the
    beginning of a silence and then every few days: a portal that is off must not cost renewals (J35).
    """
    is_silent = isinstance(error, InDoubt) and error.code not in NOT_THE_PORTAL
    if not (is_silent or isinstance(error, PortalRefused)):
        return False
    before, now = portal.client_endpoint, timezone.now()
    with suppress(PortalError, token_renewal.DeadToken, ErrorResponse, NoResponse, Redirect):
        token = _best_token(portal)
        if token is not None and token.expires_at > now:
            owner = portal_address.find_address(portal, token.access, exchange_records.exchange_recorder(portal))
            if owner is not None:
                portal_address.store_address(portal, owner)
        elif token is not None and (portal.push_failures <= 1 or token.refreshed_at <= now - RENEWED_AFTER):
            token_renewal.renew_token(portal, token)  # which follows the portal
    return portal.client_endpoint != before


def _best_token(portal: Portal) -> PortalToken | None:
    return tokens.usable_tokens(portal).order_by("-is_admin", "-expires_at").first()
