"""The lines of a conversation: a message with where it came from, what became of it, and what can be done about it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from b24app.audit.lookup import changes_of_messages
from b24app.audit.models import Action
from b24app.console.frame.screen import FramedRequest
from b24app.console.journal.message_history import describe_source, missing_text_label
from b24app.console.wording.employees import EmployeeNames
from b24app.console.wording.explanations import explain_end, explain_wait
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait
from b24app.portals.crm.cards import Entity


@dataclass(frozen=True, slots=True)
class CardRow:
    message: Message
    source: str
    author: str  # "" where nobody wrote it, or the visitor may not know
    why: object
    no_text: str
    new_day: bool
    is_scheduled: bool
    canceled: str  # in words, "" for a message that was not canceled
    may_cancel: bool
    may_resend: bool


def card_rows(request: FramedRequest, entity: Entity, messages: Sequence[Message]) -> Iterable[CardRow]:
    """Return the lines of a page, newest first."""
    cancelers = _find_cancelers(request, messages)
    names = _load_names(request, [*(one.author_id for one in messages), *cancelers.values()])
    resent = set(Message.objects.filter(resend_of__in=[one.pk for one in messages]).values_list("resend_of", flat=True))
    day = None
    for message in messages:
        local = timezone.localtime(message.received_at).date()
        why = explain_end(message) or (explain_wait(message) if message.wait else None)
        canceled = _describe_canceled(request, message, cancelers.get(message.pk), names)
        yield CardRow(
            message,
            describe_source(message),
            _author_name(message, names),
            "" if canceled or is_scheduled(message) else why.what if why else "",
            missing_text_label(message, request.portal),
            local != day,
            is_scheduled(message),
            canceled,
            message.phase == Phase.WAITING and is_in_charge(request, message),
            message.pk not in resent and may_resend(entity, message),
        )
        day = local


def is_scheduled(message: Message) -> bool:
    """Return whether a message waits for the time its author chose."""
    return message.phase == Phase.WAITING and message.wait == Wait.SCHEDULED


def is_in_charge(request: FramedRequest, message: Message) -> bool:
    """Return whether a message is this visitor's to cancel: administrators any, employees their own."""
    return request.visitor.is_admin or message.author_id == request.visitor.user_id


def may_resend(entity: Entity, message: Message) -> bool:
    """Return whether a message may be resent from the card: one that did not arrive, to a number that is still there.

    An opt-out would only fail again; of a message whose outcome is unknown an administrator decides elsewhere.
    """
    is_lost = message.status in (Status.FAILED, Status.UNDELIVERED) and message.reason != Reason.OPT_OUT
    return is_lost and bool(message.text) and message.to in {phone.e164 for phone in entity.phones}


def card_digest(messages: Sequence[Message]) -> str:
    """Return what tells whether something that is shown has changed."""
    shown = [(one.pk, one.status, one.phase, one.wait, one.reason, one.price, one.due_at) for one in messages]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def _find_cancelers(request: FramedRequest, messages: Sequence[Message]) -> dict[int, int]:
    """Return who canceled which of the messages, as it was recorded."""
    canceled = [one.pk for one in messages if one.reason == Reason.CANCELLED]
    found = changes_of_messages(request.portal, canceled, Action.CANCELED)
    return {pk: change.user_id for pk, change in found.items() if change.user_id is not None}


def _load_names(request: FramedRequest, people: Iterable[int | None]) -> EmployeeNames | None:
    """Return the names of those who wrote or canceled; only administrators see them."""
    return EmployeeNames.load(request.portal, people) if request.visitor.is_admin else None


def _author_name(message: Message, names: EmployeeNames | None) -> str:
    is_known = names is not None and message.author_id in names.names
    return names.display_name(message.author_id) if names and message.author_id and is_known else ""


def _describe_canceled(
    request: FramedRequest, message: Message, canceler: int | None, names: EmployeeNames | None
) -> str:
    if message.reason != Reason.CANCELLED:
        return ""
    if canceler == request.visitor.user_id:
        return _("Canceled by you")
    if names and canceler:
        return _("Canceled by %(name)s") % {"name": names.display_name(canceler)}
    return _("Canceled before sending")
