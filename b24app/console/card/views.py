"""The tab on a CRM card: its messages, and a form to write one more."""

import uuid
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseStopPolling, reswap

from b24app.console.card.conversation import count_totals, find_conversation, find_message
from b24app.console.card.forms import CardForm, scheduled_toast
from b24app.console.card.rows import card_digest, card_rows, is_in_charge, may_resend
from b24app.console.card.writing import MessageWriter
from b24app.console.frame import card_tokens
from b24app.console.frame.screen import FRAME, FramedRequest, with_toast
from b24app.console.journal.crm_links import crm_links
from b24app.console.senders.segment_count import MAX_COUNTED
from b24app.messaging import enqueue
from b24app.messaging.actions import messages
from b24app.messaging.models import Message
from b24app.messaging.push import timeline
from b24app.portals.crm.cards import Entity
from providers.kit.transliteration import rewrite_text

Screen = Callable[..., HttpResponse]


def card_screen(screen: Screen) -> Screen:
    """Let a visitor through who came from the card itself; others read how to, and see nothing of it."""

    @wraps(screen)
    def guarded_screen(request: FramedRequest, signed: str, **arguments: Any) -> HttpResponse:
        try:
            entity = card_tokens.read_card_token(signed, request.portal, request.visitor.user_id)
        except card_tokens.BadCard as bad:
            if bad.expired and (request.method == "POST" or "seen" in request.GET):
                return _refuse_expired(request)
            # Chromium logs every 4xx to its console, and waiting too long is no error.
            return _render_card(request, "console/card/expired.html", {}, status=200 if bad.expired else 404)
        return screen(request, entity, signed, **arguments)

    return guarded_screen


def _refuse_expired(request: FramedRequest) -> HttpResponse:
    """Say that the page is too old; what is on it stays, for a text may be half written."""
    if request.method != "POST":
        stop: HttpResponse = reswap(HttpResponseStopPolling(), "none")
        return stop
    text = _("This page has expired. Copy your text, reload the CRM item and open the Sendline tab again.")
    return with_toast(HttpResponse(status=204), text)


@require_http_methods(["GET", "HEAD", "POST"])
@card_screen
def show_card(request: FramedRequest, entity: Entity, signed: str) -> HttpResponse:
    """Render the messages and the form, or send one more; a poll with `seen` gets content only if something changed."""
    writer = MessageWriter(request, entity)
    if request.method == "POST":
        form = writer.read_form(request.POST)
        message = writer.send_message(form) if form.is_valid() else None
        if message is None:
            return _show_conversation(request, writer, signed, form=form)
        toast = scheduled_toast(message.scheduled_at) if message.scheduled_at else _("Sending…")
        return _show_conversation(request, writer, signed, toast=toast)
    return _show_conversation(request, writer, signed)


def _show_conversation(
    request: FramedRequest, writer: MessageWriter, signed: str, *, form: CardForm | None = None, toast: str = ""
) -> HttpResponse:
    before = request.GET.get("before", "")
    page = find_conversation(request.portal, writer.entity, before)
    seen = card_digest(page.messages)
    if request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    context = {
        "entity": writer.entity,
        "name": writer.entity.title or _fallback_name(writer.entity),
        "signed": signed,
        "rows": list(card_rows(request, writer.entity, page.messages)),
        "totals": count_totals(request.portal, writer.entity) if page.messages else None,
        "page": page,
        "before": before,
        "seen": seen,
        "hides": writer.hides,
        "senders": writer.senders,
        **writer.writing_context(form or writer.fresh_form(page.messages)),
    }
    response = _render_card(request, "console/card/card.html", context)
    return with_toast(response, toast) if toast else response


@require_POST
@card_screen
def count_card_segments(request: FramedRequest, entity: Entity, signed: str) -> HttpResponse:
    """Render what a text costs and meets as it is typed. By POST: an address would be logged, and the text with it."""
    writer = MessageWriter(request, entity)
    context = writer.writing_context(writer.read_form(request.POST))
    return render(request, "console/card/text_cost.html", {"signed": signed, **context})


