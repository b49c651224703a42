"""Whether a portal still answers, asked when somebody opens Home and not only when a status must be pushed."""

from django.utils import timezone

from b24app.portals.errors import InDoubt, PortalError
from b24app.portals.models import Portal
from b24app.portals.rest import error_policy
from b24app.portals.rest.client import PortalClient

METHOD = "app.info"  # needs no permission, and the plan, the payment and the installation must be in order for it


def ask_portal(portal: Portal) -> None:
    """Call the portal once and store whether it answered; what it refuses is stored by the client as always."""
    silent_since = None
    try:
        PortalClient(portal).call(METHOD)
    except InDoubt:
        silent_since = portal.silent_since or timezone.now()
    except PortalError:
        pass  # an answer, or no call at all: suspended, or without a token
    error_policy.update_portal(portal, asked_at=timezone.now(), silent_since=silent_since)
