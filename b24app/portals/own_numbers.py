"""A visitor's own phone numbers, asked of the portal while they look at a test; nothing of them is stored."""

from b24app.core import sanitize
from b24app.portals import scopes, tokens
from b24app.portals.errors import PortalRefused
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest.client import PortalClient
from b24app.portals.rest.responses import as_mapping
from providers.kit.phones import BadNumber, read_e164

METHOD, SCOPES = "user.current", ("user_basic", "user")  # `user_brief` shows no contact data
FIELDS = ("PERSONAL_MOBILE", "WORK_PHONE")
MAX_NUMBER = 40


def find_own_numbers(portal: Portal, user_id: int) -> list[str]:
    """Return the mobile and the office number of an administrator's profile as E.164, the mobile first.

    None are returned where the permission is missing or the portal refuses. Raise what else `PortalClient.call` raises.
    """
    token = PortalToken.objects.filter(portal=portal, user_id=user_id, dead_reason="").first()
    if token is None or not tokens.is_readable(token) or not any(scopes.has_scopes(portal, scope) for scope in SCOPES):
        return []
    try:
        with scopes.tolerate_missing_scope(portal):
            profile = as_mapping(PortalClient(portal, token=token).call(METHOD))
    except PortalRefused:
        return []
    written = [sanitize.sanitize_text(str(profile.get(field) or ""))[:MAX_NUMBER] for field in FIELDS]
    return list(dict.fromkeys(number for one in written if (number := _read(one, portal.country))))


def _read(written: str, country: str) -> str:
    try:
        return read_e164(written, country)
    except BadNumber:
        return ""
