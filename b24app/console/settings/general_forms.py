"""The form of what holds for a whole portal, and of a visitor's own language."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings as installation_settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from b24app.console.formats import time_zones
from b24app.console.formats.countries import default_country_choices
from b24app.console.formats.time_zones import Zone
from b24app.console.models import Preference
from b24app.console.settings.changed_fields import ChangedFieldsForm
from b24app.portals.models import Portal

GENERAL_FIELDS = ("country", "time_zone", "language")
RETENTION_FIELDS = ("keep_texts", "keep_messages", "keep_exchanges")
PORTAL_FIELDS = ("country", "time_zone", "hide_numbers", *RETENTION_FIELDS)
MAX_DAYS = 1825


class ZoneField(forms.CharField):
    """A time zone by its city: chosen from a list or typed. `stored` is understood whatever it is, and stays itself."""

    stored = ""

    def prepare_value(self, value: Any) -> str:
        """Return what the box shows: the label of the stored zone, or what was typed."""
        return self._stored_label() if value == self.stored else str(value or "")

    def to_python(self, value: Any) -> str:
        typed = str(value or "").strip()
        if typed in {"", self.stored, self._stored_label()}:
            return self.stored if typed else ""
        try:
            return time_zones.parse_zone(typed)
        except time_zones.UnknownZone:
            raise forms.ValidationError(_("Choose a city from the list.")) from None

    def _stored_label(self) -> str:
        return time_zones.describe(self.stored, timezone.now()).label


def _days_field(label: Any, help_text: Any, least: int, most: int) -> forms.IntegerField:
    box = forms.TextInput({"class": "input--sm input--short", "inputmode": "numeric", "autocomplete": "off"})
    return forms.IntegerField(label=label, help_text=help_text, min_value=least, max_value=most, widget=box)


class SettingsForm(ChangedFieldsForm):
    """Fields of the portal, and the language of the visitor."""

    country = forms.ChoiceField(
        label=gettext_lazy("Default country"),
        help_text=gettext_lazy("Used for phone numbers without a country code."),
        required=False,
    )
    time_zone = ZoneField(
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("Type a city. Used for displayed times and daily statistics."),
        widget=forms.TextInput(
            {"class": "input--sm", "type": "search", "list": "zones", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    keep_texts = _days_field(
        gettext_lazy("Keep texts and phone numbers for (days)"),
        gettext_lazy(
            "After that, the text and phone number are removed from the message, and it can’t be resent. 8 "
            "to 1,825 days."
        ),
        8,  # longer than the longest that a message may wait to be sent
        MAX_DAYS,
    )
    keep_messages = _days_field(
        gettext_lazy("Keep messages for (days)"),
        gettext_lazy(
            "After that, messages and their delivery reports are deleted. Statistics are kept. 30 to 1,825 days."
        ),
        30,  # the row guards against the same handler call coming again
        MAX_DAYS,
    )
    keep_exchanges = _days_field(
        gettext_lazy("Keep technical logs for (days)"),
        gettext_lazy(
            "Requests between Sendline, the services and Bitrix24, without phone numbers and texts. 3 to 90 days."
        ),
        3,  # the market asks for three days
        90,
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

    def __init__(self, portal: Portal, preference: Preference, data: Any = None) -> None:
        self.portal, self.preference = portal, preference
        initial = {name: getattr(portal, name).days for name in RETENTION_FIELDS}
        initial |= {name: getattr(portal, name) for name in ("country", "time_zone", "hide_numbers")}
        super().__init__(data, initial=initial | {"language": preference.language})
        self.fields["time_zone"].stored = portal.time_zone  # type: ignore[attr-defined]  # a ZoneField
        choices = {
            "country": default_country_choices(),
            "language": [("", _("Bitrix24 language")), *installation_settings.LANGUAGES],
        }
        for name, field_choices in choices.items():
            field = self.fields[name]
            field.widget = forms.Select(attrs={"class": "input--sm"})
            field.choices = field_choices  # type: ignore[attr-defined]  # a ChoiceField

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("keep_texts", 0) > values.get("keep_messages", MAX_DAYS):
            self.add_error("keep_texts", _("Texts can’t be kept longer than messages."))
        return values

    def save(self) -> None:
        """Store what was changed; messages already counted stay on the day they were counted for."""
        changed = self.changed_values()
        columns = {name: value for name, value in changed.items() if name != "language"}
        columns |= {name: timedelta(days=columns[name]) for name in RETENTION_FIELDS if name in columns}
        if columns.keys() & {"country", "time_zone"}:
            columns["region_set_at"] = timezone.now()
        Portal.objects.filter(pk=self.portal.pk).update(**columns)
        if "language" in changed:
            Preference.objects.update_or_create(
                portal=self.portal, user_id=self.preference.user_id, defaults={"language": changed["language"]}
            )

    def general(self) -> list[forms.BoundField]:
        return [self[name] for name in GENERAL_FIELDS]

    def retention(self) -> list[forms.BoundField]:
        return [self[name] for name in RETENTION_FIELDS]

    def zones(self) -> list[Zone]:
        """Return the cities to choose from, the stored zone among them."""
        return time_zones.offered_zones(timezone.now(), self.portal.time_zone)
