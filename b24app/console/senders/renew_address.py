"""New addresses at which Bitrix24 calls our senders, for when somebody else may know the old ones."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from b24app.console.frame.long_requests import LONGEST_SECONDS, long_post
from b24app.console.frame.screen import FramedRequest, admin_only, redirect
from b24app.console.wording.portal_errors import explain_portal_error, explain_refusal
from b24app.messaging.maintenance.requests import request_check
from b24app.messaging.models import Sender, SenderState
from b24app.messaging.push import sender_registration
from b24app.portals.errors import PortalError


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def renew_one(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Ask in place, then give one sender a new address and tell the portal."""
    found = get_object_or_404(Sender, portal=request.portal, uuid=sender, state__in=sender_registration.WANTED)
    found.portal = request.portal
    if request.method != "POST":
        return render(request, "console/senders/confirm_address_renewal.html", {"sender": found})
    try:
        sender_registration.renew_address(found)
    except PortalError as error:
        return _finish_later(request, error)
    if found.state == SenderState.REFUSED:
        trouble = explain_refusal(found)
        return redirect(request, "senders", toast=f"{trouble.what} {_old_address_note()}")
    text = _("“{name}” has a new address. The old one no longer works.").format(name=found.name)
    return redirect(request, "senders", toast=text)


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post(LONGEST_SECONDS)
def renew_all(request: FramedRequest) -> HttpResponse:
    """Ask in place, then give every sender a new address and tell the portal."""
    if request.method != "POST":
        return render(request, "console/senders/confirm_address_renewals.html")
    sender_registration.renew_addresses(Sender.objects.filter(portal=request.portal))
    try:
        sender_registration.reconcile_senders(request.portal)
    except PortalError as error:
        return _finish_later(request, error)
    if Sender.objects.filter(portal=request.portal, state=SenderState.REFUSED).exists():
        return redirect(request, "senders", toast=_old_address_note())
    return redirect(request, "senders", toast=_("All senders have new addresses. The old ones no longer work."))


def _finish_later(request: FramedRequest, error: PortalError) -> HttpResponse:
    """Leave the rest to the next sync, and say so."""
    request_check(request.portal.pk)
    return redirect(request, "senders", toast=f"{explain_portal_error(error).what} {_old_address_note()}")


def _old_address_note() -> str:
    return _("The old address works until Bitrix24 has the new one.")


urlpatterns = [
    path("senders/addresses/", renew_all, name="senders-addresses"),
    path("senders/<uuid:sender>/address/", renew_one, name="sender-address"),
]
