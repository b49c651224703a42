"""What a person does with many messages: to each exactly what is done to one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from b24app.messaging.actions import messages
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Phase, Status


class Act(StrEnum):
    RESEND = "resend"
    MARK_SENT = "mark_sent"
    CANCEL = "cancel"


LOST = Q(phase=Phase.UNKNOWN) | Q(status__in=[Status.FAILED, Status.UNDELIVERED])


@dataclass(frozen=True, slots=True)
class Done:
    """Whether a message was changed, which connection has something to send, and whether the portal is to be told."""

    changed: bool
    to_drain: int | None = None
    to_tell: bool = False


def eligible_messages(act: Act) -> Q:
    """The messages that an act would change.

    What has been sent again already is left out: its last repeat stands for it, or a person would get the text twice.
    """
    match act:
        case Act.RESEND:
            again = Message.objects.filter(resend_of=OuterRef("pk"))
            return LOST & ~Q(to="") & ~Q(text="") & ~Q(Exists(again))
        case Act.MARK_SENT:
            return Q(phase=Phase.UNKNOWN)
        case Act.CANCEL:
            return Q(phase=Phase.WAITING)


def run_action(act: Act, message: Message, author_id: int, since: datetime) -> Done:
    """Do it to one message; what was asked for at `since` is done once, however often it is asked for."""
    match act:
        case Act.RESEND:
            return _resend(message, author_id, since)
        case Act.MARK_SENT:
            done = messages.mark_sent(message)
        case Act.CANCEL:
            done = messages.cancel_message(message)
    return Done(done, to_tell=done)


def _resend(message: Message, author_id: int, since: datetime) -> Done:
    """Not again what was sent again since, even if that has failed already."""
    with transaction.atomic():
        Message.objects.select_for_update().get(pk=message.pk)
        if message.resends.filter(received_at__gte=since).exists():
            return Done(changed=False)
        again = messages.resend_message(message, author_id)
    new = again.received_at >= since
    return Done(new, to_drain=again.connection_id if new else None)
