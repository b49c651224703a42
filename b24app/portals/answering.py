"""Whether a portal still answers, asked when somebody opens Home and before statuses are pushed after a silence."""

from django.utils import timezone

from b24app.portals import tokens
from b24app.portals.errors import InDoubt, PortalError
from b24app.portals.models import Portal
from b24app.portals.rest import bitrix, error_policy, exchange_records
from b24app.portals.rest.client import PortalClient
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect

METHOD = "app.info"  # needs no permission, and the plan, the payment and the installation must be in order for it


def ask_portal(portal: Portal) -> None:
    """Call the portal once and store whether it answered; what it refuses is stored by the client as always."""
    changes: dict[str, object] = {"silent_since": None}
    try:
        PortalClient(portal).call(METHOD)
        changes |= {"push_after": None} if portal.push_failures else {}  # what waits for an answer need not wait longer
    except InDoubt:
        changes = {"silent_since": portal.silent_since or timezone.now()}
    except PortalError:
        pass  # an answer, or no call at all: suspended, or without a token
    error_policy.update_portal(portal, asked_at=timezone.now(), **changes)


def is_answering(portal: Portal) -> bool:
    """Return whether the portal answers anything; True without asking where there is no token to ask with.

    The token is used as it is: that it has expired is an answer too, and a portal that is off costs no renewal (J35).
    """
    token = tokens.usable_tokens(portal).order_by("-is_admin", "-expires_at").first()
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
