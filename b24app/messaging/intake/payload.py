"""What a handler call says, as a row: read by the sender's terms, tamed to what our columns can hold."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from b24app.core import sanitize
from b24app.messaging.models.statuses import Reason
from providers.kit import registry
from providers.kit.phones import BadNumber, read_e164, region_of

LONGEST_TEXT_KEPT = 20_000
LONGEST_LINKS_KEPT = 4_000
LINKS = ("bindings", "workflow_id", "document_id", "document_type")

Failure = tuple[Reason, str]
"""Why a wish cannot be sent, and a detail."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """What has to be known of a sender, its connection and its portal to read a wish and to say what is due."""

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
    oldest_generation: int  # of the addresses that are answered
    previous_until: datetime | None
    uninstalled: bool
    earlier: bool  # its address was given out in an installation before this one
    member_id: str
    application_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """The columns of a message that is due now, but for those that its sender's row tells."""

    values: Mapping[str, Any]
    failure: Failure | None
    generation: int | None = None  # of the address called, None where that is not known
    vouched: bool = False  # by the portal's application_token


def read_message(payload: Mapping[str, Any], terms: SenderSettings, received_at: datetime) -> IncomingMessage:
    """Never raises; an unusable field is the wish's failure."""
    fields = _Fields(payload)
    text = fields.text_of("message_body", "message_text")
    values: dict[str, Any] = {
        "sender_id": terms.sender_id,
        "reference": uuid.uuid4(),
        "message_id": fields.message_id,
        "raw_to": fields.text_of("message_to", "phone_number")[:200],
        "to": "",
        "country": "",
        "text": text[:LONGEST_TEXT_KEPT],
        "author_id": fields.author(),
        "module": fields.text_of("module_id")[:40],
        "links": fields.links(),
        "day": received_at.astimezone(ZoneInfo(terms.time_zone)).date(),
        "received_at": received_at,
        "expires_at": fields.sent_at(received_at) + terms.max_age,
        "due_at": received_at,  # whether its connection sends is the drain's business
    }
    failure = _unusable(terms, values, text) or fields.failure
    values["note"] = fields.note()
    return IncomingMessage(values, failure)


def _unusable(terms: SenderSettings, values: dict[str, Any], text: str) -> Failure | None:
    """Why a wish cannot be sent; fills in the number where it can be read."""
    if terms.removed:
        return Reason.SENDER_REMOVED, ""
    if values["expires_at"] <= values["received_at"]:
        return Reason.EXPIRED, ""
    if not text.strip():
        return Reason.EMPTY_TEXT, ""
    if len(text) > _longest(terms.service):
        return Reason.TEXT_TOO_LONG, str(len(text))
    try:
        values["to"] = read_e164(values["raw_to"], terms.country)
        values["country"] = region_of(values["to"])
    except BadNumber as bad:
        return Reason.INVALID_NUMBER, str(bad)
    return None


def _longest(service: str) -> int:
    try:
        return registry.get(service).max_text
    except registry.Unavailable:
        return LONGEST_TEXT_KEPT


class _Fields:
    """A handler call's fields, tamed; what had to be changed is noted."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self._payload = payload
        self._notes: list[str] = []
        self.failure: tuple[Reason, str] | None = None
        self.message_id = self._message_id()

    def note(self) -> str:
        return "; ".join(dict.fromkeys(self._notes))[:200]

    def text_of(self, name: str, property_name: str = "") -> str:
        """A field as text; the older copies of number and text lie in `properties`."""
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
        """When the portal handed it over; the moment of receipt when it does not say anything believable."""
        try:
            told = datetime.fromtimestamp(int(self.text_of("ts")), UTC)
        except (ValueError, OverflowError, OSError):
            return received_at
        believable = received_at - timedelta(days=30) < told <= received_at
        return told if believable else received_at

    def author(self) -> int | None:
        auth = self._payload.get("auth")
        value = str(auth.get("user_id", "")) if isinstance(auth, Mapping) else ""
        return int(value) if value.isascii() and value.isdigit() and len(value) < 18 else None

    def links(self) -> dict[str, Any]:
        kept = {name: self._payload[name] for name in LINKS if self._payload.get(name)}
        written = json.dumps(kept)
        storable = "\\u0000" not in written and "\\ud" not in written
        return kept if storable and len(written) < LONGEST_LINKS_KEPT else {}

    def _message_id(self) -> str:
        given = self.text_of("message_id")
        if len(given) <= 128:
            return given
        self._notes.append("the message_id is longer than 128 characters")
        self.failure = (Reason.INVALID_REQUEST, "message_id")
        return given[:64] + hashlib.sha256(given.encode()).hexdigest()
