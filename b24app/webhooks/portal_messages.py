"""Receiving messages from Bitrix24. It never repeats a call, so what is ours is stored and gets 200."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from b24app.core import sanitize, spool
from b24app.core.monitoring import metrics
from b24app.messaging import enqueue
from b24app.messaging.intake import acceptance
from b24app.messaging.intake.acceptance import AcceptedCall
from b24app.messaging.intake.admission import CallRefused
from b24app.messaging.intake.payload import LINKS, MAX_STORED_LINKS, MAX_STORED_TEXT
from b24app.messaging.maintenance import requests
from b24app.portals import tokens
from b24app.portals.identity import ACCESS_LIFETIME
from b24app.portals.models import Portal
from b24app.portals.rest import author_tokens
from b24app.webhooks import address_keys, php_form, refused_calls, request_body

log = structlog.get_logger(__name__)

MAX_DEPTH, MAX_WIDTH = 4, 100
MAX_DIGITS = 11
# The fields read of a call, each with its maximum length: more is stored nowhere, not even in the spool.
TEXTS = {"message_id": 2_000, "message_to": 400, "message_body": MAX_STORED_TEXT, "module_id": 100, "ts": 40}
PROPERTIES = {"phone_number": 400, "message_text": MAX_STORED_TEXT}
AUTHOR = {"user_id": 40, "access_token": 4_000, "expires": 40, "expires_in": 40}
ADDRESSES = {"domain": 255, "client_endpoint": 300, "server_endpoint": 300}
AUTH = {**AUTHOR, **ADDRESSES, "application_token": 400, "member_id": 100}


@csrf_exempt
def receive_message(request: HttpRequest, sender: str, generation: int, mac: str) -> HttpResponse:
    """Receive a message. Respond 200 once it is in the database or in this node's spool, else 400, 403, 413."""
    if not address_keys.admit_call(mac, "handler", sender, str(generation)):
        return HttpResponse(status=403)
    if request.method != "POST":
        return HttpResponse(status=405)
    try:
        payload = parse_call(request)
    except RequestDataTooBig:
        return _reject_call(sender, 413)
    except (UnreadablePostError, MultiPartParserError, SuspiciousOperation, BadRequest):
        return _reject_call(sender, 400)
    if not payload["message_id"]:
        return _reject_call(sender, 400)
    address = {"sender": sender, "generation": generation}
    return _respond_to({**address, "payload": payload, "received_at": datetime.now(UTC).isoformat()})


def _respond_to(record: Mapping[str, Any]) -> HttpResponse:
    try:
        _store_or_spool(record)
    except CallRefused as refused:
        metrics.REFUSED_CALLS.labels(refused.why).inc()
        log.warning("message_refused", why=refused.why)  # without the address, which is secret
        refused_calls.record_refusal(record, 403, refused.why)
        return HttpResponse(status=403)
    except (spool.SpoolFull, OSError) as full:
        log.critical("message_lost", error=type(full).__name__)
        return HttpResponse(status=503)
    return HttpResponse()


