"""Where Bitrix24 tells what happens to the application: at the signed address of a portal, and at the installer's.

Bitrix24 does not repeat an event, so whatever is ours is answered 200: acted upon, or noted without effect.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from b24app.core import signed_urls, spool
from b24app.messaging import enqueue
from b24app.portals import application_events, exchange_records
from b24app.portals.errors import Busy, PortalError
from b24app.portals.models import Portal
from b24app.webhooks import php_form, request_body

log = structlog.get_logger(__name__)


@csrf_exempt
def event(request: HttpRequest, portal: str, generation: int, mac: str) -> HttpResponse:
    """An event of the portal with this uuid (hex): 200, or 403, 405, 413, 400 for what cannot be one."""
    if not signed_urls.is_signed_by_us(mac, "events", portal, str(generation)):
        return HttpResponse(status=403)
    if request.method != "POST":
        return HttpResponse(status=405)
    return _keep(request, {"portal": portal, "generation": generation})


def is_event(request: HttpRequest) -> bool:
    """Is this POST to the installer's address an event from server to server, and no page (docs/bitrix24.md A.4)?"""
    if request.method != "POST" or _length(request) > request_body.LONGEST_EVENT:
        return False
    fields = _fields(request)
    return "event" in fields and "AUTH_ID" not in fields


def take_event(request: HttpRequest, portal: Portal | None = None) -> HttpResponse:
    """Answer an event at the installer's address; which portal it is about is found out where it is not known."""
    return _keep(request, {"portal": portal.uuid.hex if portal else "", "generation": None})


def replay_event(record: Mapping[str, Any]) -> None:
    """Act on an event that waited on disk; it goes on waiting while too many ask who they are."""
    try:
        act_on_event(record)
    except Busy:
        spool.put_record(_kind(record), record, owner=record["portal"])


def act_on_event(record: Mapping[str, Any]) -> None:
    """Act on an event and ring. Safe to run twice. Raises Busy, and then nothing was looked at."""
    payload, name = record["payload"], record["payload"]["event"]
    try:
        portal = _portal(record["portal"], payload)
    except Busy:
        raise
    except PortalError as error:
        log.info("event_of_a_stranger", code=error.code)
        return
    if portal is None:
        log.warning("event_of_no_portal")
        return
    signed = record["generation"] is not None
    if signed and record["generation"] != portal.generation:
        exchange_records.record_event(portal, name, "of an earlier installation")
    elif application_events.handle_event(portal, name, payload, signed=signed).wants_reconcile:
        enqueue.reconcile(portal.pk)


def _keep(request: HttpRequest, address: Mapping[str, Any]) -> HttpResponse:
    if _length(request) > request_body.LONGEST_EVENT:
        return HttpResponse(status=413)
    payload = _fields(request)
    if not (isinstance(payload.get("event"), str) and payload["event"]):
        return HttpResponse(status=400)
    record = {**address, "payload": payload}
    try:
        _act(_kind(record), record)
    except Busy:
        return HttpResponse(status=503)
    except (spool.SpoolFull, OSError) as full:
        log.critical("event_lost", error=type(full).__name__)
        return HttpResponse(status=503)
    return HttpResponse()


def _kind(record: Mapping[str, Any]) -> str:
    """What comes to the installer's address is unsigned: it must not take the room of what may not be lost."""
    return "event" if record["portal"] else "unsigned"


def _act(kind: str, record: Mapping[str, Any]) -> None:
    try:
        spool.write_or_spool(kind, record, lambda: act_on_event(record), owner=record["portal"])
    except Busy:
        if kind != "event":  # a stranger's, or one that the launch beside it makes up for: no flood may fill the disk
            raise
        spool.put_record(kind, record, owner=record["portal"])
    except (spool.SpoolFull, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - a defect of ours must not cost the portal its event: it waits on disk
        log.error("event_not_understood", error=type(error).__name__)
        if kind == "event":
            spool.put_record(kind, record, owner=record["portal"])


def _portal(key: str, payload: Mapping[str, Any]) -> Portal | None:
    return Portal.objects.filter(uuid=uuid.UUID(key)).first() if key else application_events.find_event_portal(payload)


def _length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if str(length).isdecimal() else 0


def _fields(request: HttpRequest) -> dict[str, Any]:
    """The nested fields; of a body that is no urlencoded form, or cannot be read, none."""
    try:
        body = request.body
    except (UnreadablePostError, RequestDataTooBig):
        return {}
    return php_form.nest_pairs(php_form.read_pairs(body))
