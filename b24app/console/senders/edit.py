"""A sender's form: new on a connection, or changed."""

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
from b24app.console.senders.catalogue import Offer, needs_address, set_up
from b24app.console.senders.forms import SenderForm
from b24app.console.senders.registration import save_and_register
from b24app.console.wording.explained import Explained
from b24app.core.concurrency_limit import Busy
from b24app.messaging import enqueue
from b24app.messaging.actions import pauses
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Connection, ConnectionState, Sender, SenderState
from b24app.portals.languages import FRAME_CODES
from providers.kit import registry
from providers.kit.contract import Provider
from providers.kit.errors import SmsError
from providers.kit.sender_ids import warnings

MOST_OFFERED = 200


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def new(request: FramedRequest, connection: uuid.UUID) -> HttpResponse:
    """Another sender of an account; the first one ends the road to a first message."""
    mine = Connection.objects.exclude(state=ConnectionState.REMOVED)
    account = get_object_or_404(mine, portal=request.portal, uuid=connection)
    return _page(request, Sender(portal=request.portal, connection=account))


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def edit(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Rename a sender or sign its messages otherwise; its code never changes."""
    mine = Sender.objects.select_related("connection").exclude(state=SenderState.REMOVED)
    found = get_object_or_404(mine, portal=request.portal, uuid=sender)
    found.portal = request.portal
    return _page(request, found)


@admin_only
@require_POST
def signature(request: FramedRequest) -> HttpResponse:
    """What may go wrong with the signature as it stands in the form, by the rules of the portal's country."""
    typed = request.POST.get("sender-signature", "").strip() or request.POST.get("sender-offer", "")
    told = [_(one) for one in warnings(typed, request.portal.country)]
    return render(request, "console/senders/signature.html", {"warnings": told})


def _page(request: FramedRequest, sender: Sender) -> HttpResponse:
    try:
        service = registry.get(sender.connection.service)
    except registry.Unavailable:
        raise Http404 from None
    if request.method != "POST":
        form = _form(service, sender, offered=_offered(sender.connection))
        return render_screen(request, "console/senders/form.html", _context(service, sender, form))
    form = _form(service, sender, request.POST, offered=request.POST.getlist("offered")[:MOST_OFFERED])
    if not form.is_valid():
        return render_screen(request, "console/senders/form.html", _context(service, sender, form))
    return _save(request, service, sender, form)


def _save(request: FramedRequest, service: type[Provider], sender: Sender, form: SenderForm) -> HttpResponse:
    is_first_time = not sender.registered_as
    _fill(sender, form)
    trouble = save_and_register(sender)
    if pauses.reconsider_waiting(request.portal, sender):
        enqueue.drain(sender.connection_id)
    if trouble is None:
        if is_first_time:
            return redirect(request, "sender-ready", sender=sender.uuid)
        return redirect(request, "senders", toast=_("“{name}” is changed in the portal too.").format(name=sender.name))
    if trouble.field in form.fields:
        form.add_error(trouble.field, f"{trouble.what} {trouble.todo}")
    response = render_screen(request, "console/senders/form.html", _context(service, sender, form, trouble))
    # From now on it is a saved sender: sending the form again must not make another one.
    response["HX-Replace-Url"] = address(request.portal, "sender", sender=sender.uuid)
    return response


def _fill(sender: Sender, form: SenderForm) -> None:
    sender.names, sender.descriptions = form.names(), form.descriptions()
    sender.signature = str(form.cleaned_data["signature"])
    sender.options = form.values()
    sender.bulk = bool(form.cleaned_data["bulk"])
    sender.smart, sender.latin = bool(form.cleaned_data["smart"]), bool(form.cleaned_data["latin"])
    sender.transactional = bool(form.cleaned_data["transactional"])
    sender.per_hour, sender.per_day = form.cleaned_data["per_hour"], form.cleaned_data["per_day"]
    if form.cleaned_data["max_age"]:
        sender.max_age = timedelta(hours=form.cleaned_data["max_age"])


def _form(service: type[Provider], sender: Sender, data: Any = None, *, offered: list[str]) -> SenderForm:
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
        initial["name_en"] = sender.connection.title
    language = sender.portal.language
    return SenderForm(service, data, offered=offered, initial=initial, options=sender.options, language=language)


def _offered(connection: Connection) -> list[str]:
    """What the account may send from; a service that cannot be asked now leaves a plain box."""
    try:
        with hold_page(connection.portal):
            return lifecycle.senders_at(connection.service, connection.account, connection.portal)[:MOST_OFFERED]
    except (SmsError, Busy):
        return []


def _context(
    service: type[Provider], sender: Sender, form: SenderForm, trouble: Explained | None = None
) -> dict[str, Any]:
    report_address = lifecycle.report_address(sender.connection)
    steps = set_up((step for step in service.setup if needs_address(service, step)), report_address)
    return {
        "service": Offer.of(service),
        "connection": sender.connection,
        "sender": None if sender._state.adding else sender,
        "wizard": not sender.registered_as,
        "form": form,
        "trouble": trouble,
        "steps": steps,
        "report_address": report_address if steps else "",
    }


urlpatterns = [
    path("senders/accounts/<uuid:connection>/new/", new, name="sender-new"),
    path("senders/signature/", signature, name="signature"),
    path("senders/<uuid:sender>/", edit, name="sender"),
]