@require_POST
@card_screen
def simplify_text(request: FramedRequest, entity: Entity, signed: str) -> HttpResponse:
    """Render the text with typographic characters replaced by plain ones, to be read before it is sent."""
    writer = MessageWriter(request, entity)
    form = writer.changed_form(rewrite_text(request.POST.get("text", "")[:MAX_COUNTED], smart=True))
    return _render_writing(request, writer, form, signed, focus=True)


@require_POST
@card_screen
def fill_text(request: FramedRequest, entity: Entity, signed: str) -> HttpResponse:
    """Render the text after a template or another number was chosen.

    A text that somebody wrote is kept: a template chosen then goes below it, and another number changes nothing.
    """
    writer = MessageWriter(request, entity)
    is_template = request.POST.get("changed") != "to"
    text = refilled_text(writer, writer.read_form(request.POST), is_template=is_template)
    return _render_writing(request, writer, writer.changed_form(text), signed, focus=is_template)


def refilled_text(writer: MessageWriter, form: CardForm, *, is_template: bool) -> str:
    """Return the text of a form after a template, or else another number, was chosen in it."""
    text = str(form["text"].value() or "")[:MAX_COUNTED]
    filled = writer.filled_template(form)
    if filled is None or not (is_template or writer.is_as_filled(form)):
        return text
    return filled.text if writer.is_as_filled(form) else f"{text.rstrip()}\n{filled.text}"


def _render_writing(
    request: FramedRequest, writer: MessageWriter, form: CardForm, signed: str, *, focus: bool
) -> HttpResponse:
    if focus:
        form.fields["text"].widget.attrs["data-first"] = ""
    return render(request, "console/card/text_field.html", {"signed": signed, **writer.writing_context(form)})


# -- one message -------------------------------------------------------------------------------------------------------


@require_POST
@card_screen
def cancel_card_message(request: FramedRequest, entity: Entity, signed: str, reference: uuid.UUID) -> HttpResponse:
    """Cancel a message that waits."""
    message = _message_here(request, entity, reference)
    if not is_in_charge(request, message):
        raise Http404
    done = messages.cancel_message(message)
    if done and message.message_id is not None:
        enqueue.push(request.portal.pk)
    toast = _("Message canceled.") if done else _("Too late: the message has already been sent.")
    return _show_conversation(request, MessageWriter(request, entity), signed, toast=toast)


@require_http_methods(["GET", "HEAD", "POST"])
@card_screen
def resend_card_message(request: FramedRequest, entity: Entity, signed: str, reference: uuid.UUID) -> HttpResponse:
    """Ask in place, then send the text of a message that did not arrive again, as a new message."""
    message = _message_here(request, entity, reference)
    if request.method != "POST":
        return render(request, "console/card/confirm_resend.html", {"message": message, "signed": signed})
    if not may_resend(entity, message):
        toast = _("This message can no longer be resent.")
    else:
        again = messages.resend_message(message, request.visitor.user_id)
        enqueue.drain(again.connection_id)
        toast = _("Resending…")
    return _show_conversation(request, MessageWriter(request, entity), signed, toast=toast)


def _message_here(request: FramedRequest, entity: Entity, reference: uuid.UUID) -> Message:
    message = find_message(request.portal, entity, reference)
    if message is None:
        raise Http404
    return message


def _fallback_name(entity: Entity) -> str:
    (link,) = crm_links(timeline.links_with_entry(entity.type_id, entity.id))
    return f"{link.kind} {link.number}"


def _render_card(
    request: FramedRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a screen without the console's bar: the tab is part of the portal's card, and leads nowhere else."""
    layout = "console/card/card_frame.html" if request.htmx.target == FRAME else "console/screen.html"
    return render(request, template, {**context, "layout": layout}, status=status)


urlpatterns = [
    path("card/<str:signed>/", show_card, name="card"),
    path("card/<str:signed>/count/", count_card_segments, name="card-count"),
    path("card/<str:signed>/fill/", fill_text, name="card-fill"),
    path("card/<str:signed>/straighten/", simplify_text, name="card-straighten"),
    path("card/<str:signed>/<uuid:reference>/cancel/", cancel_card_message, name="card-cancel"),
    path("card/<str:signed>/<uuid:reference>/resend/", resend_card_message, name="card-resend"),
]
