"""The portal's settings, and what a visitor chose for themselves."""

from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from babel.core import Locale
from django import forms
from django.conf import settings as installation_settings
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_POST

from b24app.audit.models import Kind
from b24app.audit.recording import Subject, record_edit
from b24app.console.frame.screen import FramedRequest, admin_only, redirect, render_screen
from b24app.console.models import Preference, Theme
from b24app.console.settings import privacy
from b24app.console.settings.limit_forms import LIMIT_FIELDS
from b24app.console.settings.limits import rules_of
from b24app.console.settings.notice_forms import NoticeForm
from b24app.messaging.actions import pauses
from b24app.portals.models import Portal

ZONE_AREAS = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)

RETENTION_FIELDS = ("keep_texts", "keep_messages", "keep_exchanges")
PORTAL_FIELDS = ("country", "time_zone", "hide_numbers", *RETENTION_FIELDS)
MAX_DAYS = 1825


GENERAL_FIELDS = ("country", "time_zone", "language", "theme")


class SettingsForm(forms.Form):
    """Fields of the portal, and two of the visitor."""

    country = forms.ChoiceField(
        label=gettext_lazy("Default country"),
        help_text=gettext_lazy("Used for phone numbers without a country code."),
        required=False,
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("Used for displayed times and daily statistics."),
    )
    keep_texts = forms.IntegerField(
        label=gettext_lazy("Keep texts and phone numbers for (days)"),
        help_text=gettext_lazy(
            "After that, the text and phone number are removed from the message, and it can’t be resent. 8 "
            "to 1,825 days."
        ),
        min_value=8,  # longer than the longest that a message may wait to be sent
        max_value=MAX_DAYS,
    )
    keep_messages = forms.IntegerField(
        label=gettext_lazy("Keep messages for (days)"),
        help_text=gettext_lazy(
            "After that, messages and their delivery reports are deleted. Statistics are kept. 30 to 1,825 days."
        ),
        min_value=30,  # the row guards against the same handler call coming again
        max_value=MAX_DAYS,
    )
    keep_exchanges = forms.IntegerField(
        label=gettext_lazy("Keep technical logs for (days)"),
        help_text=gettext_lazy(
            "Requests between Sendline, the services and Bitrix24, without phone numbers and texts. 3 to 90 days."
        ),
        min_value=3,  # the market asks for three days
        max_value=90,
    )
    hide_numbers = forms.BooleanField(
        required=False,
        label=gettext_lazy("Hide phone numbers from employees"),
        help_text=gettext_lazy(
            "Employees see the country code and the last two digits. Administrators see the full number."
        ),
        widget=forms.CheckboxInput({"role": "switch"}),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        help_text=gettext_lazy("Only you. By default, Sendline uses your Bitrix24 language."),
        required=False,
    )
    theme = forms.ChoiceField(label=gettext_lazy("Appearance"), help_text=gettext_lazy("Only you."))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on unchanged
        choices = {
            "country": _country_choices(),
            "time_zone": _zone_choices(timezone.now()),
            "language": [("", _("Bitrix24 language")), *installation_settings.LANGUAGES],
            "theme": [
                (Theme.LIGHT, _("Light")),
                (Theme.DARK, _("Dark")),
                (Theme.SYSTEM, pgettext("theme", "System")),
            ],
        }
        for name, field_choices in choices.items():
            field = self.fields[name]
            field.widget = forms.Select(attrs={"class": "input--sm"})
            field.choices = field_choices  # type: ignore[attr-defined]  # every field here is a ChoiceField
        for name in RETENTION_FIELDS:
            self.fields[name].widget.attrs["class"] = "input--sm"

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("keep_texts", 0) > values.get("keep_messages", MAX_DAYS):
            self.add_error("keep_texts", _("Texts can’t be kept longer than messages."))
        return values

    def save(self, portal: Portal, preference: Preference) -> None:
        """Store both; messages already counted stay on the day they were counted for."""
        portal.country, portal.time_zone = self.cleaned_data["country"], self.cleaned_data["time_zone"]
        for name in RETENTION_FIELDS:
            setattr(portal, name, timedelta(days=self.cleaned_data[name]))
        portal.hide_numbers = self.cleaned_data["hide_numbers"]
        portal.save(update_fields=PORTAL_FIELDS)
        preference.language, preference.theme = self.cleaned_data["language"], self.cleaned_data["theme"]
        preference.save()

    def general(self) -> list[forms.BoundField]:
        return [self[name] for name in GENERAL_FIELDS]

    def of_journal(self) -> list[forms.BoundField]:
        return [self[name] for name in RETENTION_FIELDS]


