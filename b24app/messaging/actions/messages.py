"""Actions on single messages in our own screens: compose, resend, mark as sent, cancel."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from b24app.audit.models import Action
from b24app.audit.recording import record_message
from b24app.core import sanitize
from b24app.core.monitoring import metrics
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Change, Origin, Phase, Reason, Status, Wait
from b24app.portals.models import Portal
from providers.kit import registry
from providers.kit.phones import read_number, region_of

# A week less than the shortest time that messages are kept: no message that waits for its time is deleted before it.
MAX_AHEAD = timedelta(days=21)


class BadText(ValueError):
    """The text cannot be sent; the message says why."""


class BadTime(ValueError):
    """The message cannot be sent at that time: it is past, or further ahead than `MAX_AHEAD`."""


def compose_message(  # noqa: PLR0913 - each is a column of the message that only the caller knows
    portal: Portal,
    sender: Sender,
    to: str,
    text: str,
    *,
    origin: Origin,
    author_id: int | None,
    links: Mapping[str, Any] | None = None,
    reference: uuid.UUID | None = None,
    send_at: datetime | None = None,
) -> Message:
    """Store a message written in our own screens; raise BadNumber, BadText or BadTime, with nothing stored.

    With the caller's `reference` it is stored once, however often this is called; return the stored message. With
    `send_at` it waits until then, and its validity counts from there.
    """
    message = _new_message(sender, timezone.now(), timezone.now())
    message.origin, message.author_id, message.links = origin, author_id, dict(links or {})
    message.raw_to, message.text = to[:200], sanitize.sanitize_text(text)
    message.to = read_number(to, portal.country).e164
    message.country = region_of(message.to)
    limit = registry.get(sender.connection.service).max_text
    if not text.strip():
        raise BadText("empty")
    if len(text) > limit:
        raise BadText("too long")
    if send_at is not None:
        _schedule(message, sender, send_at)
    if reference is None:
        message.save()
        return message
    message.reference = reference
    # No error on a conflict: PostgreSQL would write the whole statement into its log, number and text and all.
    Message.objects.bulk_create([message], ignore_conflicts=True)
    metrics.ACCEPTED.labels(origin).inc()
    stored: Message = Message.objects.get(portal=portal, reference=reference)
    return stored


def _schedule(message: Message, sender: Sender, send_at: datetime) -> None:
    """Make an unsaved message wait until a time."""
    if not message.received_at < send_at <= message.received_at + MAX_AHEAD:
        raise BadTime
    message.scheduled_at = message.due_at = send_at
    message.wait = Wait.SCHEDULED
    message.expires_at = send_at + sender.max_age


def resend_message(message: Message, author_id: int | None, deed: uuid.UUID | None = None) -> Message:
    """Store a resend: the same text to the same number under a new reference; the original stays as it was.

    Its final status is pushed to the portal under the original's message_id. While a resend is in progress, or after
    one was delivered, that one is returned: a button pressed twice sends once. `deed` is the deed on many messages that
    this belongs to.
    """
    with transaction.atomic():
        Message.objects.select_for_update().get(pk=message.pk)
        active = message.resends.exclude(status__in=[Status.FAILED, Status.UNDELIVERED]).exclude(phase=Phase.UNKNOWN)
        if (resend := active.first()) is not None:
            return resend
        record_message(Action.RESENT, message.portal_id, message.pk, message.reference, deed)
        return _create_resend(message, author_id)


def _create_resend(message: Message, author_id: int | None) -> Message:
    sender = Sender.objects.select_related("connection", "portal").get(pk=message.sender_id)
    resend = _new_message(sender, timezone.now(), timezone.now())
    resend.origin, resend.resend_of, resend.author_id = Origin.RESEND, message, author_id
    resend.raw_to, resend.to, resend.text = message.raw_to, message.to, message.text
    resend.country = region_of(message.to)
    resend.module, resend.links = message.module, message.links
    resend.message_id, resend.pushed = message.message_id, message.pushed
    resend.save()
    return resend


def mark_sent(message: Message, deed: uuid.UUID | None = None) -> bool:
    """Mark a message of unknown outcome as sent, as a person found out; return whether it was still unknown."""
    if not Message.objects.filter(pk=message.pk, phase=Phase.UNKNOWN).exists():
        return False
    with transaction.atomic():
        done = bool(Message.objects.advance([Change(pk=message.pk, status=Status.SENT, detail=message.detail)]))
        if done:
            record_message(Action.MARKED_SENT, message.portal_id, message.pk, message.reference, deed)
    return done


def retry_now(message: Message) -> bool:
    """Make a message that waits for its next attempt due at once; return whether it still waited."""
    waiting = Message.objects.filter(pk=message.pk, phase=Phase.WAITING, wait=Wait.RETRY)
    return bool(waiting.update(due_at=timezone.now()))


def cancel_message(message: Message, deed: uuid.UUID | None = None) -> bool:
    """Fail a message that still waits; return whether it did."""
    with transaction.atomic():
        waiting = Message.objects.select_for_update().filter(pk=message.pk, phase=Phase.WAITING)
        if not waiting.exists():
            return False
        done = bool(Message.objects.advance([Change(pk=message.pk, status=Status.FAILED, reason=Reason.CANCELLED)]))
        if done:
            record_message(Action.CANCELED, message.portal_id, message.pk, message.reference, deed)
        return done


def _new_message(sender: Sender, received_at: datetime, sent_at: datetime) -> Message:
    """Build an unsaved message that is due now; the dispatcher checks whether its connection sends."""
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
