"""One message: its history, why it is where it is, the technical record, and what a person can do."""

import hashlib
import uuid

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from b24app.audit import lookup
from b24app.audit.models import Action
from b24app.console.frame.screen import FramedRequest, admin_only, render_screen
from b24app.console.journal.crm_names import MessageNames, viewer_of
from b24app.console.journal.message_history import build_history, describe_source, missing_text_label
from b24app.console.journal.search import hides_numbers, visible_messages
from b24app.console.journal.way_back import list_url, message_url, show_again
from b24app.console.wording.costs import Cost
from b24app.console.wording.employees import EmployeeNames
from b24app.console.wording.explained import service_title
from b24app.console.wording.explanations import explain_end, explain_wait
from b24app.exchange_log.models import PORTAL_PEERS, Exchange
from b24app.messaging import enqueue
from b24app.messaging.actions import messages
from b24app.messaging.guards import stop_list
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait

MAX_EXCHANGES = 50


def message_or_404(request: FramedRequest, reference: uuid.UUID) -> Message:
    """Return a message that this visitor may see."""
    found: Message = get_object_or_404(visible_messages(request).select_related("resend_of"), reference=reference)
    return found


def exchanges_of(message: Message) -> "QuerySet[Exchange]":
    """Return the exchanges with the service about a message; those with Bitrix24 are in the REST log.

    They know their portal by number only, so it is a condition too.
    """
    rows = Exchange.objects.filter(portal_id=message.portal_id, message_id=message.pk)
    return rows.exclude(peer__in=PORTAL_PEERS)


@require_safe
def show_message(request: FramedRequest, reference: uuid.UUID) -> HttpResponse:
    """Render the whole screen; a poll with `seen` gets content only if something has changed."""
    found = message_or_404(request, reference)
    exchanges = list(exchanges_of(found).order_by("at", "pk")[:MAX_EXCHANGES])
    reports = list(found.reports.order_by("received_at", "pk"))
    names = MessageNames.load(request.portal, viewer_of(request), [found.links])
    seen = _message_digest(found, names.shown_state, len(exchanges), len(reports))
    if request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    cost = Cost.estimate(found.text, found.sender)
    context = {
        "message": found,
        "service": service_title(found.connection.service),
        "source": describe_source(found),
        "no_text": missing_text_label(found, request.portal),
        "steps": build_history(found, exchanges, reports),
        "exchanges": exchanges if request.visitor.is_admin else [],
        "person": names.find_recipient(found),
        "items": names.name_items(found),
        "author": _employee_name(request, found.author_id),
        "canceled_by": _canceled_by(request, found),
        "measure": cost.measure,
        "cost": cost,
        "end": explain_end(found),
        "wait": explain_wait(found),
        "stopped": _is_stopped(request, found),
        "masked": not request.visitor.is_admin,
        "hides": hides_numbers(request),
        "may": _allowed_actions(request, found),
        "is_live": _is_live(found),
        "is_polling": _is_live(found) or names.is_pending,
        "seen": seen,
        "here": message_url(request, found),
        "back": list_url(request, found),
    }
    return render_screen(request, "console/message/message.html", context)


def _is_stopped(request: FramedRequest, found: Message) -> bool:
    """Return whether this visitor may look at an entry of the stop list for the recipient."""
    opted_out = request.visitor.is_admin and found.reason == Reason.OPT_OUT
    return opted_out and stop_list.find_entry(request.portal, found.to) is not None


def _employee_name(request: FramedRequest, user_id: int | None) -> str:
    """Return the name of an employee, for administrators only; "" where there is none."""
    if not (request.visitor.is_admin and user_id):
        return ""
    return EmployeeNames.load(request.portal, [user_id]).display_name(user_id)


def _canceled_by(request: FramedRequest, found: Message) -> str:
    """Return who canceled the message, for administrators only; "" where that is not recorded."""
    if found.reason != Reason.CANCELLED:
        return ""
    change = lookup.change_of_message(request.portal, found.pk, Action.CANCELED)
    return _employee_name(request, change.user_id) if change else ""


