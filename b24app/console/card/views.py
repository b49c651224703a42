"""The tab on the card of a lead, deal, contact or company: its messages, and a form to send one more."""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseStopPolling, reswap

from b24app.console.card.conversation import Conversation, find_conversation
from b24app.console.frame import card_tokens
from b24app.console.frame.screen import FRAME, FramedRequest, with_toast
from b24app.console.journal.crm_links import crm_links
from b24app.console.journal.message_history import describe_source, missing_text_label
from b24app.console.journal.search import hides_numbers
from b24app.console.senders.segment_count import MAX_COUNTED
from b24app.console.wording.costs import Cost
from b24app.console.wording.explanations import explain_end, explain_wait
from b24app.messaging import enqueue
from b24app.messaging.actions import messages
from b24app.messaging.models import ConnectionState, Message, Sender, SenderState
from b24app.messaging.models.statuses import Origin
from b24app.messaging.push import timeline
from b24app.portals.crm_cards import Entity, Phone
from b24app.portals.models import Portal
from providers.kit.phones import BadNumber, format_number, read_e164
from providers.kit.segments import measure
from providers.kit.transliteration import rewrite_text

KINDS = {
    "MOBILE": pgettext_lazy("phone", "mobile"),
    "WORK": pgettext_lazy("phone", "work"),
    "HOME": pgettext_lazy("phone", "home"),
}
Screen = Callable[[FramedRequest, Entity, str], HttpResponse]


@dataclass(frozen=True, slots=True)
class CardRow:
    message: Message
    source: str
    why: object
    no_text: str
    new_day: bool


