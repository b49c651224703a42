"""Reconnecting: an administrator grants new tokens by the authorization-code flow (docs/bitrix24.md B.1)."""

import secrets
from urllib.parse import urlencode

from django.core import signing
from django.utils.translation import gettext as _

from b24app.core import signed_urls
from b24app.portals import identity
from b24app.portals.applications.credentials import client_id_of, portal_credentials
from b24app.portals.errors import InDoubt, NotOurs
from b24app.portals.models import Portal, Suspension
from b24app.portals.rest import bitrix, error_policy, exchange_records, paused_methods, token_renewal
from b24app.portals.rest.oauth_servers import ask_in_turn
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect

SALT = "b24app.portals.reconnect"
STATE_SECONDS = 600
CALLBACK = "/oauth/"


def authorize_url(portal: Portal) -> str:
    """Return where an administrator goes to reconnect; the signed `state` in it works once, for ten minutes."""
    if not portal.reconnect_nonce:  # pages show the link repeatedly: earlier ones stay valid until one is used
        error_policy.update_portal(portal, reconnect_nonce=secrets.token_hex(16))
    query = {
        "client_id": client_id_of(portal),
        "response_type": "code",
        "state": signing.dumps([portal.uuid.hex, portal.reconnect_nonce], salt=SALT),
        "redirect_uri": signed_urls.public_url(CALLBACK),
    }
    return f"{portal.origin}/oauth/authorize/?{urlencode(query)}"


def complete_reconnect(code: str, state: str) -> tuple[Portal, int]:
    """Finish a reconnection with the callback's parameters, and store the administrator's tokens.

    Return the portal and the administrator's user id.

    Raise NotOurs (an old or foreign state, a foreign portal, not an administrator), InDoubt, and what the portal's
    own error means.
    """
    portal = _use_state(state)
    record, application = exchange_records.exchange_recorder(portal), portal_credentials(portal)
    try:
        pair, host = ask_in_turn(portal, lambda host: bitrix.redeem_code(host, application, code, record))
    except ErrorResponse as response:
        raise NotOurs(response.code, _("Bitrix24 did not confirm the connection. Try again.")) from None
    except (NoResponse, Redirect):
        raise InDoubt("OAUTH_SILENT", _("The Bitrix24 authorization server is not responding.")) from None
    if pair.member_id != portal.member_id:
        raise NotOurs("FOREIGN", _("This is a different Bitrix24 from the one that started the request."))
    token_renewal.note_answer(portal, pair, host, record)
    if portal.suspension:
        error_policy.update_portal(
            portal, suspension=Suspension.NONE, suspended_until=None, trouble="", rest_after=None
        )
    if not identity.store_if_admin(portal, pair):
        raise NotOurs("NOT_ADMIN", _("Only a Bitrix24 administrator can reconnect."))
    paused_methods.forget_refusals(portal)
    return portal, pair.user_id


def _use_state(state: str) -> Portal:
    """Return the portal of an unused state, and mark the state as used. Raise NotOurs."""
    try:
        portal, nonce = signing.loads(state, salt=SALT, max_age=STATE_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        portal, nonce = "", ""
    is_valid = nonce and Portal.objects.filter(uuid=portal, reconnect_nonce=nonce, uninstalled_at=None).update(
        reconnect_nonce=""
    )
    if not is_valid:
        raise NotOurs("STATE", _("This link has expired or was already used. Start again."))
    return Portal.objects.get(uuid=portal)
