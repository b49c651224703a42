"""All accounts and their senders, with what the portal says of each."""

import uuid
from dataclasses import dataclass

from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from b24app.console.frame.long_requests import LONGEST_SECONDS, long_post
from b24app.console.frame.screen import FramedRequest, admin_only, redirect, render_screen, with_toast
from b24app.console.journal.filters import WINDOW
from b24app.console.senders import accounts, edit, registration, renew_address
from b24app.console.settings.pausing import confirm_pause, finish_pause, finish_resume
from b24app.console.wording.account_explanations import explain_block
from b24app.console.wording.explained import Explained, service_title
from b24app.console.wording.portal_errors import explain_portal_error, explain_refusal
from b24app.messaging.actions import pauses
from b24app.messaging.guards.limits import read_rules
from b24app.messaging.maintenance.requests import request_check
from b24app.messaging.models import Connection, ConnectionState, DayTally, Message, Sender, SenderState
from b24app.messaging.models.statuses import Phase
from b24app.messaging.push import sender_registration
from b24app.portals.errors import PortalError
from providers.kit import registry


@dataclass(frozen=True, slots=True)
class SenderLine:
    sender: Sender
    trouble: Explained | None
    waiting: int  # while it is paused


@dataclass(frozen=True, slots=True)
class AccountLines:
    connection: Connection
    service: str
    available: bool
    lines: list[SenderLine]
    removed: list[Sender]
    block: Explained | None
    waiting: int


@admin_only
@require_safe
def show_senders(request: FramedRequest) -> HttpResponse:
    """Render each account with its senders, newest account first."""
    mine = request.portal.connections.exclude(state=ConnectionState.REMOVED)
    accounts_shown = [_account_lines(one) for one in mine.prefetch_related("senders").order_by("-pk")]
    context = {"accounts": accounts_shown, "rules": read_rules(request.portal)}
    return render_screen(request, "console/senders/overview.html", context)


def _account_lines(connection: Connection) -> AccountLines:
    rows = sorted(connection.senders.all(), key=lambda sender: sender.pk)
    stopped = connection.state != ConnectionState.ACTIVE
    is_blocked = connection.state == ConnectionState.BLOCKED or not connection.is_readable
    return AccountLines(
        connection=connection,
        service=service_title(connection.service),
        available=connection.service in registry.services(),
        lines=[_sender_line(one) for one in rows if one.state != SenderState.REMOVED],
        removed=[one for one in rows if one.state == SenderState.REMOVED],
        block=explain_block(connection) if is_blocked else None,
        waiting=Message.objects.filter(connection=connection, phase=Phase.WAITING).count() if stopped else 0,
    )


def _sender_line(sender: Sender) -> SenderLine:
    waiting = pauses.waiting_messages(sender.portal, sender).count() if sender.paused_at else 0
    return SenderLine(sender, explain_refusal(sender) if sender.state == SenderState.REFUSED else None, waiting)


def _sender_or_404(request: FramedRequest, sender: uuid.UUID) -> Sender:
    mine = Sender.objects.select_related("connection").exclude(connection__state=ConnectionState.REMOVED)
    found: Sender = get_object_or_404(mine, portal=request.portal, uuid=sender)
    found.portal = request.portal
    return found


@admin_only
@require_POST
@long_post()
def register_sender(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Register a sender once more, also a removed one: it returns under its old code."""
    found = _sender_or_404(request, sender)
    trouble = registration.save_and_register(found)
    if trouble is None:
        return redirect(request, "senders", toast=_("“{name}” is available in Bitrix24.").format(name=found.name))
    return redirect(request, "senders", toast=f"{trouble.what} {trouble.todo}")


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def remove_sender(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Ask in place, then remove the sender from the portal's menu."""
    found = _sender_or_404(request, sender)
    if request.method != "POST":
        return render(request, "console/senders/confirm_removal.html", {"sender": found, "used": _count_recent(found)})
    try:
        sender_registration.remove_sender(found)
    except PortalError as error:
        request_check(request.portal.pk)
        trouble, later = explain_portal_error(error), _("It will be removed when Bitrix24 responds.")
        return redirect(request, "senders", toast=f"{trouble.what} {later}")
    return redirect(
        request, "senders", toast=_("“{name}” removed from Bitrix24. You can restore it.").format(name=found.name)
    )


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def pause_sender(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Ask in place, saying what waits, then stop sending with this sender; new messages wait too."""
    found = _sender_or_404(request, sender)
    if request.method != "POST":
        waiting = pauses.waiting_messages(request.portal, found)
        return confirm_pause(request, "console/senders/confirm_pause.html", waiting, sender=found)
    return finish_pause(request, "senders", _("Sender paused."), pauses.pause_sender(found))


@admin_only
@require_POST
@long_post()
def resume_sender(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Send with it again, first what has been waiting."""
    found = _sender_or_404(request, sender)
    pauses.resume_sender(found)
    waiting = pauses.waiting_messages(request.portal, found)
    return finish_resume(request, "senders", _("Sender resumed."), [found.connection_id], waiting)


def _count_recent(sender: Sender) -> int:
    """Count the messages of the last 30 days."""
    month = DayTally.objects.filter(portal=sender.portal, sender=sender, day__gte=timezone.localdate() - WINDOW)
    return int(month.aggregate(total=Sum("messages"))["total"] or 0)


@admin_only
@require_POST
@long_post(LONGEST_SECONDS)
def sync_senders(request: FramedRequest) -> HttpResponse:
    """Make the portal's list equal to ours now."""
    try:
        added = sender_registration.reconcile_senders(request.portal)
    except PortalError as error:
        trouble = explain_portal_error(error)
        return with_toast(HttpResponse(status=204), f"{trouble.what} {trouble.todo}")
    text = _("Senders are in sync with Bitrix24.")
    if added:
        text = _("Senders restored in Bitrix24: {count}.").format(count=added)
    return redirect(request, "senders", toast=text)


urlpatterns = [
    path("senders/", show_senders, name="senders"),
    path("senders/compare/", sync_senders, name="senders-compare"),
    path("senders/<uuid:sender>/register/", register_sender, name="sender-register"),
    path("senders/<uuid:sender>/remove/", remove_sender, name="sender-remove"),
    path("senders/<uuid:sender>/pause/", pause_sender, name="sender-pause"),
    path("senders/<uuid:sender>/resume/", resume_sender, name="sender-resume"),
    *renew_address.urlpatterns,
    *edit.urlpatterns,
    *accounts.urlpatterns,
]
