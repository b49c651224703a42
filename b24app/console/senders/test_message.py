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
from b24app.console.wording.costs import Cost
from b24app.console.wording.explained import service_title
from b24app.console.wording.explanations import explain_end, explain_wait
from b24app.messaging import enqueue
from b24app.messaging.actions import messages
from b24app.messaging.models import NEWEST_FIRST, ConnectionState, Message, Sender, SenderState
from b24app.messaging.models.statuses import Origin, Status
from providers.kit import registry
from providers.kit.phones import BadNumber

PATIENCE = timedelta(seconds=60)


def _sender_or_404(request: FramedRequest, sender: uuid.UUID) -> Sender:
    mine = Sender.objects.select_related("connection", "portal")
    mine = mine.exclude(state=SenderState.REMOVED).exclude(connection__state=ConnectionState.REMOVED)
    found: Sender = get_object_or_404(mine, portal=request.portal, uuid=sender)
    return found


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
def send_test(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Take a number and a text; after sending, the same page shows the message's history as it grows."""
    found = _sender_or_404(request, sender)
    form = MessageForm(request.POST) if request.method == "POST" else MessageForm(initial=_suggest_message(request))
    cost = Cost.estimate(str(form["text"].value() or ""), found)
    context = {
        "sender": found,
        "service": service_title(found.connection.service),
        "free": _is_free(found.connection.service),
        "form": form,
        "cost": cost,
        "measure": cost.measure,
    }
    if request.method == "POST" and form.is_valid():
        message = _store_test(request, found, form)
        if message is not None:
            context |= _progress_context(message)
    return render_screen(request, "console/test/test.html", context)


def _suggest_message(request: FramedRequest) -> dict[str, str]:
    """Return the number that this visitor tested with last, and a text."""
    mine = Message.objects.filter(portal=request.portal, origin=Origin.TEST, author_id=request.visitor.user_id)
    last = mine.order_by(*NEWEST_FIRST).values_list("to", flat=True).first()
    return {"to": last or "", "text": _("This is a test message from Sendline.")}


def _is_free(service: str) -> bool:
    try:
        return registry.get(service).pretends
    except registry.Unavailable:
        return False


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
    path("senders/<uuid:sender>/test/", send_test, name="test"),
    path("senders/tests/<uuid:reference>/", show_test_progress, name="test-progress"),
]
