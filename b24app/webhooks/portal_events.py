"""Receiving Bitrix24's events of the application, at a portal's signed address and at the installer's.

Bitrix24 does not repeat an event, so it is stored before it is understood, and answered 200 whatever comes of it.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from b24app.core import spool
from b24app.messaging import enqueue
from b24app.messaging.app_events import acceptance
from b24app.messaging.app_events.acceptance import TooManyEvents
from b24app.webhooks import address_keys, php_form, request_body

log = structlog.get_logger(__name__)


@csrf_exempt
def receive_event(request: HttpRequest, portal: str, generation: int, mac: str) -> HttpResponse:
    """Receive an event of the portal with this uuid (hex). Respond 200, or 400, 403, 405, 413 for what is no event."""
    if not address_keys.admit_call(mac, "events", portal, str(generation)):
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


def receive_installer_event(request: HttpRequest) -> HttpResponse:
    """Receive an event at the installer's address, where anybody may post."""
    return _respond_to_event(request, {"portal": "", "generation": None})


def replay_event(record: Mapping[str, Any]) -> None:
    """Store a spooled event."""
    try:
        _store_event(record)
    except TooManyEvents:
        log.warning("unsigned_event_dropped")


def _respond_to_event(request: HttpRequest, address: Mapping[str, Any]) -> HttpResponse:
    if request_body.content_length(request) > request_body.MAX_EVENT:
        return HttpResponse(status=413)
    payload = _read_fields(request)
    if not (isinstance(payload.get("event"), str) and payload["event"]):
        return HttpResponse(status=400)
    record = {**address, "payload": payload}
    try:
        _store_or_spool("event" if record["portal"] else "unsigned", record)
    except TooManyEvents:
        return HttpResponse(status=503)
    except (spool.SpoolFull, OSError) as full:
        log.critical("event_lost", error=type(full).__name__)
        return HttpResponse(status=503)
    return HttpResponse()


def _store_or_spool(kind: str, record: Mapping[str, Any]) -> None:
    """Store an event, or spool it; the spool kind of unsigned ones has little of the capacity."""
    try:
        spool.write_or_spool(kind, record, lambda: _store_event(record), owner=record["portal"])
    except (TooManyEvents, spool.SpoolFull, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - a bug of ours must not lose the portal's event: it waits on disk
        log.error("event_not_stored", error=type(error).__name__)
        if kind == "event":
            spool.put_record(kind, record, owner=record["portal"])


def _store_event(record: Mapping[str, Any]) -> None:
    event_id = acceptance.store_event(record)
    if event_id is not None:
        enqueue.app_event(event_id)


def _read_fields(request: HttpRequest) -> dict[str, Any]:
    """Return the nested fields, and none of a body that is no urlencoded form or cannot be read."""
    try:
        body = request.body
    except (UnreadablePostError, RequestDataTooBig):
        return {}
    return php_form.nest_pairs(php_form.read_pairs(body))