def _is_live(found: Message) -> bool:
    """Return whether more is to come: a final status, or its push to the portal."""
    return not Status(found.status).is_final or found.push_at is not None


def _allowed_actions(request: FramedRequest, found: Message) -> dict[str, bool]:
    """Return what this visitor, as an administrator, can do now."""
    is_unknown = found.phase == Phase.UNKNOWN
    is_lost = found.status in (Status.FAILED, Status.UNDELIVERED)
    can = {
        "resend": (is_unknown or is_lost) and bool(found.to and found.text) and not _is_resent(found),
        "mark_sent": is_unknown,
        "cancel": found.phase == Phase.WAITING,
        "retry": found.phase == Phase.WAITING and found.wait == Wait.RETRY,
    }
    return {what: request.visitor.is_admin and may for what, may in can.items()}


def _is_resent(found: Message) -> bool:
    """Return whether a resend is under way or has arrived."""
    return found.resends.exclude(status__in=[Status.FAILED, Status.UNDELIVERED]).exclude(phase=Phase.UNKNOWN).exists()


def _message_digest(found: Message, *others: object) -> str:
    shown = (found.status, found.phase, found.wait, found.due_at, found.attempts, found.pushed, found.push_at)
    return hashlib.sha256(repr((shown, found.push_error, found.price, found.repeats, others)).encode()).hexdigest()[:16]


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
def resend_by_hand(request: FramedRequest, reference: uuid.UUID) -> HttpResponse:
    """Ask in place, naming the risk, then send the same text again as a new message."""
    found = message_or_404(request, reference)
    if not _allowed_actions(request, found)["resend"]:
        return show_again(request, found, _("This message can no longer be resent."))
    if request.method != "POST":
        return render(
            request, "console/message/confirm_resend.html", {"message": found, "here": message_url(request, found)}
        )
    again = messages.resend_message(found, request.visitor.user_id)
    enqueue.drain(again.connection_id)
    return show_again(request, again, _("Resending…"))


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
def mark_as_sent(request: FramedRequest, reference: uuid.UUID) -> HttpResponse:
    """Ask in place, then record on a person's word that the message was sent."""
    found = message_or_404(request, reference)
    if request.method != "POST":
        return render(
            request, "console/message/confirm_mark_sent.html", {"message": found, "here": message_url(request, found)}
        )
    done = messages.mark_sent(found)
    if done:
        enqueue.push(request.portal.pk)
    text = _("Marked as sent.") if done else _("The status is already known.")
    return show_again(request, found, text)


@admin_only
@require_POST
def cancel_sending(request: FramedRequest, reference: uuid.UUID) -> HttpResponse:
    """Cancel a message that still waits."""
    found = message_or_404(request, reference)
    done = messages.cancel_message(found)
    if done:
        enqueue.push(request.portal.pk)
    text = _("Message canceled.") if done else _("Too late: the message has already been sent.")
    return show_again(request, found, text)


@admin_only
@require_POST
def retry_at_once(request: FramedRequest, reference: uuid.UUID) -> HttpResponse:
    """Make the next attempt of a message due now."""
    found = message_or_404(request, reference)
    done = messages.retry_now(found)
    if done:
        enqueue.drain(found.connection_id)
    return show_again(request, found, _("Retrying…") if done else _("This message is no longer waiting for a retry."))


urlpatterns = [
    path("journal/<uuid:reference>/", show_message, name="message"),
    path("journal/<uuid:reference>/resend/", resend_by_hand, name="message-resend"),
    path("journal/<uuid:reference>/mark-sent/", mark_as_sent, name="message-mark-sent"),
    path("journal/<uuid:reference>/cancel/", cancel_sending, name="message-cancel"),
    path("journal/<uuid:reference>/retry/", retry_at_once, name="message-retry"),
]
