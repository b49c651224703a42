"""What people do to single messages in our own screens: write, send again, mark as sent, cancel."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from b24app.core import sanitize
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Change, Origin, Phase, Reason, Status
from b24app.portals.models import Portal
from providers.kit import registry
from providers.kit.phones import read_number, region_of


class BadText(ValueError):
    """The text cannot be sent; the message says why."""


def compose_message(  # noqa: PLR0913 - a message has so many sides, and its writer knows them all
    portal: Portal,
    sender: Sender,
    to: str,
    text: str,
    *,
    origin: Origin,
    author_id: int | None,
    links: Mapping[str, Any] | None = None,
    reference: uuid.UUID | None = None,
) -> Message:
    """Store a message written in our own screens. Raises BadNumber or BadText, and then stores nothing.

    With a `reference` of the caller's it is stored once, however often it comes; the answer is the one that is stored.
    """
    message = _row(sender, timezone.now(), timezone.now())
    message.origin, message.author_id, message.links = origin, author_id, dict(links or {})
    message.raw_to, message.text = to[:200], sanitize.sanitize_text(text)
    message.to = read_number(to, portal.country).e164
    message.country = region_of(message.to)
    limit = registry.get(sender.connection.service).max_text
    if not text.strip():
        raise BadText("empty")
    if len(text) > limit:
        raise BadText("too long")
    if reference is None:
        message.save()
        return message
    message.reference = reference
    # No error on a conflict: PostgreSQL would write the whole statement into its log, number and text and all.
    Message.objects.bulk_create([message], ignore_conflicts=True)
    stored: Message = Message.objects.get(portal=portal, reference=reference)
    return stored


def resend_message(message: Message, author_id: int | None) -> Message:
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
    again.country = region_of(message.to)
    again.module, again.links = message.module, message.links
    again.message_id, again.pushed = message.message_id, message.pushed
    again.save()
    return again


def mark_sent(message: Message) -> bool:
    """A person found out that a message of unknown outcome was sent; answers whether it was still unknown."""
    if not Message.objects.filter(pk=message.pk, phase=Phase.UNKNOWN).exists():
        return False
    return bool(Message.objects.advance([Change(pk=message.pk, status=Status.SENT, detail=message.detail)]))


def cancel_message(message: Message) -> bool:
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
