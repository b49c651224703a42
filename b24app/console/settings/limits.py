"""Limits and quiet hours of a portal, and the switch that stops all its sending."""

from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from b24app.audit.models import Kind
from b24app.audit.recording import Subject, record_edit
from b24app.console.frame.long_requests import long_post
from b24app.console.frame.screen import FramedRequest, admin_only, redirect, render_screen
from b24app.console.settings.limit_forms import SAVED_FIELDS, LimitsForm
from b24app.console.settings.pausing import active_connections, confirm_pause, drain_portal, finish_pause, finish_resume
from b24app.messaging.actions import pauses
from b24app.messaging.guards.limits import read_rules
from b24app.messaging.models.guards import Rules
from b24app.portals.models import Portal


def limits_subject(portal: Portal) -> Subject:
    """Return what changes of the limits are recorded as."""
    return Subject(portal.pk, Kind.LIMITS, portal.pk)


def stored_limits(portal: Portal) -> dict[str, object]:
    """Return the limits as they are stored, locked until the transaction ends."""
    rows = Rules.objects.select_for_update(no_key=True).filter(portal=portal)
    limits: dict[str, object] = rows.values(*SAVED_FIELDS).get()
    return limits


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def edit_limits(request: FramedRequest) -> HttpResponse:
    """Render the form, or save it and reconsider what the old rules held."""
    form = LimitsForm.for_rules(read_rules(request.portal), request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        rules, _created = Rules.objects.get_or_create(portal=request.portal)
        with record_edit(limits_subject(request.portal), lambda: stored_limits(request.portal)):
            form.save(rules)
        if pauses.reconsider_waiting(request.portal):
            drain_portal(request.portal)
        return redirect(request, "settings", toast=_("Limits saved"))
    return render_screen(request, "console/settings/limits.html", {"form": form})


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def pause_sending(request: FramedRequest) -> HttpResponse:
    """Ask in place, saying what waits, then stop all sending; new messages wait too."""
    if request.method != "POST":
        return confirm_pause(request, "console/settings/confirm_pause.html", pauses.waiting_messages(request.portal))
    return finish_pause(request, "settings", _("All sending paused."), pauses.pause_portal(request.portal))


@admin_only
@require_POST
@long_post()
def resume_sending(request: FramedRequest) -> HttpResponse:
    """Send again, first what has been waiting."""
    pauses.resume_portal(request.portal)
    waiting = pauses.waiting_messages(request.portal)
    return finish_resume(request, "settings", _("Sending resumed."), active_connections(request.portal), waiting)


urlpatterns = [
    path("settings/limits/", edit_limits, name="limits"),
    path("settings/pause/", pause_sending, name="pause"),
    path("settings/resume/", resume_sending, name="resume"),
]
