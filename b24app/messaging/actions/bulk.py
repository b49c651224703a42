"""Actions on many messages: each message is treated exactly as if it were the only one."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from b24app.messaging.actions import messages
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Phase, Status


class BulkAction(StrEnum):
    RESEND = "resend"
    MARK_SENT = "mark_sent"
    CANCEL = "cancel"


NOT_DELIVERED = Q(phase=Phase.UNKNOWN) | Q(status__in=[Status.FAILED, Status.UNDELIVERED])


@dataclass(frozen=True, slots=True)
class ActionResult:
    """Whether a message was changed, the connection that has something to send, and whether a push is due."""

    changed: bool
    to_drain: int | None = None
    to_tell: bool = False


def eligible_messages(act: BulkAction) -> Q:
    """Return the condition for the messages that an action would change.

    Messages that were resent already are left out: the latest resend stands for them, or a person would get the text
    twice.
    """
    match act:
        case BulkAction.RESEND:
            resends = Message.objects.filter(resend_of=OuterRef("pk"))
            return NOT_DELIVERED & ~Q(to="") & ~Q(text="") & ~Q(Exists(resends))
        case BulkAction.MARK_SENT:
            return Q(phase=Phase.UNKNOWN)
        case BulkAction.CANCEL:
            return Q(phase=Phase.WAITING)


def run_action(act: BulkAction, message: Message, author_id: int, since: datetime, deed: uuid.UUID) -> ActionResult:
    """Apply an action to one message; an action requested at `since` is applied once, however often this is called.

    All messages of one request share a `deed`, under which it is recorded once.
    """
    match act:
        case BulkAction.RESEND:
            return _resend_once(message, author_id, since, deed)
        case BulkAction.MARK_SENT:
            changed = messages.mark_sent(message, deed)
        case BulkAction.CANCEL:
            changed = messages.cancel_message(message, deed)
    return ActionResult(changed, to_tell=changed)


def _resend_once(message: Message, author_id: int, since: datetime, deed: uuid.UUID) -> ActionResult:
    """Resend a message unless it was resent since the request, even if that resend has failed already."""
    with transaction.atomic():
        Message.objects.select_for_update().get(pk=message.pk)
        if message.resends.filter(received_at__gte=since).exists():
            return ActionResult(changed=False)
        resend = messages.resend_message(message, author_id, deed)
    is_new = resend.received_at >= since
    return ActionResult(is_new, to_drain=resend.connection_id if is_new else None)
