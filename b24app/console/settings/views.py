"""The portal's settings, and what a visitor chose for themselves."""

from functools import partial
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from b24app.audit.models import Kind
from b24app.audit.recording import Subject, record_edit
from b24app.console.formats.number_form import NumberForm
from b24app.console.frame.screen import FramedRequest, admin_only, redirect, render_screen
from b24app.console.models import Preference, Theme
from b24app.console.settings import privacy
from b24app.console.settings.general_forms import PORTAL_FIELDS, SettingsForm
from b24app.console.settings.limit_forms import LIMIT_FIELDS
from b24app.console.settings.notice_forms import NoticeForm
from b24app.messaging.actions import pauses
from b24app.messaging.guards.limits import read_rules
from b24app.portals.installation import GRACE_PERIOD
from b24app.portals.models import Portal


@admin_only
def edit_settings(request: FramedRequest) -> HttpResponse:
    """Render the forms, or save both and renew the frame: its language and zone may have changed."""
    data: Any = request.POST if request.method == "POST" else None
    form = SettingsForm(request.portal, request.preference, data)
    notices = NoticeForm(request.portal, request.visitor.user_id, data)
    if data is not None and form.is_valid() and notices.is_valid():
        _save(request, form, notices)
        return redirect(request, "settings", toast=_("Settings saved"), whole=True)
    rules = read_rules(request.portal)
    context = {
        "form": form,
        "notices": notices,
        "person": NumberForm(),
        "orders": privacy.open_erasures(request.portal),
        "portal": request.portal,
        "rules": rules,
        "grace_days": GRACE_PERIOD.days,
        "caps": sum(getattr(rules, cap) is not None for cap in LIMIT_FIELDS),
    }
    if rules.paused_at:
        context["waiting"] = pauses.waiting_messages(request.portal).count()
    return render_screen(request, "console/settings/settings.html", context)


def _save(request: FramedRequest, form: SettingsForm, notices: NoticeForm) -> None:
    portal = request.portal.pk
    with transaction.atomic():
        with record_edit(Subject(portal, Kind.SETTINGS, portal), partial(_stored_settings, request)):
            form.save()
        with record_edit(Subject(portal, Kind.NOTICES, portal), notices.stored_values):
            notices.save()


def _stored_settings(request: FramedRequest) -> dict[str, object]:
    """Return the settings of the portal as they are stored, locked until the transaction ends."""
    rows = Portal.objects.select_for_update(no_key=True).filter(pk=request.portal.pk)
    stored: dict[str, object] = rows.values(*PORTAL_FIELDS).get()
    return stored


@require_POST
def save_theme(request: FramedRequest) -> HttpResponse:
    """Save the theme; the page has already applied it."""
    chosen = request.POST.get("theme")
    if chosen in Theme.values:
        Preference.objects.update_or_create(
            portal=request.portal, user_id=request.visitor.user_id, defaults={"theme": chosen}
        )
    return HttpResponse(status=204)


urlpatterns = [
    path("settings/", edit_settings, name="settings"),
    path("theme/", save_theme, name="theme"),
]
