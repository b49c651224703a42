"""The handlers of the application's events that the portal has, compared with those it should have."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from b24app.core import signed_urls
from b24app.portals.errors import PortalRefused
from b24app.portals.models import Portal
from b24app.portals.rest import error_policy
from b24app.portals.rest.client import BatchCommand, PortalClient
from b24app.portals.rest.responses import as_mapping

EVENTS = ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPPAYMENT", "ONAPPMETHODCONFIRM", "ONAPPUNINSTALL")


def bind_handlers(portal: Portal, events: Sequence[str] = EVENTS) -> list[str]:
    """Bind events in one call; "already bound" is success, and so is an event an old box lacks.

    Return the names of those that were refused (the next call tries them again); raise what `PortalClient.batch`
    raises.
    """
    handler = signed_urls.events_url(portal.uuid.hex, portal.generation)
    commands = [BatchCommand("event.bind", {"EVENT": event, "HANDLER": handler}) for event in events]
    results = dict(zip(events, PortalClient(portal).batch(commands), strict=True)) if commands else {}
    refused = [event for event, result in results.items() if not _is_bound(result.error)]
    if not refused:
        error_policy.update_portal(portal, events_bound_at=timezone.now())
    return refused


def check_handlers(portal: Portal) -> None:
    """Bind what the portal has lost, then take back what leads to an earlier address of ours.

    Addresses change with the first of ADDRESS_KEYS and with PUBLIC_URL. Raise as `bind_handlers`, and PortalRefused
    where an event was refused.
    """
    client = PortalClient(portal)
    rows = _bound_handlers(client.call("event.get"))
    handler = signed_urls.events_url(portal.uuid.hex, portal.generation)
    refused = bind_handlers(portal, [event for event in EVENTS if (event, handler) not in rows])
    if refused:
        raise PortalRefused("EVENTS", ", ".join(refused))
    ours = f"/e/{portal.uuid.hex}/"
    old = [(event, address) for event, address in rows if ours in address and address != handler]
    if old:
        client.batch([BatchCommand("event.unbind", {"EVENT": event, "HANDLER": address}) for event, address in old])


def _bound_handlers(rows: Any) -> list[tuple[str, str]]:
    """Return events, in capitals, with the addresses they are sent to."""
    found = (as_mapping(row) for row in (rows if isinstance(rows, list) else []))
    return [(str(row.get("event", "")).upper(), str(row.get("handler", ""))) for row in found]


def _is_bound(error: PortalRefused | None) -> bool:
    return error is None or error.is_already_bound or error.code == "ERROR_EVENT_NOT_FOUND"
