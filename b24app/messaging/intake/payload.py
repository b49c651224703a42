"""Parse the payload of a handler call into the columns of a message, cut and cleaned to what they can hold."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from b24app.core import sanitize
from b24app.messaging.models.statuses import Reason
from providers.kit import registry
from providers.kit.phones import BadNumber, read_e164, region_of

MAX_STORED_TEXT = 20_000
MAX_STORED_LINKS = 4_000
LINKS = ("bindings", "workflow_id", "document_id", "document_type")

Failure = tuple[Reason, str]
"""Why a message cannot be sent, and a detail."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """The columns of a sender, its connection and its portal that are needed to accept a call; in the query's order."""

    sender_id: int
    portal_id: int
    connection_id: int
    bulk: bool
    max_age: timedelta
    removed: bool  # the sender or its account
    service: str
    slow: bool
    country: str
    time_zone: str
    lacks_token: bool
    oldest_generation: int  # of the addresses that are accepted
    previous_until: datetime | None
    uninstalled: bool
    earlier: bool  # its address was issued in an installation before this one
    member_id: str
    domain: str
    client_endpoint: str
    allowed_hosts: Sequence[str]  # other addresses that are the portal's too, as an administrator says
    blocked_hosts: Sequence[str]  # and those that are not
    application_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """The columns of a message that is due now, except those that are copied from its sender's row."""

    values: Mapping[str, Any]
    failure: Failure | None
    generation: int | None = None  # of the address called, None where that is unknown
    token_matches: bool = False  # the call brought the portal's application_token


def read_message(payload: Mapping[str, Any], settings: SenderSettings, received_at: datetime) -> IncomingMessage:
    """Parse a payload; a field that cannot be used is the message's failure. Never raises."""
    fields = _PayloadFields(payload)
    text = fields.text_of("message_body", "message_text")
    values: dict[str, Any] = {
        "sender_id": settings.sender_id,
        "reference": uuid.uuid4(),
        "message_id": fields.message_id,
        "raw_to": fields.text_of("message_to", "phone_number")[:200],
        "to": "",
        "country": "",
        "text": text[:MAX_STORED_TEXT],
        "author_id": fields.author_id(),
        "module": fields.text_of("module_id")[:40],
        "links": fields.links(),
        "day": received_at.astimezone(ZoneInfo(settings.time_zone)).date(),
        "received_at": received_at,
        "expires_at": fields.sent_at(received_at) + settings.max_age,
        "due_at": received_at,  # the dispatcher checks whether the connection sends
    }
    failure = _find_failure(settings, values, text) or fields.failure
    values["note"] = fields.note()
    return IncomingMessage(values, failure)


def _find_failure(settings: SenderSettings, values: dict[str, Any], text: str) -> Failure | None:
    """Return why a message cannot be sent; fill in the number and its country if it is valid."""
    if settings.removed:
        return Reason.SENDER_REMOVED, ""
    if values["expires_at"] <= values["received_at"]:
        return Reason.EXPIRED, ""
    if not text.strip():
        return Reason.EMPTY_TEXT, ""
    if len(text) > _max_text(settings.service):
        return Reason.TEXT_TOO_LONG, str(len(text))
    try:
        values["to"] = read_e164(values["raw_to"], settings.country)
        values["country"] = region_of(values["to"])
    except BadNumber as bad:
        return Reason.INVALID_NUMBER, str(bad)
    return None


def _max_text(service: str) -> int:
    try:
        return registry.get(service).max_text
    except registry.Unavailable:
        return MAX_STORED_TEXT


class _PayloadFields:
    """A handler call's fields, cleaned; `note` says what had to be changed."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self._payload = payload
        self._notes: list[str] = []
        self.failure: tuple[Reason, str] | None = None
        self.message_id = self._message_id()

    def note(self) -> str:
        return "; ".join(dict.fromkeys(self._notes))[:200]

    def text_of(self, name: str, property_name: str = "") -> str:
        """Return a field as text, "" if it is none; `properties` has number and text under their older names."""
        value = self._payload.get(name)
        if not isinstance(value, str) and property_name:
            properties = self._payload.get("properties")
            value = properties.get(property_name) if isinstance(properties, Mapping) else None
        if not isinstance(value, str):
            return ""
        clean = sanitize.sanitize_text(value)
        if clean != value or "\ufffd" in clean:
            self._notes.append("characters that cannot be kept were replaced")
        return clean

    def sent_at(self, received_at: datetime) -> datetime:
        """Return when the portal sent the call, or `received_at` if its `ts` is missing or implausible."""
        try:
            sent_at = datetime.fromtimestamp(int(self.text_of("ts")), UTC)
        except (ValueError, OverflowError, OSError):
            return received_at
        is_plausible = received_at - timedelta(days=30) < sent_at <= received_at
        return sent_at if is_plausible else received_at

    def author_id(self) -> int | None:
        auth = self._payload.get("auth")
        value = str(auth.get("user_id", "")) if isinstance(auth, Mapping) else ""
        return int(value) if value.isascii() and value.isdigit() and len(value) < 18 else None

    def links(self) -> dict[str, Any]:
        links = {name: self._payload[name] for name in LINKS if self._payload.get(name)}
        encoded = json.dumps(links)
        is_storable = "\\u0000" not in encoded and "\\ud" not in encoded
        return links if is_storable and len(encoded) < MAX_STORED_LINKS else {}

    def _message_id(self) -> str:
        given = self.text_of("message_id")
        if len(given) <= 128:
            return given
        self._notes.append("the message_id is longer than 128 characters")
        self.failure = (Reason.INVALID_REQUEST, "message_id")
        return given[:64] + hashlib.sha256(given.encode()).hexdigest()