def _store_or_spool(record: Mapping[str, Any]) -> None:
    try:
        spool.write_or_spool("wish", record, lambda: accept_message(record), owner=record["sender"])
    except (CallRefused, spool.SpoolFull, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - a bug of ours must not lose the portal's message: it waits on disk
        log.error("message_processing_failed", error=type(error).__name__)
        spool.put_record("wish", record, owner=record["sender"])


def replay_message(record: Mapping[str, Any]) -> None:
    """Accept a spooled message, or drop it if it must be refused by now."""
    try:
        accept_message(record)
    except CallRefused as refused:
        log.warning("message_refused", why=refused.why)
        refused_calls.record_refusal(record, 200, refused.why)  # so it was answered when it went to the disk


def accept_message(record: Mapping[str, Any]) -> None:
    """Store a message and enqueue what follows. Raise CallRefused."""
    received_at = datetime.fromisoformat(record["received_at"])
    accepted = acceptance.accept_call(record["sender"], record["payload"], received_at, record.get("generation"))
    if accepted is None:
        metrics.CALLS_WITHOUT_SENDER.inc()
        log.warning("message_without_sender")  # without the address, which is secret
        return
    if accepted.failed:
        enqueue.push(accepted.portal_id)
    for connection_id, slow in accepted.to_drain.items():
        enqueue.drain(connection_id, slow=slow)
    if accepted.is_held:
        enqueue.check_copies(accepted.portal_id)
        return
    auth = record["payload"].get("auth") or {}
    _keep_author_token(accepted, auth, received_at)
    if accepted.lacks_proof:
        requests.keep_candidate(accepted.portal_id, auth.get("application_token", ""), auth.get("access_token", ""))


def _keep_author_token(accepted: AcceptedCall, auth: Mapping[str, str], received_at: datetime) -> None:
    """Keep the author's token, valid for an hour, for pushing statuses; in the database if it is needed already."""
    user, access, expires, expires_in = (auth.get(name, "") for name in AUTHOR)
    if not access or not user.isdecimal() or len(user) > MAX_DIGITS:
        return
    token = author_tokens.AuthorToken(access, _expiry(expires, expires_in, received_at))
    if accepted.lacks_token:
        portal = Portal.objects.get(pk=accepted.portal_id)
        tokens.store_author_token(portal, int(user), token.access, token.expires_at)
    else:
        author_tokens.keep_token(accepted.portal_id, int(user), token)


def _expiry(expires: str, expires_in: str, received_at: datetime) -> datetime:
    """Return when a token expires: at the moment given, or after the seconds given, else after an hour."""
    if expires.isdecimal() and len(expires) <= MAX_DIGITS:
        return datetime.fromtimestamp(int(expires), UTC)
    is_given = expires_in.isdecimal() and len(expires_in) <= MAX_DIGITS
    return received_at + timedelta(seconds=min(int(expires_in), ACCESS_LIFETIME) if is_given else ACCESS_LIFETIME)


def parse_call(request: HttpRequest) -> dict[str, Any]:
    """Return what we use of a call in any encoding. Raise RequestDataTooBig and Django's parse errors."""
    fields = _parse_fields(request)
    return {
        "message_id": "",
        **_pick_texts(fields, TEXTS),
        "properties": _pick_texts(fields.get("properties"), PROPERTIES),
        "auth": _pick_texts(fields.get("auth"), AUTH),
        **_pick_links(fields),
    }


def _pick_texts(fields: Any, longest: Mapping[str, int]) -> dict[str, str]:
    """Return the wanted fields, each cut to its length, without lists and objects."""
    if not isinstance(fields, dict):
        return {}
    wanted = ((name, fields.get(name), limit) for name, limit in longest.items() if name in fields)
    return {name: _truncate_text(value, limit) for name, value, limit in wanted if not isinstance(value, dict | list)}


def _pick_links(fields: Mapping[str, Any]) -> dict[str, Any]:
    links = {name: _truncate_nested(fields[name], MAX_DEPTH) for name in LINKS if name in fields}
    return links if len(json.dumps(links)) <= MAX_STORED_LINKS else {}


def _parse_fields(request: HttpRequest) -> dict[str, Any]:
    if request_body.content_length(request) > request_body.MAX_CALL:
        raise RequestDataTooBig
    if request.content_type == "multipart/form-data":
        return php_form.nest_pairs((key, values[-1]) for key, values in request.POST.lists() if values)
    body = request_body.read_body(request, request_body.MAX_CALL)
    if request.content_type == "application/json":
        return _parse_json(body)
    return php_form.nest_pairs(php_form.read_pairs(body))


def _parse_json(body: bytes) -> dict[str, Any]:
    request_body.refuse_many_values(body)
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _truncate_nested(value: Any, depth: int) -> Any:
    """Return texts in lists and objects, no deeper, wider or longer than a portal sends them."""
    if isinstance(value, dict) and depth:
        return {
            _truncate_text(key, MAX_STORED_LINKS): _truncate_nested(value[key], depth - 1)
            for key in list(value)[:MAX_WIDTH]
        }
    if isinstance(value, list) and depth:
        return [_truncate_nested(one, depth - 1) for one in value[:MAX_WIDTH]]
    return _truncate_text(value, MAX_STORED_LINKS)


def _truncate_text(value: Any, longest: int) -> str:
    """Return a text that our columns and the spool can hold; "" for what is no text or number."""
    return sanitize.sanitize_text(str(value)[:longest]) if isinstance(value, str | int | float) else ""


def count_oversized_call(path: str) -> None:
    """Count a call that the server refused for its length, if its address is valid."""
    if (sender := request_body.sender_of_handler(path)) is not None:
        refused_calls.count_unreadable_call(sender, 413)


def _reject_call(sender: str, status: int) -> HttpResponse:
    refused_calls.count_unreadable_call(sender, status)
    return HttpResponse(status=status)