class CardForm(forms.Form):
    """A message to one of an entity's numbers.

    `nonce` tells a form that was sent twice from two forms with the same content.
    """

    use_required_attribute = False

    to = forms.CharField(max_length=40, label=gettext_lazy("To"), widget=forms.Select())
    sender = forms.ChoiceField(
        label=gettext_lazy("Sender"),
        error_messages={"invalid_choice": gettext_lazy("Select an option from the list.")},
    )
    text = forms.CharField(
        max_length=5000,
        label=gettext_lazy("Message"),
        widget=forms.Textarea({"rows": "6"}),
        error_messages={"required": gettext_lazy("Enter a message.")},
    )
    nonce = forms.UUIDField(required=False, widget=forms.HiddenInput())

    def __init__(self, entity: Entity, senders: Sequence[Sender], country: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entity, self.country = entity, country
        self.fields["to"].widget.choices = [(one.e164, _phone_label(one)) for one in entity.phones]
        self.fields["sender"].choices = [(one.uuid.hex, one.name) for one in senders]  # type: ignore[attr-defined]  # a ChoiceField

    def clean_to(self) -> str:
        """Accept only a number that the portal has given for this entity."""
        try:
            number = read_e164(self.cleaned_data["to"], self.country)
        except BadNumber as bad:
            raise forms.ValidationError(_(bad.words)) from None
        if number not in {phone.e164 for phone in self.entity.phones}:
            raise forms.ValidationError(_("This number is not on the CRM item."))
        return number


def card_screen(screen: Screen) -> Callable[[FramedRequest, str], HttpResponse]:
    """Let a visitor through who came from the card itself; others read how to, and see nothing of it."""

    @wraps(screen)
    def guarded_screen(request: FramedRequest, signed: str) -> HttpResponse:
        try:
            entity = card_tokens.read_card_token(signed, request.portal, request.visitor.user_id)
        except card_tokens.BadCard as bad:
            if bad.expired and (request.method == "POST" or "seen" in request.GET):
                return _refuse_expired(request)
            # Chromium logs every 4xx to its console, and waiting too long is no error.
            return _render_card(request, "console/card/expired.html", {}, status=200 if bad.expired else 404)
        return screen(request, entity, signed)

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
    senders = list(_ready_senders(request.portal))
    form = None
    toast = ""
    if request.method == "POST":
        form = CardForm(entity, senders, request.portal.country, request.POST)
        if form.is_valid() and _send_from_card(request, form, senders):
            form, toast = None, _("Sending…")
    before = request.GET.get("before", "")
    page = find_conversation(request.portal, entity, before)
    seen = _card_digest(page.messages)
    if request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    if form is None:
        form = _empty_form(request, entity, senders, page)
    context = {
        "entity": entity,
        "name": entity.title or _fallback_name(entity),
        "signed": signed,
        "rows": list(_card_rows(page.messages, request.portal)),
        "page": page,
        "before": before,
        "seen": seen,
        # Past messages are masked as in the journal: they may be to numbers that the card no longer has. The numbers
        # to choose from are whole: the portal gave them to the visitor's own token, and shows them beside this tab.
        "hides": hides_numbers(request),
        "senders": senders,
        **_cost_context(form, senders),
    }
    response = _render_card(request, "console/card/card.html", context)
    return with_toast(response, toast) if toast else response


@require_POST
@card_screen
def count_card_segments(request: FramedRequest, entity: Entity, signed: str) -> HttpResponse:
    """Render what the text costs as it is typed. By POST: an address would be logged, and the text with it."""
    senders = list(_ready_senders(request.portal))
    form = CardForm(entity, senders, request.portal.country, request.POST)
    return render(request, "console/card/text_cost.html", {"signed": signed, **_cost_context(form, senders)})


@require_POST
@card_screen
def simplify_text(request: FramedRequest, entity: Entity, signed: str) -> HttpResponse:
    """Render the text with typographic characters replaced by plain ones, to be read before it is sent."""
    senders = list(_ready_senders(request.portal))
    plain = rewrite_text(request.POST.get("text", "")[:MAX_COUNTED], smart=True)
    chosen = {"text": plain, "sender": request.POST.get("sender", "")}
    form = CardForm(entity, senders, request.portal.country, initial=chosen)
    form.fields["text"].widget.attrs["data-first"] = ""
    return render(request, "console/card/text_field.html", {"signed": signed, **_cost_context(form, senders)})


def _ready_senders(portal: Portal) -> Iterable[Sender]:
    """Return the senders that can send now."""
    ready = Sender.objects.filter(portal=portal, state=SenderState.REGISTERED, paused_at=None)
    return ready.filter(connection__state=ConnectionState.ACTIVE).select_related("connection", "portal").order_by("pk")


def _send_from_card(request: FramedRequest, form: CardForm, senders: Sequence[Sender]) -> Message | None:
    """Store the message and wake its account; None when the text cannot be sent, which is said at the field.

    Its reference is derived from what was posted, so that a form that arrives twice is one message.
    """
    to, text, entity = form.cleaned_data["to"], form.cleaned_data["text"], form.entity
    sender = next(one for one in senders if one.uuid.hex == form.cleaned_data["sender"])
    nonce = form.cleaned_data["nonce"] or uuid.uuid4()
    posted = (request.visitor.user_id, nonce.hex, entity.type_id, entity.id, sender.pk, to, text)
    try:
        message = messages.compose_message(
            request.portal,
            sender,
            to,
            text,
            origin=Origin.CARD,
            author_id=request.visitor.user_id,
            links=timeline.links_with_entry(entity.type_id, entity.id),
            reference=uuid.uuid5(request.portal.uuid, repr(posted)),
        )
    except BadNumber as bad:
        form.add_error("to", _(bad.words))
        return None
    except messages.BadText:
        form.add_error("text", _("The text is longer than this service allows."))
        return None
    enqueue.drain(sender.connection_id, slow=sender.connection.slow)
    enqueue.note(request.portal.pk)
    return message


def _empty_form(request: FramedRequest, entity: Entity, senders: Sequence[Sender], page: Conversation) -> CardForm:
    """Return an empty form, with the number and the sender that were posted or used last."""
    numbers = [phone.e164 for phone in sorted(entity.phones, key=lambda one: one.kind != "MOBILE")]
    last = [message.to for message in page.messages if message.to in numbers]
    recent = [message.sender.uuid.hex for message in page.messages]
    available = [one.uuid.hex for one in senders]
    chosen = {
        "to": request.POST.get("to") or next(iter([*last, *numbers]), ""),
        "sender": request.POST.get("sender") or next((one for one in recent if one in available), ""),
        "nonce": uuid.uuid4(),
    }
    return CardForm(entity, senders, request.portal.country, initial=chosen)


def _cost_context(form: CardForm, senders: Sequence[Sender]) -> dict[str, Any]:
    """Return the form with what its text costs through the chosen sender, and what plain quotes would save."""
    chosen, text = form["sender"].value(), str(form["text"].value() or "")[:MAX_COUNTED]
    sender = next((one for one in senders if one.uuid.hex == chosen), next(iter(senders), None))
    if sender is None:
        return {"form": form}
    cost = Cost.estimate(text, sender)
    plain = measure(sender.written(rewrite_text(text, smart=True)))
    return {"form": form, "cost": cost, "measure": cost.measure, "spared": cost.measure.parts - plain.parts}


def _card_rows(messages: Sequence[Message], portal: Portal) -> Iterable[CardRow]:
    day = None
    for message in messages:
        local = timezone.localtime(message.received_at).date()
        why = explain_end(message) or (explain_wait(message) if message.wait else None)
        yield CardRow(
            message,
            describe_source(message),
            why.what if why else "",
            missing_text_label(message, portal),
            local != day,
        )
        day = local


def _card_digest(messages: Sequence[Message]) -> str:
    shown = [(one.pk, one.status, one.phase, one.wait, one.reason, one.price) for one in messages]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def _phone_label(phone: Phone) -> str:
    """Return a number with its kind and owner; isolated, for it reads from left to right in every language."""
    parts = [f"\u2066{format_number(phone.e164)}\u2069", *(str(KINDS[kind]) for kind in [phone.kind] if kind in KINDS)]
    return ", ".join([*parts, *([phone.owner] if phone.owner else [])])


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
    path("card/<str:signed>/straighten/", simplify_text, name="card-straighten"),
]
