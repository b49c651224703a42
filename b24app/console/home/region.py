"""Country and time zone, asked on Home until a portal has both; the browser and the language suggest them."""

from functools import partial
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from b24app.audit.models import Kind
from b24app.audit.recording import Subject, record_edit
from b24app.console.formats import time_zones
from b24app.console.formats.countries import default_country_choices
from b24app.console.formats.time_zones import UTC
from b24app.console.frame.screen import FramedRequest, admin_only, redirect
from b24app.portals.models import Portal
from b24app.portals.region import likely_country
from b24app.portals.rest import error_policy

BROWSER_ZONE = "Sendline-Zone"  # header of every request of the page: what Intl says


class RegionForm(forms.Form):
    """The two fields of the settings that a new portal cannot do without."""

    country = forms.ChoiceField(
        label=gettext_lazy("Default country"),
        help_text=gettext_lazy("For phone numbers without a country code."),
        required=False,
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("For times in Sendline and for the days in reports."),
    )

    def __init__(self, portal: Portal, suggested: str, data: Any = None) -> None:
        zone = portal.time_zone if portal.time_zone != UTC else suggested
        country = portal.country or likely_country(portal, zone)
        super().__init__(data, initial={"country": country, "time_zone": zone})
        choices = {
            "country": default_country_choices(),
            "time_zone": [(one.id, one.label) for one in time_zones.offered_zones(timezone.now(), zone)],
        }
        for name, offered in choices.items():
            field = self.fields[name]
            field.widget = forms.Select()
            field.choices = offered  # type: ignore[attr-defined]  # both are ChoiceFields

    def save(self, portal: Portal) -> None:
        """Store both, and that a person did: then UTC or no country is a choice, and nobody is asked again."""
        error_policy.update_portal(
            portal,
            country=self.cleaned_data["country"],
            time_zone=self.cleaned_data["time_zone"],
            region_set_at=timezone.now(),
        )


def make_region_form(request: FramedRequest, data: Any = None) -> RegionForm:
    """Return the form with what the portal has, else with what the visitor's browser suggests."""
    return RegionForm(request.portal, _browser_zone(request), data)


def _browser_zone(request: FramedRequest) -> str:
    try:
        return time_zones.parse_zone(request.headers.get(BROWSER_ZONE, "")[:64])
    except time_zones.UnknownZone:
        return UTC


@admin_only
@require_POST
def save_region(request: FramedRequest) -> HttpResponse:
    """Save country and zone, and renew the frame: it shows the zone. What is no choice leaves all as it was."""
    form = make_region_form(request, request.POST)
    if not form.is_valid():
        return redirect(request, "home", toast=_("Choose a country and a time zone from the lists"))
    subject = Subject(request.portal.pk, Kind.SETTINGS, request.portal.pk)
    with record_edit(subject, partial(_stored_region, request.portal)):
        form.save(request.portal)
    return redirect(request, "home", toast=_("Country and time zone saved"), whole=True)


def _stored_region(portal: Portal) -> dict[str, object]:
    rows = Portal.objects.select_for_update(no_key=True).filter(pk=portal.pk)
    return dict(rows.values("country", "time_zone").get())


urlpatterns = [path("home/region/", save_region, name="region")]
