"""Send a test message and watch its progress."""

import uuid
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from b24app.console.frame.screen import FramedRequest, admin_only, render_screen
from b24app.console.journal.message import exchanges_of, message_or_404
from b24app.console.journal.message_history import build_history
from b24app.console.senders.forms import MessageForm
from b24app.console.senders.test_numbers import list_rehearsals, recent_numbers
from b24app.console.wording.costs import Cost
from b24app.console.wording.explained import service_title
from b24app.console.wording.explanations import explain_end, explain_wait
from b24app.messaging import enqueue
from b24app.messaging.actions import messages
from b24app.messaging.models import ConnectionState, Message, Sender, SenderState
from b24app.messaging.models.statuses import Origin, Status
from b24app.messaging.statistics.demo_accounts import is_demo
from providers.kit.phones import BadNumber

PATIENCE = timedelta(seconds=60)
PANEL = "test-panel"  # id of the form with the progress beside it


def _sender_or_404(request: FramedRequest, sender: uuid.UUID) -> Sender:
    mine = Sender.objects.select_related("connection", "portal")
    mine = mine.exclude(state=SenderState.REMOVED).exclude(connection__state=ConnectionState.REMOVED)
    found: Sender = get_object_or_404(mine, portal=request.portal, uuid=sender)
    return found


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
def send_test(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Take a number and a text; after sending, the message's history grows beside the form.

    The form stands on a screen of its own and at the end of the wizard, and is answered in its place on both.
    """
    found = _sender_or_404(request, sender)
    form = MessageForm(request.POST) if request.method == "POST" else None
    message = _store_test(request, found, form) if form is not None and form.is_valid() else None
    context = _panel_context(request, found, form)
    if message is not None:
        context |= _progress_context(message)
    if request.htmx.target == PANEL:
        return render(request, "console/test/panel.html", context)
    return render_screen(request, "console/test/test.html", context)


@admin_only
@require_safe
def show_ready(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Render the end of the wizard: a first test, and where the new sender shows up."""
    found = _sender_or_404(request, sender)
    return render_screen(request, "console/connect/ready.html", _panel_context(request, found))


def _panel_context(request: FramedRequest, sender: Sender, form: MessageForm | None = None) -> dict[str, object]:
    """Return what the form needs; without one it suggests the number that was tested with last, and a text."""
    recent = recent_numbers(request)
    text = _("This is a test message from Sendline.")
    form = form or MessageForm(initial={"to": next(iter(recent), ""), "text": text})
    cost = Cost.estimate(str(form["text"].value() or ""), sender)
    return {
        "sender": sender,
        "service": service_title(sender.connection.service),
        "free": is_demo(sender.connection.service),
        "form": form,
        "cost": cost,
        "measure": cost.measure,
        "recent": recent,
        "rehearsals": list_rehearsals(sender),
    }


def _store_test(request: FramedRequest, sender: Sender, form: MessageForm) -> Message | None:
    """Store the message and wake its account; None when number or text is unusable, which is said at the field."""
    to, text = str(form.cleaned_data["to"]), str(form.cleaned_data["text"])
    try:
        message = messages.compose_message(
            request.portal, sender, to, text, origin=Origin.TEST, author_id=request.visitor.user_id
        )
    except BadNumber as bad:
        form.add_error("to", _(bad.words))
        return None
    except messages.BadText:
        form.add_error("text", _("The text is longer than this service allows."))
        return None
    sender.tested_at = timezone.now()
    sender.save(update_fields=["tested_at"])
    enqueue.drain(sender.connection_id)
    return message


def _progress_context(message: Message) -> dict[str, object]:
    """Return what the history needs, and whether to go on polling."""
    exchanges = list(exchanges_of(message).order_by("at", "pk"))
    is_over = Status(message.status).is_final or message.phase == "unknown"
    return {
        "message": message,
        "is_delivered": message.status == Status.DELIVERED,
        "free": is_demo(message.connection.service),
        "steps": build_history(message, exchanges, message.reports.order_by("received_at", "pk")),
        "end": explain_end(message),
        "wait": explain_wait(message),
        "is_over": is_over,
        "is_late": not is_over and timezone.now() - message.received_at > PATIENCE,
    }


@admin_only
@require_safe
def show_test_progress(request: FramedRequest, reference: uuid.UUID) -> HttpResponse:
    """Render the history of a test as it is now; polled every second, for a minute."""
    return render(request, "console/test/test_progress.html", _progress_context(message_or_404(request, reference)))


urlpatterns = [
    path("senders/<uuid:sender>/ready/", show_ready, name="sender-ready"),
    path("senders/<uuid:sender>/test/", send_test, name="test"),
    path("senders/tests/<uuid:reference>/", show_test_progress, name="test-progress"),
]
