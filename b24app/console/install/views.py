"""The installer: what the portal needs from us, step by step, before the portal is told that all is ready."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from django.db import transaction
from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.console.frame.long_requests import LONGEST_SECONDS, hold_page
from b24app.console.frame.screen import FramedRequest, admin_only, render_screen
from b24app.console.wording.portal_errors import explain_portal_error
from b24app.core.concurrency_limit import Busy
from b24app.messaging.push import sender_registration
from b24app.portals import event_handlers, installation, placements, region
from b24app.portals.errors import PortalError, PortalRefused
from b24app.portals.models import Portal


@dataclass(frozen=True, slots=True)
class InstallStep:
    title: object
    do: Callable[[Portal], None] | None  # None: already done by the launch


def _bind_events(portal: Portal) -> None:
    refused = event_handlers.bind_handlers(portal)
    if refused:
        raise PortalRefused("EVENTS", ", ".join(refused))


def _bind_tabs(portal: Portal) -> None:
    # Nothing else depends on the tabs, and the next check of the portal tries again.
    with suppress(PortalError):
        placements.bind_places(portal)


def _reconcile_senders(portal: Portal) -> None:
    sender_registration.reconcile_senders(portal)


STEPS = (
    InstallStep(_("Identity confirmed by Bitrix24"), None),
    InstallStep(_("Bitrix24 access granted and stored encrypted"), None),
    InstallStep(_("Update and uninstall events connected"), _bind_events),
    InstallStep(_("Sendline tab added to CRM items"), _bind_tabs),
    InstallStep(_("Country and time zone taken from your profile"), region.detect_region),
    InstallStep(_("Existing senders restored"), _reconcile_senders),
)


def show_install(request: FramedRequest) -> HttpResponse:
    """Render the steps, which begin by themselves; employees read that they need an administrator."""
    if not request.visitor.is_admin:
        return render_screen(request, "console/install/not_admin.html")
    return _show_steps(request)


def _show_steps(request: FramedRequest, *, later: bool = False) -> HttpResponse:
    """Render the steps, which begin by themselves, at once or a little `later`."""
    steps = [{"title": step.title, "state": "done" if step.do is None else "now"} for step in STEPS]
    return render_screen(request, "console/install/install.html", {"steps": steps, "is_running": True, "later": later})


@require_POST
@admin_only
def run_install(request: FramedRequest) -> HttpResponse:
    """Run the steps, now or as soon as there is room for it."""
    try:
        with hold_page(request.portal, seconds=LONGEST_SECONDS):
            return _run_steps(request)
    except Busy:
        return _show_steps(request, later=True)


def _run_steps(request: FramedRequest) -> HttpResponse:
    """Run the steps in order; the first failure ends the run. All can run again: they are idempotent."""
    results: list[dict[str, object]] = []
    failure: PortalError | None = None
    for step in STEPS:
        state = "ahead" if failure else "done"
        if step.do is not None and failure is None:
            try:
                step.do(request.portal)
            except PortalError as error:
                failure, state = error, "failed"
        results.append({"title": step.title, "state": state})
    if failure is None:
        _record_finish(request.portal)
    context = {"steps": results, "why": explain_portal_error(failure) if failure else None, "is_done": failure is None}
    return render_screen(request, "console/install/install.html", context)


def _record_finish(portal: Portal) -> None:
    with transaction.atomic():
        if installation.record_finish(portal):
            record_change(Action.INSTALLED, Subject(portal.pk, Kind.PORTAL, portal.pk))


urlpatterns = [
    path("install/", show_install, name="install"),
    path("install/run/", run_install, name="install-run"),
]
