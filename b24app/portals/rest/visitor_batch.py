"""Calls with the token of whoever looks at a page, so that the portal's own permissions decide what they see."""

from collections.abc import Sequence

from b24app.portals.errors import InDoubt, PortalRefused
from b24app.portals.models import Portal
from b24app.portals.rest import bitrix, error_policy, exchange_records
from b24app.portals.rest.responses import ErrorResponse, MethodResult, NoResponse, Redirect

_BUSY = error_policy.LIMITS | error_policy.TRANSIENT


def call_visitor_batch(
    portal: Portal, access: str, commands: Sequence[bitrix.Command]
) -> list[MethodResult | ErrorResponse | None]:
    """Send one batch with this access token; raise a PortalError.

    CRM methods refuse without an error code, which makes their entries None.
    """
    error_policy.check_callable(portal)
    try:
        return bitrix.call_batch(portal.rest_host, access, commands, exchange_records.exchange_recorder(portal))
    except ErrorResponse as answer:
        raise error_policy.apply_error(portal, answer) from None
    except (NoResponse, Redirect):
        raise InDoubt("PORTAL_SILENT") from None


def refusal_of(answer: ErrorResponse | None, code: str) -> PortalRefused | InDoubt:
    """Return what one command's error means; `code` is that of a refusal that came without one."""
    if answer is None:
        return PortalRefused(code)
    kind = InDoubt if answer.code in _BUSY else PortalRefused
    return kind(answer.code, answer.message)
