"""How Sendline works, what its words mean, what each account still lacks, and a file for support."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from b24app.console.frame.screen import FramedRequest, render_screen
from b24app.console.senders.catalogue import ServiceInfo, fill_setup_steps
from b24app.console.wording import account_explanations, explained, explanations
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.models.statuses import Origin, Status
from b24app.portals.models import Portal
from providers.kit import registry
from providers.kit.contract import Reports, Scope
from providers.kit.fields import Step


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist: done, or what is missing; `is_open` where it is the reader's turn."""

    words: str
    done: bool
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class AccountChecklist:
    """An account with what is done and what is not; `service` is None where its file does not load."""

    connection: Connection
    title: str
    service: ServiceInfo | None
    checks: list[Check]
    steps: list[Step]


@require_safe
def show_help(request: FramedRequest) -> HttpResponse:
    """Render help; for administrators with a checklist of each account."""
    is_admin = request.visitor.is_admin
    context = {
        "is_admin": is_admin,
        "meanings": explanations.status_meanings(),
        "waits": explanations.wait_meanings(),
        "accounts": list(_check_accounts(request.portal)) if is_admin else [],
    }
    return render_screen(request, "console/help/help.html", context)


def _check_accounts(portal: Portal) -> Iterable[AccountChecklist]:
    tests = Message.objects.filter(portal=portal, origin=Origin.TEST, status=Status.DELIVERED)
    tested = set(tests.values_list("connection_id", flat=True).distinct())
    mine = Connection.objects.filter(portal=portal).exclude(state=ConnectionState.REMOVED).order_by("pk")
    for connection in mine:
        title = explained.service_title(connection.service)
        try:
            service = registry.get(connection.service)
        except registry.Unavailable:
            yield AccountChecklist(connection, title, None, [], [])
            continue
        report_address = lifecycle.report_address(connection) if service.report_scope == Scope.ACCOUNT else ""
        checks = [
            _check_state(connection),
            _check_reports(connection, title, Reports(service.reports)),
            Check(_("Test message delivered."), done=True)
            if connection.pk in tested
            else Check(_("No test message delivered yet. Send a test from the sender."), done=False, is_open=True),
        ]
        yield AccountChecklist(
            connection,
            title,
            ServiceInfo.from_provider(service),
            checks,
            fill_setup_steps(service.setup, report_address),
        )


def _check_state(connection: Connection) -> Check:
    if connection.state == ConnectionState.BLOCKED:
        why = account_explanations.explain_block(connection)
        return Check(f"{why.what} {why.todo}", done=False, is_open=True)
    if connection.state == ConnectionState.PAUSED:
        return Check(_("The account is paused."), done=False)
    return Check(_("The account is connected."), done=True)


def _check_reports(connection: Connection, title: str, reports: Reports) -> Check:
    if connection.last_report_at is not None:
        return Check(_("Delivery reports are coming in."), done=True)
    match reports:
        case Reports.NONE:
            return Check(_("{service} does not report delivery").format(service=title) + ".", done=False)
        case Reports.POLLED:
            return Check(
                _("Sendline fetches delivery reports from {service}. No setup needed.").format(service=title),
                done=True,
            )
        case Reports.PUSHED:
            return Check(_("No delivery reports received yet. Check the setup steps below."), done=False, is_open=True)


urlpatterns = [path("help/", show_help, name="help")]
