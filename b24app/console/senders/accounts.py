"""A connected account: new credentials, pause, resume, disconnect."""

import uuid

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from b24app.console.frame.long_requests import LONGEST_SECONDS, long_post
from b24app.console.frame.screen import FramedRequest, admin_only, redirect, render_screen, with_toast
from b24app.console.senders.catalogue import ServiceInfo, fill_setup_steps
from b24app.console.senders.forms import AccountForm
from b24app.console.settings.pausing import confirm_pause, finish_pause, finish_resume
from b24app.console.wording.account_explanations import explain_block, explain_check_error, explain_duplicate_account
from b24app.console.wording.portal_errors import explain_portal_error
from b24app.messaging import enqueue
from b24app.messaging.connections import lifecycle
from b24app.messaging.maintenance.requests import request_check
from b24app.messaging.models import Connection, ConnectionState, Message, SenderState
from b24app.messaging.models.statuses import Phase
from b24app.messaging.push import sender_registration
from b24app.messaging.reports import acceptance
from b24app.portals.errors import PortalError
from providers.kit import registry
from providers.kit.errors import SmsError


def account_or_404(request: FramedRequest, connection: uuid.UUID) -> Connection:
    """Return an account of the portal that was not disconnected."""
    mine = Connection.objects.exclude(state=ConnectionState.REMOVED)
    found: Connection = get_object_or_404(mine, portal=request.portal, uuid=connection)
    return found


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def edit_account(request: FramedRequest, connection: uuid.UUID) -> HttpResponse:
    """Enter new credentials. They are checked before they replace the saved ones; blank secrets stay unchanged."""
    found = account_or_404(request, connection)
    try:
        service = registry.get(found.service)
    except registry.Unavailable:
        raise Http404 from None
    data = request.POST if request.method == "POST" else None
    form = AccountForm(service, data, saved=found.account, title=found.title)
    context: dict[str, object] = {"service": ServiceInfo.from_provider(service), "connection": found, "form": form}
    if found.state == ConnectionState.BLOCKED or not found.is_readable:
        context["blocked"] = explain_block(found)
    report_address = lifecycle.report_address(found) if service.report_scope == "account" else ""
    context["strays"] = bool(report_address) and acceptance.has_unmatched_reports(found)
    context["has_old_address"] = bool(report_address) and lifecycle.reports_to_old_address(found)
    steps = fill_setup_steps(service.setup, report_address, is_beside=True)
    context |= {"steps": steps, "report_address": report_address}
    if data is not None and form.is_valid():
        try:
            checked = lifecycle.check_account(found.service, form.declared_values(), request.portal)
        except SmsError as error:
            context["trouble"] = explain_check_error(error, service.title)
        else:
            try:
                lifecycle.rotate_credentials(found, form.declared_values(), checked)
            except lifecycle.AlreadyConnected as twin:
                context["trouble"] = explain_duplicate_account(twin.connection)
            else:
                lifecycle.rename_account(found, str(form.cleaned_data["title"]) or found.title)
                enqueue.drain(found.pk)
                return redirect(request, "senders", toast=_("Credentials saved and tested."))
    return render_screen(request, "console/senders/account.html", context)


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def pause_account(request: FramedRequest, connection: uuid.UUID) -> HttpResponse:
    """Ask in place, saying what waits, then stop sending; new messages wait too."""
    found = account_or_404(request, connection)
    if request.method != "POST":
        return confirm_pause(
            request, "console/senders/confirm_account_pause.html", _waiting_messages(found), connection=found
        )
    return finish_pause(request, "senders", _("Account paused."), lifecycle.pause_connection(found))


@admin_only
@require_POST
@long_post()
def resume_account(request: FramedRequest, connection: uuid.UUID) -> HttpResponse:
    """Send again, first what has been waiting."""
    found = account_or_404(request, connection)
    lifecycle.resume_connection(found)
    return finish_resume(request, "senders", _("Account resumed."), [found.pk], _waiting_messages(found))


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post(LONGEST_SECONDS)
def remove_account(request: FramedRequest, connection: uuid.UUID) -> HttpResponse:
    """Ask in place, then remove its senders from the portal and delete the credentials."""
    found = account_or_404(request, connection)
    registered = found.senders.exclude(state__in=[SenderState.REMOVED, SenderState.DRAFT])
    if request.method != "POST":
        context = {"connection": found, "senders": registered, "waiting": _waiting_messages(found).count()}
        return render(request, "console/senders/confirm_account_removal.html", context)
    for sender in registered:
        sender.portal = request.portal
        try:
            sender_registration.remove_sender(sender)
        except PortalError as error:
            trouble = explain_portal_error(error)
            request_check(request.portal.pk)
            unchanged = _("The account was not disconnected. Try again later.")
            return with_toast(HttpResponse(status=204), f"{trouble.what} {unchanged}")
    lifecycle.disconnect_account(found)
    enqueue.drain(found.pk)
    return redirect(
        request, "senders", toast=_("“{name}” disconnected. Its credentials were deleted.").format(name=found.title)
    )


def _waiting_messages(connection: Connection) -> "QuerySet[Message]":
    return Message.objects.filter(connection=connection, phase=Phase.WAITING)


urlpatterns = [
    path("senders/accounts/<uuid:connection>/", edit_account, name="connection"),
    path("senders/accounts/<uuid:connection>/pause/", pause_account, name="connection-pause"),
    path("senders/accounts/<uuid:connection>/resume/", resume_account, name="connection-resume"),
    path("senders/accounts/<uuid:connection>/remove/", remove_account, name="connection-remove"),
]
