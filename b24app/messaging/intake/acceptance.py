"""Accept handler calls: each becomes a stored message."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from structlog.contextvars import bind_contextvars

from b24app.core.monitoring import metrics
from b24app.messaging.intake import batch_insert
from b24app.messaging.intake.admission import CallRefused, Credentials, find_refusal, has_matching_token, other_host
from b24app.messaging.intake.payload import read_message
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Change, Origin, Reason, Status, Wait
from b24app.portals.callers import portal_copies


@dataclass(frozen=True, slots=True)
class AcceptedCall:
    """A call whose message is in the database, and what is due now.

    `to_drain` maps connections with something to send to whether they are slow. It names those of all messages that
    were inserted in the same batch; it is empty for a call whose message another thread inserted, which enqueues them.
    `is_held`: it named another address than the portal's, which has to be looked into. `lacks_proof`: no
    application_token of the portal is known.
    """

    portal_id: int
    lacks_token: bool
    to_drain: Mapping[int, bool]
    failed: bool
    is_held: bool = False
    lacks_proof: bool = False


def accept_call(
    sender_uuid: str, payload: Mapping[str, Any], received_at: datetime, generation: int | None = None
) -> AcceptedCall | None:
    """Store the message of a handler call once, however often the call comes; return None for an unknown sender.

    `generation` is that of the address called. A field that cannot be used makes the message `failed` with a reason,
    so that the portal gets its status. Raise CallRefused, with nothing stored, where the address is no longer valid.
    """
    sender = uuid.UUID(sender_uuid)
    credentials = Credentials.of(payload.get("auth"), generation)
    settings = batch_insert.sender_settings(sender)
    if settings is None:
        return None
    bind_contextvars(portal=settings.portal_id, connection=settings.connection_id)
    message = read_message(payload, settings, received_at)
    to_drain: dict[int, bool] = {}
    is_plain = message.failure is None and not other_host(settings, credentials)
    if is_plain and find_refusal(settings, credentials, received_at) is None:
        matches = has_matching_token(settings, credentials)
        stored, batch = batch_insert.insert_message(replace(message, generation=generation, token_matches=matches))
        to_drain = {one.connection_id: one.slow for one in batch if one}
        if stored:
            lacks_proof = not settings.application_token
            return AcceptedCall(stored.portal_id, stored.lacks_token, to_drain, failed=False, lacks_proof=lacks_proof)
    return _accept_uncached(sender, payload, received_at, credentials, to_drain)


def _accept_uncached(
    sender: uuid.UUID,
    payload: Mapping[str, Any],
    received_at: datetime,
    credentials: Credentials,
    to_drain: dict[int, bool],
) -> AcceptedCall | None:
    """Accept without the cache: calls that fail, are refused or held, and rows that the batch insert skipped."""
    settings = batch_insert.read_sender_settings(sender)
    if settings is None:
        return None
    refusal = find_refusal(settings, credentials, received_at)
    if refusal is not None:
        raise CallRefused(refusal)
    incoming = read_message(payload, settings, received_at)
    host = other_host(settings, credentials)
    message = Message(
        **incoming.values, portal_id=settings.portal_id, connection_id=settings.connection_id, bulk=settings.bulk
    )
    if incoming.failure is not None:
        _store_failed(message, *incoming.failure)
    elif host:
        _store_held(message, host)
    else:
        Message.objects.bulk_create([message], ignore_conflicts=True)
        to_drain[settings.connection_id] = settings.slow
    metrics.ACCEPTED.labels(Origin.PORTAL).inc()
    has_failed = incoming.failure is not None
    return AcceptedCall(
        settings.portal_id,
        settings.lacks_token,
        to_drain,
        failed=has_failed,
        is_held=bool(host),
        lacks_proof=not settings.application_token,
    )


def _store_held(message: Message, host: str) -> None:
    """Store a message that waits, until it expires, for somebody to confirm the address it came from."""
    message.wait, message.detail, message.due_at = Wait.COPY, host, message.expires_at
    Message.objects.bulk_create([message], ignore_conflicts=True)
    portal_copies.notice_copy(message.portal_id, host)


def _store_failed(message: Message, reason: Reason, detail: str) -> None:
    with transaction.atomic():
        # No error on a conflict: PostgreSQL would write the whole statement into its log, number and text and all.
        Message.objects.bulk_create([message], ignore_conflicts=True)
        stored = Message.objects.filter(reference=message.reference).values_list("pk", flat=True).first()
        if stored is not None:  # otherwise the same message was stored before
            Message.objects.advance([Change(pk=stored, status=Status.FAILED, reason=reason, detail=detail)])