def _country_choices() -> list[tuple[str, str]]:
    names = Locale.parse(translation.to_locale(translation.get_language())).territories
    countries = [
        (region, f"{names.get(region, region)} (+{phonenumbers.country_code_for_region(region)})")
        for region in phonenumbers.SUPPORTED_REGIONS
    ]
    return [
        ("", _("None – numbers without a country code are rejected")),
        *sorted(countries, key=lambda choice: choice[1]),
    ]


@cache
def _zone_names() -> tuple[str, ...]:
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(ZONE_AREAS)))


def _zone_choices(now: datetime) -> list[tuple[str, str]]:
    zones = []
    for name in _zone_names():
        offset = now.astimezone(ZoneInfo(name)).strftime("%z")
        zones.append((name, f"{name.replace('_', ' ')} (UTC{offset[:3]}:{offset[3:]})"))
    return zones


def _show_settings(request: FramedRequest, form: SettingsForm, notices: NoticeForm | None = None) -> HttpResponse:
    """Render the screen with its forms as they are."""
    rules = rules_of(request.portal)
    context = {
        "form": form,
        "notices": notices or NoticeForm(request.portal, request.visitor.user_id),
        "person": privacy.NumberForm(),
        "orders": privacy.open_erasures(request.portal),
        "portal": request.portal,
        "rules": rules,
        "caps": sum(getattr(rules, cap) is not None for cap in LIMIT_FIELDS),
    }
    if rules.paused_at:
        context["waiting"] = pauses.waiting_messages(request.portal).count()
    return render_screen(request, "console/settings/settings.html", context)


def _make_settings_form(request: FramedRequest, data: Any = None) -> SettingsForm:
    portal, preference = request.portal, request.preference
    saved = {
        "country": portal.country,
        "time_zone": portal.time_zone,
        "hide_numbers": portal.hide_numbers,
        "language": preference.language,
        "theme": preference.theme,
        **{name: getattr(portal, name).days for name in RETENTION_FIELDS},
    }
    return SettingsForm(data, initial=saved)


def _stored_settings(request: FramedRequest) -> dict[str, object]:
    """Return the settings of the portal as they are stored, locked until the transaction ends."""
    rows = Portal.objects.select_for_update(no_key=True).filter(pk=request.portal.pk)
    stored: dict[str, object] = rows.values(*PORTAL_FIELDS).get()
    return stored


@admin_only
def edit_settings(request: FramedRequest) -> HttpResponse:
    """Render the form, or save it and renew the frame: its language and zone may have changed."""
    form = _make_settings_form(request, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        subject = Subject(request.portal.pk, Kind.SETTINGS, request.portal.pk)
        with record_edit(subject, partial(_stored_settings, request)):
            form.save(request.portal, request.preference)
        return redirect(request, "settings", toast=_("Settings saved"), whole=True)
    return _show_settings(request, form)


@admin_only
@require_POST
def save_notices(request: FramedRequest) -> HttpResponse:
    """Save who is notified of what."""
    form = NoticeForm(request.portal, request.visitor.user_id, request.POST)
    if form.is_valid():
        with record_edit(Subject(request.portal.pk, Kind.NOTICES, request.portal.pk), form.stored_values):
            form.save()
        return redirect(request, "settings", toast=_("Settings saved"))
    return _show_settings(request, _make_settings_form(request), form)


@require_POST
def save_theme(request: FramedRequest) -> HttpResponse:
    """Save the look; the page has already applied it."""
    chosen = request.POST.get("theme")
    if chosen in Theme.values:
        Preference.objects.update_or_create(
            portal=request.portal, user_id=request.visitor.user_id, defaults={"theme": chosen}
        )
    return HttpResponse(status=204)


urlpatterns = [
    path("settings/", edit_settings, name="settings"),
    path("settings/notifications/", save_notices, name="notices"),
    path("theme/", save_theme, name="theme"),
]
