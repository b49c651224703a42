"""A sender's form: a new one of a connection, or changes."""

import uuid
from datetime import timedelta
from math import ceil
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from b24app.console.frame.long_requests import hold_page, long_post
from b24app.console.frame.screen import FramedRequest, address, admin_only, redirect, render_screen
from b24app.console.senders.catalogue import ServiceInfo, fill_setup_steps, needs_address
from b24app.console.senders.forms import SenderForm
from b24app.console.senders.language_forms import LanguagesForm
from b24app.console.senders.registration import save_and_register
from b24app.console.wording.explained import Explained
from b24app.core.concurrency_limit import Busy
from b24app.core.sealing import CannotOpen
from b24app.messaging import enqueue
from b24app.messaging.actions import pauses
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Connection, ConnectionState, Sender, SenderState
from b24app.portals.languages import FRAME_CODES
from providers.kit import registry
from providers.kit.contract import Provider
from providers.kit.errors import SmsError
from providers.kit.sender_ids import warnings

MAX_OFFERED = 200


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def add_sender(request: FramedRequest, connection: uuid.UUID) -> HttpResponse:
    """Add a sender to an account; the first one ends the way to a first message."""
    mine = Connection.objects.exclude(state=ConnectionState.REMOVED)
    account = get_object_or_404(mine, portal=request.portal, uuid=connection)
    return _answer_form(request, Sender(portal=request.portal, connection=account))


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def edit_sender(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Rename a sender or change how it signs its messages; its code never changes."""
    mine = Sender.objects.select_related("connection").exclude(state=SenderState.REMOVED)
    found = get_object_or_404(mine, portal=request.portal, uuid=sender)
    found.portal = request.portal
    return _answer_form(request, found)


@admin_only
@require_POST
def check_signature(request: FramedRequest) -> HttpResponse:
    """Render warnings about the signature as it is typed, by the rules of the portal's country."""
    typed = request.POST.get("sender-offer", "") or request.POST.get("sender-signature", "").strip()
    translated = [_(one) for one in warnings(typed, request.portal.country)]
    return render(request, "console/senders/signature_warnings.html", {"warnings": translated})


@admin_only
@require_POST
def add_language(request: FramedRequest) -> HttpResponse:
    """Render the names as they are typed, with fields for one more language."""
    form = LanguagesForm(request.POST, language=request.portal.language, added=request.POST.get("add", ""))
    form.errors.clear()  # nothing was saved, so nothing is wrong yet
    return render(request, "console/senders/languages.html", {"form": form})


@admin_only
@require_POST
def preview_entry(request: FramedRequest) -> HttpResponse:
    """Render the sender as an employee finds it in Bitrix24, in the portal's language."""
    form = LanguagesForm(request.POST, language=request.portal.language)
    form.full_clean()
    names, descriptions = form.names_by_language(), form.descriptions_by_language()
    own = form.own_language
    context = {
        "name": names.get(own) or next(iter(names.values()), ""),
        "description": descriptions.get(own) or next(iter(descriptions.values()), ""),
    }
    return render(request, "console/senders/entry.html", context)


def _answer_form(request: FramedRequest, sender: Sender) -> HttpResponse:
    try:
        service = registry.get(sender.connection.service)
    except registry.Unavailable:
        raise Http404 from None
    if request.method != "POST":
        form = _make_sender_form(service, sender, offered=_offered_sender_ids(sender.connection))
        return render_screen(request, "console/senders/edit.html", _form_context(service, sender, form))
    form = _make_sender_form(service, sender, request.POST, offered=request.POST.getlist("offered")[:MAX_OFFERED])
    if not form.is_valid():
        return render_screen(request, "console/senders/edit.html", _form_context(service, sender, form))
    return _save_sender(request, service, sender, form)


def _save_sender(request: FramedRequest, service: type[Provider], sender: Sender, form: SenderForm) -> HttpResponse:
    is_first_time = not sender.registered_as
    _fill_sender(sender, form)
    trouble = save_and_register(sender)
    if pauses.reconsider_waiting(request.portal, sender):
        enqueue.drain(sender.connection_id)
    if trouble is None:
        if is_first_time:
            return redirect(request, "sender-ready", sender=sender.uuid)
        return redirect(request, "senders", toast=_("“{name}” updated in Bitrix24.").format(name=sender.name))
    if trouble.field in form.fields:
        form.add_error(trouble.field, f"{trouble.what} {trouble.todo}")
    response = render_screen(request, "console/senders/edit.html", _form_context(service, sender, form, trouble))
    # The sender is saved from now on: posting the form again must not make another one.
    response["HX-Replace-Url"] = address(request.portal, "sender", sender=sender.uuid)
    return response


def _fill_sender(sender: Sender, form: SenderForm) -> None:
    sender.names, sender.descriptions = form.names_by_language(), form.descriptions_by_language()
    sender.signature = str(form.cleaned_data["signature"])
    sender.options = form.declared_values()
    sender.bulk = bool(form.cleaned_data["bulk"])
    sender.smart, sender.latin = bool(form.cleaned_data["smart"]), bool(form.cleaned_data["latin"])
    sender.transactional = bool(form.cleaned_data["transactional"])
    sender.per_hour, sender.per_day = form.cleaned_data["per_hour"], form.cleaned_data["per_day"]
    if form.cleaned_data["max_age"]:
        sender.max_age = timedelta(hours=form.cleaned_data["max_age"])


def _make_sender_form(service: type[Provider], sender: Sender, data: Any = None, *, offered: list[str]) -> SenderForm:
    texts = {f"name_{code}": sender.names.get(code, "") for code in FRAME_CODES}
    texts |= {f"description_{code}": sender.descriptions.get(code, "") for code in FRAME_CODES}
    initial = texts | {
        "signature": sender.signature,
        "bulk": sender.bulk,
        "smart": sender.smart,
        "latin": sender.latin,
        "transactional": sender.transactional,
        "per_hour": sender.per_hour,
        "per_day": sender.per_day,
        "max_age": ceil(sender.max_age / timedelta(hours=1)),
    }
    if sender._state.adding and not data:
        language = sender.portal.language if sender.portal.language in FRAME_CODES else FRAME_CODES[0]
        initial[f"name_{language}"] = sender.connection.title
    language = sender.portal.language
    return SenderForm(service, data, offered=offered, initial=initial, options=sender.options, language=language)


def _offered_sender_ids(connection: Connection) -> list[str]:
    """Return the sender ids of the account; none, for a plain text box, where the service cannot be asked now."""
    try:
        with hold_page(connection.portal):
            return lifecycle.list_signatures(connection.service, connection.account, connection.portal)[:MAX_OFFERED]
    except (SmsError, Busy, CannotOpen):
        return []


def _form_context(
    service: type[Provider], sender: Sender, form: SenderForm, trouble: Explained | None = None
) -> dict[str, Any]:
    report_address = lifecycle.report_address(sender.connection)
    told = (step for step in service.setup if needs_address(service, step))
    steps = fill_setup_steps(told, report_address, is_beside=True)
    return {
        "service": ServiceInfo.from_provider(service),
        "connection": sender.connection,
        "sender": None if sender._state.adding else sender,
        "wizard": not sender.registered_as,
        "form": form,
        "trouble": trouble,
        "steps": steps,
        "report_address": report_address if steps else "",
    }


urlpatterns = [
    path("senders/accounts/<uuid:connection>/new/", add_sender, name="sender-new"),
    path("senders/signature/", check_signature, name="signature"),
    path("senders/languages/", add_language, name="sender-language"),
    path("senders/entry/", preview_entry, name="sender-entry"),
    path("senders/<uuid:sender>/", edit_sender, name="sender"),
]
