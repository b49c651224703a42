"""Step 1: the portal's wish becomes a row, and so do the texts people write in our own screens."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from b24app.core import storable
from b24app.messaging.models import Connection, ConnectionState, Message, Sender, SenderState
from b24app.messaging.statuses import Change, Origin, Phase, Reason, Status
from b24app.portals.models import Portal
from providers.kit import registry
from providers.kit.phones import BadNumber, read_number

LONGEST_TEXT_KEPT = 20_000
LONGEST_LINKS_KEPT = 4_000
LINKS = ("bindings", "workflow_id", "document_id", "document_type")


class BadText(ValueError):
    """The text cannot be sent; the message says why."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A wish that is safe in the database, and what it makes due."""

    portal: Portal
    connection: Connection
    failed: bool


def accept(sender_uuid: str, payload: Mapping[str, Any], received_at: datetime) -> Taken | None:
    """Store a handler call once, however often it comes. None: the sender is not in our database.

    An unusable field makes the message `failed` with its reason, so that the portal can be told.
    """
    sender = Sender.objects.select_related("connection", "portal").filter(uuid=uuid.UUID(sender_uuid)).first()
    if sender is None:
        return None
    wish = _Wish(payload)
    message = _row(sender, received_at, wish.sent_at(received_at))
    message.message_id = wish.message_id
    message.module = wish.text_of("module_id")[:40]
    message.author_id = wish.author()
    message.links = wish.links()
    message.raw_to = wish.text_of("message_to", "phone_number")[:200]
    text = wish.text_of("message_body", "message_text")
    message.text = text[:LONGEST_TEXT_KEPT]
    failure = _unusable(sender, message, text) or wish.failure
    message.note = wish.note()
    if failure is None:
        Message.objects.bulk_create([message], ignore_conflicts=True)
    else:
        _store_failed(message, *failure)
    return Taken(sender.portal, sender.connection, failure is not None)


def compose(
    portal: Portal,
    sender: Sender,
    to: str,
    text: str,
    *,
    origin: Origin,
    author_id: int | None,
    links: Mapping[str, Any] | None = None,
) -> Message:
    """Store a message written in our own screens. Raises BadNumber or BadText, and then stores nothing."""
    message = _row(sender, timezone.now(), timezone.now())
    message.origin, message.author_id, message.links = origin, author_id, dict(links or {})
    message.raw_to, message.text = to[:200], storable.text(text)
    message.to = read_number(to, portal.country).e164
    limit = registry.get(sender.connection.service).max_text
    if not text.strip():
        raise BadText("empty")
    if len(text) > limit:
        raise BadText("too long")
    message.save()
    return message


def resend(message: Message, author_id: int | None) -> Message:
    """Send the same text to the same number again, under a new reference; the original stays as it was.

    Its final word is told to the portal under the original's message_id. While one is under way, or after one arrived,
    that one is the answer: a button pressed twice sends once.
    """
    with transaction.atomic():
        Message.objects.select_for_update().get(pk=message.pk)
        before = message.resends.exclude(status__in=[Status.FAILED, Status.UNDELIVERED]).exclude(phase=Phase.UNKNOWN)
        return before.first() or _again(message, author_id)


def _again(message: Message, author_id: int | None) -> Message:
    sender = Sender.objects.select_related("connection", "portal").get(pk=message.sender_id)
    again = _row(sender, timezone.now(), timezone.now())
    again.origin, again.resend_of, again.author_id = Origin.RESEND, message, author_id
    again.raw_to, again.to, again.text = message.raw_to, message.to, message.text
    again.module, again.links = message.module, message.links
    again.message_id, again.pushed = message.message_id, message.pushed
    again.save()
    return again


def mark_sent(message: Message) -> bool:
    """A person found out that a message of unknown outcome was sent; answers whether it was still unknown."""
    if not Message.objects.filter(pk=message.pk, phase=Phase.UNKNOWN).exists():
        return False
    return bool(Message.objects.advance([Change(pk=message.pk, status=Status.SENT, detail=message.detail)]))


def cancel(message: Message) -> bool:
    """Fail a message that still waits; answers whether it did."""
    with transaction.atomic():
        waits = Message.objects.select_for_update().filter(pk=message.pk, phase=Phase.WAITING)
        if not waits.exists():
            return False
        return bool(Message.objects.advance([Change(pk=message.pk, status=Status.FAILED, reason=Reason.CANCELLED)]))


def _row(sender: Sender, received_at: datetime, sent_at: datetime) -> Message:
    """An unsaved message that is due now; whether its connection sends is the drain's business."""
    return Message(
        portal_id=sender.portal_id,
        connection_id=sender.connection_id,
        sender_id=sender.pk,
        bulk=sender.bulk,
        received_at=received_at,
        expires_at=sent_at + sender.max_age,
        due_at=received_at,
        day=received_at.astimezone(sender.portal.zone).date(),
    )


def _unusable(sender: Sender, message: Message, text: str) -> tuple[Reason, str] | None:
    """Why a wish cannot be sent; fills in the number where it can be read."""
    if sender.state in (SenderState.REMOVING, SenderState.REMOVED) or not _has_account(sender.connection):
        return Reason.SENDER_REMOVED, ""
    if message.expires_at <= message.received_at:
        return Reason.EXPIRED, ""
    if not text.strip():
        return Reason.EMPTY_TEXT, ""
    if len(text) > _longest(sender.connection.service):
        return Reason.TEXT_TOO_LONG, str(len(text))
    try:
        message.to = read_number(message.raw_to, sender.portal.country).e164
    except BadNumber as bad:
        return Reason.INVALID_NUMBER, str(bad)
    return None


def _has_account(connection: Connection) -> bool:
    return connection.state != ConnectionState.REMOVED


def _longest(service: str) -> int:
    try:
        return registry.get(service).max_text
    except registry.Unavailable:
        return LONGEST_TEXT_KEPT


def _store_failed(message: Message, reason: Reason, detail: str) -> None:
    with transaction.atomic():
        # No error on a conflict: PostgreSQL would write the whole statement into its log, number and text and all.
        Message.objects.bulk_create([message], ignore_conflicts=True)
        stored = Message.objects.filter(reference=message.reference).values_list("pk", flat=True).first()
        if stored is not None:  # otherwise the same wish came before
            Message.objects.advance([Change(pk=stored, status=Status.FAILED, reason=reason, detail=detail)])


class _Wish:
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
        clean = storable.text(value)
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
