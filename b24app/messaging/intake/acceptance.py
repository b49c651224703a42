"""Step 1: the portal's wish becomes a row, and so do the texts people write in our own screens."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from b24app.messaging.intake import batch_insert
from b24app.messaging.intake.admission import CallRefused, Credentials, is_vouched_for, reason_to_refuse
from b24app.messaging.intake.payload import read_message
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Change, Reason, Status


@dataclass(frozen=True, slots=True)
class AcceptedCall:
    """A wish that is safe in the database, and what is due now.

    `to_drain` says of connections whether they are slow: the wish's own, and those of wishes that were written along
    with it; it is empty where somebody else wrote, who rings.
    """

    portal_id: int
    lacks_token: bool
    to_drain: Mapping[int, bool]
    failed: bool


def accept_call(
    sender_uuid: str, payload: Mapping[str, Any], received_at: datetime, generation: int | None = None
) -> AcceptedCall | None:
    """Store a handler call once, however often it comes. None: the sender is not in our database.

    `generation` is that of the address called. An unusable field makes the message `failed` with its reason, so that
    the portal can be told. Raises CallRefused where the address is not good any more, and then nothing is stored.
    """
    sender = uuid.UUID(sender_uuid)
    shown = Credentials.of(payload.get("auth"), generation)
    terms = batch_insert.sender_settings(sender)
    if terms is None:
        return None
    wish = read_message(payload, terms, received_at)
    to_drain: dict[int, bool] = {}
    if wish.failure is None and reason_to_refuse(terms, shown, received_at) is None:
        vouched = is_vouched_for(terms, shown)
        stored, written = batch_insert.insert_message(replace(wish, generation=generation, vouched=vouched))
        to_drain = {one.connection_id: one.slow for one in written if one}
        if stored:
            return AcceptedCall(stored.portal_id, stored.lacks_token, to_drain, failed=False)
    return _accept_carefully(sender, payload, received_at, shown, to_drain)


def _accept_carefully(
    sender: uuid.UUID, payload: Mapping[str, Any], received_at: datetime, shown: Credentials, to_drain: dict[int, bool]
) -> AcceptedCall | None:
    """Nothing known by heart: for what cannot be sent, and for what the short way did not take."""
    terms = batch_insert.read_sender_settings(sender)
    if terms is None:
        return None
    why = reason_to_refuse(terms, shown, received_at)
    if why is not None:
        raise CallRefused(why)
    wish = read_message(payload, terms, received_at)
    message = Message(**wish.values, portal_id=terms.portal_id, connection_id=terms.connection_id, bulk=terms.bulk)
    if wish.failure is None:
        Message.objects.bulk_create([message], ignore_conflicts=True)
        to_drain[terms.connection_id] = terms.slow
    else:
        _store_failed(message, *wish.failure)
    return AcceptedCall(terms.portal_id, terms.lacks_token, to_drain, failed=wish.failure is not None)


def _store_failed(message: Message, reason: Reason, detail: str) -> None:
    with transaction.atomic():
        # No error on a conflict: PostgreSQL would write the whole statement into its log, number and text and all.
        Message.objects.bulk_create([message], ignore_conflicts=True)
        stored = Message.objects.filter(reference=message.reference).values_list("pk", flat=True).first()
        if stored is not None:  # otherwise the same wish came before
            Message.objects.advance([Change(pk=stored, status=Status.FAILED, reason=reason, detail=detail)])
