"""Receiving Bitrix24's events of the application, at a portal's signed address and at the installer's.

Bitrix24 does not repeat an event, so whatever is ours gets 200, whether it had an effect or was only recorded.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.core import signed_urls, spool
from b24app.messaging.maintenance.requests import request_check
from b24app.portals import application_events
from b24app.portals.errors import Busy, PortalError
from b24app.portals.installation import InstallationChange
from b24app.portals.models import Portal
from b24app.portals.rest import exchange_records
from b24app.webhooks import php_form, request_body

log = structlog.get_logger(__name__)

RECORDED = {InstallationChange.UNINSTALLED: Action.UNINSTALLED, InstallationChange.RESUMED: Action.RECONNECTED}


@csrf_exempt
def receive_event(request: HttpRequest, portal: str, generation: int, mac: str) -> HttpResponse:
    """Receive an event of the portal with this uuid (hex). Respond 200, or 400, 403, 405, 413 for what is no event."""
    if not signed_urls.is_signed_by_us(mac, "events", portal, str(generation)):
        return HttpResponse(status=403)
    if request.method != "POST":
        return HttpResponse(status=405)
    return _respond_to_event(request, {"portal": portal, "generation": generation})


def is_event(request: HttpRequest) -> bool:
    """Return whether this POST to the installer's address is an event and not a page's (docs/bitrix24.md A.4)."""
    if request.method != "POST" or request_body.content_length(request) > request_body.MAX_EVENT:
        return False
    fields = _read_fields(request)
    return "event" in fields and "AUTH_ID" not in fields


def receive_installer_event(request: HttpRequest, portal: Portal | None = None) -> HttpResponse:
    """Receive an event at the installer's address, of `portal` or else of the one it names."""
    return _respond_to_event(request, {"portal": portal.uuid.hex if portal else "", "generation": None})


def replay_event(record: Mapping[str, Any]) -> None:
    """Act on a spooled event; spool it again while too many callers are being identified."""
    try:
        act_on_event(record)
    except Busy:
        spool.put_record(_spool_kind(record), record, owner=record["portal"])


def act_on_event(record: Mapping[str, Any]) -> None:
    """Act on an event and enqueue what follows. Safe to run twice. Raise Busy, and then nothing was checked."""
    payload, name = record["payload"], record["payload"]["event"]
    try:
        portal = _find_portal(record["portal"], payload)
    except Busy:
        raise
    except PortalError as error:
        log.info("event_not_verified", code=error.code)
        return
    if portal is None:
        log.warning("event_without_portal")
        return
    signed = record["generation"] is not None
    if signed and record["generation"] != portal.generation:
        exchange_records.record_event(portal, name, "of an earlier installation")
    else:
        was_installed = portal.uninstalled_at is None
        change = application_events.handle_event(portal, name, payload, signed=signed)
        if change in RECORDED and was_installed:
            record_change(RECORDED[change], Subject(portal.pk, Kind.PORTAL, portal.pk))
        if change.wants_reconcile:
            request_check(portal.pk)


def _respond_to_event(request: HttpRequest, address: Mapping[str, Any]) -> HttpResponse:
    if request_body.content_length(request) > request_body.MAX_EVENT:
        return HttpResponse(status=413)
    payload = _read_fields(request)
    if not (isinstance(payload.get("event"), str) and payload["event"]):
        return HttpResponse(status=400)
    record = {**address, "payload": payload}
    try:
        _act_or_spool(_spool_kind(record), record)
    except Busy:
        return HttpResponse(status=503)
    except (spool.SpoolFull, OSError) as full:
        log.critical("event_lost", error=type(full).__name__)
        return HttpResponse(status=503)
    return HttpResponse()


def _spool_kind(record: Mapping[str, Any]) -> str:
    """Return the spool kind: events at the installer's address are unsigned and get little of the capacity."""
    return "event" if record["portal"] else "unsigned"


def _act_or_spool(kind: str, record: Mapping[str, Any]) -> None:
    try:
        spool.write_or_spool(kind, record, lambda: act_on_event(record), owner=record["portal"])
    except Busy:
        if kind != "event":  # a stranger's, or one the launch beside it makes up for: a flood must not fill the disk
            raise
        spool.put_record(kind, record, owner=record["portal"])
    except (spool.SpoolFull, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - a bug of ours must not lose the portal's event: it waits on disk
        log.error("event_processing_failed", error=type(error).__name__)
        if kind == "event":
            spool.put_record(kind, record, owner=record["portal"])


def _find_portal(key: str, payload: Mapping[str, Any]) -> Portal | None:
    return Portal.objects.filter(uuid=uuid.UUID(key)).first() if key else application_events.find_event_portal(payload)


def _read_fields(request: HttpRequest) -> dict[str, Any]:
    """Return the nested fields, and none of a body that is no urlencoded form or cannot be read."""
    try:
        body = request.body
    except (UnreadablePostError, RequestDataTooBig):
        return {}
    return php_form.nest_pairs(php_form.read_pairs(body))
