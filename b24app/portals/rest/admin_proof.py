"""What a successful call proves of the token's owner: that an administrator is one (docs/bitrix24.md B.7)."""

from collections.abc import Set
from datetime import timedelta

from django.utils import timezone

from b24app.portals import tokens
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import bitrix
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect

PROOF = "messageservice.sender."  # only administrators may call these; of their own messages authors may tell as well
PROBE = "messageservice.sender.list"
PROBE_AFTER = timedelta(hours=1)  # so that a "no" is not asked for again and again


def note_success(portal: Portal, token: PortalToken, methods: Set[str], record: bitrix.Record) -> None:
    """Note that these methods have succeeded with this token; where that leaves its owner's rights open, ask once."""
    if not methods:
        return
    is_proven = any(method.startswith(PROOF) for method in methods)
    if not is_proven and _is_worth_asking(token):
        is_proven = _ask(portal, token, record)
    tokens.confirm_token(portal, token, is_admin=is_proven)


def _is_worth_asking(token: PortalToken) -> bool:
    """Return whether this lasting token is used for want of an administrator's, and its owner may be one by now."""
    asked_at = token.demoted_at
    return not token.is_admin and bool(token.refresh) and (asked_at is None or asked_at < timezone.now() - PROBE_AFTER)


def _ask(portal: Portal, token: PortalToken, record: bitrix.Record) -> bool:
    try:
        bitrix.call_method(portal.rest_host, token.access, PROBE, {}, record)
    except ErrorResponse as response:
        if response.code == "ACCESS_DENIED":
            tokens.demote_token(token)
        return False
    except (NoResponse, Redirect):
        return False
    return True
