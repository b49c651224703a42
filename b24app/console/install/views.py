"""The installer: what the portal needs from us, done step by step before the portal is told that all is ready."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from b24app.console.frame.long_requests import LONGEST_SECONDS, hold_page
from b24app.console.frame.screen import FramedRequest, admin_only, render_screen
from b24app.console.wording.portal_errors import explain_portal_error
from b24app.core.concurrency_limit import Busy
from b24app.messaging.push import sender_registration
from b24app.portals import installation, placements, region
from b24app.portals.errors import PortalError, PortalRefused
from b24app.portals.models import Portal


@dataclass(frozen=True, slots=True)
class Step:
    title: object
    do: Callable[[Portal], None] | None  # None: already done by the launch


def _bind_events(portal: Portal) -> None:
    refused = installation.bind_events(portal)
    if refused:
        raise PortalRefused("EVENTS", ", ".join(refused))


def _bind_tabs(portal: Portal) -> None:
    # Nothing else depends on them, and the next look at the portal tries again.
    with suppress(PortalError):
        placements.bind_tabs(portal)


def _reconcile(portal: Portal) -> None:
    sender_registration.reconcile_senders(portal)


STEPS = (
    Step(_("Bitrix24 has confirmed who you are"), None),
    Step(_("Access to the portal is kept, encrypted"), None),
    Step(_("The portal tells us when the application is updated or removed"), _bind_events),
    Step(_("CRM cards have a Sendline tab, where the portal allows it"), _bind_tabs),
    Step(_("Country and time zone are taken from your profile"), region.detect_region),
    Step(_("Senders you had before are in the menu again"), _reconcile),
)


def install(request: FramedRequest) -> HttpResponse:
    """The list of steps, which begins by itself; for others than administrators a kind word."""
    if not request.visitor.is_admin:
        return render_screen(request, "console/install_not_admin.html")
    return _begin(request)


def _begin(request: FramedRequest, *, later: bool = False) -> HttpResponse:
    """The list of steps, which begins by itself, at once or a little `later`."""
    steps = [{"title": step.title, "state": "done" if step.do is None else "now"} for step in STEPS]
    return render_screen(request, "console/install.html", {"steps": steps, "is_running": True, "later": later})


@require_POST
@admin_only
def run(request: FramedRequest) -> HttpResponse:
    """Do the steps, now or as soon as there is room for it."""
    try:
        with hold_page(request.portal, seconds=LONGEST_SECONDS):
            return _run(request)
    except Busy:
        return _begin(request, later=True)


def _run(request: FramedRequest) -> HttpResponse:
    """Do the steps in order; the first that fails ends the row, and all can be done again: they do no harm twice."""
    outcome: list[dict[str, object]] = []
    failure: PortalError | None = None
    for step in STEPS:
        state = "ahead" if failure else "done"
        if step.do is not None and failure is None:
            try:
                step.do(request.portal)
            except PortalError as error:
                failure, state = error, "failed"
        outcome.append({"title": step.title, "state": state})
    if failure is None:
        installation.record_finish(request.portal)
    context = {"steps": outcome, "why": explain_portal_error(failure) if failure else None, "is_done": failure is None}
    return render_screen(request, "console/install.html", context)


urlpatterns = [
    path("install/", install, name="install"),
    path("install/run/", run, name="install-run"),
]
