"""Where Bitrix24 hands messages over. It never repeats a call, so what is ours is stored and answered 200."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import Error
from django.db.models import F
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from b24app.core import sanitize, signed_urls, spool
from b24app.messaging import enqueue
from b24app.messaging.intake import acceptance
from b24app.messaging.intake.admission import CallRefused
from b24app.messaging.intake.payload import LINKS, LONGEST_LINKS_KEPT, LONGEST_TEXT_KEPT
from b24app.portals import tokens
from b24app.portals.models import Portal
from b24app.webhooks import php_form, request_body

log = structlog.get_logger(__name__)

DEPTH, WIDTH = 4, 100
# What is read of a call, and how many characters of it: more is kept nowhere, and so does not reach the disk either.
TEXTS = {"message_id": 2_000, "message_to": 400, "message_body": LONGEST_TEXT_KEPT, "module_id": 100, "ts": 40}
PROPERTIES = {"phone_number": 400, "message_text": LONGEST_TEXT_KEPT}
AUTHOR = {"user_id": 40, "access_token": 4_000, "expires": 40}
AUTH = {**AUTHOR, "application_token": 400, "member_id": 100}


@csrf_exempt
def handler(request: HttpRequest, sender: str, generation: int, mac: str) -> HttpResponse:
    """200 once the wish is safe, in the database or on this node's disk; 403, 413 and 400 for what is not a wish."""
    if not signed_urls.is_signed_by_us(mac, "handler", sender, str(generation)):
        return HttpResponse(status=403)
    if request.method != "POST":
        return HttpResponse(status=405)
    try:
        payload = read_call(request)
    except RequestDataTooBig:
        return _refuse(sender, 413)
    except (UnreadablePostError, MultiPartParserError, SuspiciousOperation, BadRequest):
        return _refuse(sender, 400)
    if not payload["message_id"]:
        return _refuse(sender, 400)
    address = {"sender": sender, "generation": generation}
    return _keep({**address, "payload": payload, "received_at": datetime.now(UTC).isoformat()})


def _keep(record: Mapping[str, Any]) -> HttpResponse:
    try:
        _store(record)
    except CallRefused as refused:
        log.warning("wish_refused", why=refused.why)  # nothing of its address: that was a secret
        return HttpResponse(status=403)
    except (spool.SpoolFull, OSError) as full:
        log.critical("wish_lost", error=type(full).__name__)
        return HttpResponse(status=503)
    return HttpResponse()


def _store(record: Mapping[str, Any]) -> None:
    try:
        spool.write_or_spool("wish", record, lambda: take_message(record), owner=record["sender"])
    except (CallRefused, spool.SpoolFull, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - a defect of ours must not cost the portal its message: it waits on disk
        log.error("wish_not_understood", error=type(error).__name__)
        spool.put_record("wish", record, owner=record["sender"])


def replay_message(record: Mapping[str, Any]) -> None:
    """Take a wish that waited on disk; one that must be refused by now is let go."""
    try:
        take_message(record)
    except CallRefused as refused:
        log.warning("wish_refused", why=refused.why)


def take_message(record: Mapping[str, Any]) -> None:
    """Store a wish and ring. Raises CallRefused."""
    received_at = datetime.fromisoformat(record["received_at"])
    taken = acceptance.accept_call(record["sender"], record["payload"], received_at, record.get("generation"))
    if taken is None:
        log.warning("wish_for_no_sender")  # nothing of its address: that is a secret
        return
    if taken.failed:
        enqueue.push(taken.portal_id)
    for connection_id, slow in taken.to_drain.items():
        enqueue.drain(connection_id, slow=slow)
    if taken.lacks_token:
        _keep_authors_token(taken.portal_id, record["payload"]["auth"])


def _keep_authors_token(portal_id: int, auth: Mapping[str, str]) -> None:
    """No administrator's token lives: the author's own, good for an hour, can tell the portal of its messages."""
    user, access, expires = (auth.get(name, "") for name in AUTHOR)
    if access and user.isdecimal() and expires.isdecimal() and len(expires) < 12:
        portal = Portal.objects.get(pk=portal_id)
        tokens.store_author_token(portal, int(user), access, datetime.fromtimestamp(int(expires), UTC))


def read_call(request: HttpRequest) -> dict[str, Any]:
    """What we use of a call, whatever it is encoded as. Raises RequestDataTooBig and Django's parse errors."""
    fields = _fields(request)
    return {
        "message_id": "",
        **_texts(fields, TEXTS),
        "properties": _texts(fields.get("properties"), PROPERTIES),
        "auth": _texts(fields.get("auth"), AUTH),
        **_links(fields),
    }


def _texts(fields: Any, longest: Mapping[str, int]) -> dict[str, str]:
    """The fields that are read, each cut to its length; lists and objects are none of them."""
    if not isinstance(fields, dict):
        return {}
    found = ((name, fields.get(name), limit) for name, limit in longest.items() if name in fields)
    return {name: _text(value, limit) for name, value, limit in found if not isinstance(value, dict | list)}


def _links(fields: Mapping[str, Any]) -> dict[str, Any]:
    links = {name: _bounded(fields[name], DEPTH) for name in LINKS if name in fields}
    return links if len(json.dumps(links)) <= LONGEST_LINKS_KEPT else {}


def _fields(request: HttpRequest) -> dict[str, Any]:
    if request_body.content_length(request) > request_body.LONGEST_CALL:
        raise RequestDataTooBig
    if request.content_type == "multipart/form-data":
        return php_form.nest_pairs((key, values[-1]) for key, values in request.POST.lists() if values)
    body = request_body.read_body(request, request_body.LONGEST_CALL)
    if request.content_type == "application/json":
        return _from_json(body)
    return php_form.nest_pairs(php_form.read_pairs(body))


def _from_json(body: bytes) -> dict[str, Any]:
    request_body.refuse_many_values(body)
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _bounded(value: Any, depth: int) -> Any:
    """Texts in lists and objects, no deeper and no longer than a portal sends them."""
    if isinstance(value, dict) and depth:
        return {_text(key, LONGEST_LINKS_KEPT): _bounded(value[key], depth - 1) for key in list(value)[:WIDTH]}
    if isinstance(value, list) and depth:
        return [_bounded(one, depth - 1) for one in value[:WIDTH]]
    return _text(value, LONGEST_LINKS_KEPT)


def _text(value: Any, longest: int) -> str:
    """A text that our columns and the disk can hold; empty for what is no text or number."""
    return sanitize.sanitize_text(str(value)[:longest]) if isinstance(value, str | int | float) else ""


def count_too_long(path: str) -> None:
    """Count a call that the server has refused for its length, where its address is good."""
    if (sender := request_body.handler_of(path)) is not None:
        _count_refused(sender)


def _refuse(sender: str, status: int) -> HttpResponse:
    _count_refused(sender)
    return HttpResponse(status=status)


def _count_refused(sender: str) -> None:
    """Count it for the portal's page; nothing could be stored."""
    try:
        Portal.objects.filter(senders__uuid=sender).update(refused_calls=F("refused_calls") + 1)
    except Error as error:
        log.warning("refused_call_not_counted", error=type(error).__name__)
