"""The form of a portal's limits and quiet hours, and the fields that it shares with the form of a sender."""

from datetime import time
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from b24app.console.formats.clock_times import BadTime, parse_clock
from b24app.console.settings.changed_fields import ChangedFieldsForm
from b24app.messaging.models.guards import DUPLICATE_MINUTES, Rules

MAX_LIMIT = 10_000_000
AGES = (1, 2, 4, 8, 12, 24, 48, 72, 168)  # hours


def limit_field(label: Any, help_text: Any = "") -> forms.IntegerField:
    """Return a field for a limit; empty means none."""
    box = forms.TextInput({"class": "input--short", "inputmode": "numeric", "autocomplete": "off", "dir": "ltr"})
    return forms.IntegerField(
        min_value=1, max_value=MAX_LIMIT, required=False, label=label, help_text=help_text, widget=box
    )


class ClockField(forms.TimeField):
    """A time of day. A native box would show it in the browser's language, whatever the page's is."""

    def __init__(self, label: Any) -> None:
        attrs = {
            "class": "input--sm input--tiny",
            "inputmode": "numeric",
            "autocomplete": "off",
            "dir": "ltr",
            "placeholder": "21:00",
            "maxlength": "12",
        }
        super().__init__(required=False, label=label, widget=forms.TimeInput(attrs, format="%H:%M"))

    def prepare_value(self, value: Any) -> Any:
        """Return what the box shows, and what its hidden twin holds: a stored time without its seconds."""
        return value.strftime("%H:%M") if isinstance(value, time) else value

    def to_python(self, value: Any) -> time | None:
        if value in self.empty_values or isinstance(value, time):
            return value or None
        try:
            return parse_clock(str(value))
        except BadTime:
            raise forms.ValidationError(_("Enter a time, for example 21:00.")) from None


def age_choices(current: object) -> list[tuple[int, str]]:
    """Return how long a message may wait, in hours; the current value is a choice even if it is not a usual one."""
    hours = sorted({*AGES, *([current] if isinstance(current, int) and current > 0 else [])})
    return [(one, _age_label(one)) for one in hours]


def _age_label(hours: int) -> str:
    if hours % 24 == 0 and hours > 24:
        return ngettext("{count} day", "{count} days", hours // 24).format(count=hours // 24)
    return ngettext("{count} hour", "{count} hours", hours).format(count=hours)


LIMIT_FIELDS = ("portal_per_hour", "employee_per_hour", "recipient_per_hour", "recipient_per_day")
SAVED_FIELDS = (*LIMIT_FIELDS, "quiet_from", "quiet_until", "duplicate_minutes")


class LimitsForm(ChangedFieldsForm):
    """What applies to all senders of a portal."""

    portal_per_hour = limit_field(
        gettext_lazy("All senders together, per hour"),
        gettext_lazy("Messages above the limit wait for the next hour."),
    )
    employee_per_hour = limit_field(
        gettext_lazy("Per employee, per hour"),
        gettext_lazy(
            "Counts messages the employee sends manually and messages sent on their behalf. Messages above "
            "the limit are queued."
        ),
    )
    recipient_per_hour = limit_field(
        gettext_lazy("Per recipient, per hour"),
        gettext_lazy("Messages above the limit fail. This protects recipients from automation loops."),
    )
    recipient_per_day = limit_field(
        gettext_lazy("Per recipient, per day"), gettext_lazy("Messages above the limit fail.")
    )
    quiet = forms.BooleanField(
        required=False,
        label=gettext_lazy("Quiet hours"),
        help_text=gettext_lazy("Applies to senders that don’t send during quiet hours. Messages wait until morning."),
        widget=forms.CheckboxInput({"role": "switch"}),
    )
    quiet_from = ClockField(gettext_lazy("From"))
    quiet_until = ClockField(pgettext_lazy("time", "To"))
    warn = forms.BooleanField(
        required=False,
        label=gettext_lazy("Flag possible duplicates"),
        help_text=gettext_lazy(
            "Flags a message if the same text was sent to the same number within this time. It is still sent."
        ),
        widget=forms.CheckboxInput({"role": "switch"}),
    )
    duplicate_minutes = forms.IntegerField(
        min_value=1,
        max_value=1440,
        required=False,
        label=gettext_lazy("Minutes"),
        widget=forms.TextInput({"class": "input--tiny", "inputmode": "numeric", "autocomplete": "off", "dir": "ltr"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("quiet") and "quiet_from" not in self.errors and "quiet_until" not in self.errors:
            start, end = cleaned.get("quiet_from"), cleaned.get("quiet_until")
            if start is None or end is None:
                self.add_error("quiet_from" if start is None else "quiet_until", _("Enter a time, for example 21:00."))
            elif start == end:
                self.add_error("quiet_until", _("The end time must differ from the start time."))
        return cleaned

    @classmethod
    def for_rules(cls, rules: Rules, data: Any = None) -> "LimitsForm":
        """Return the form with a portal's rules."""
        initial: dict[str, Any] = {name: getattr(rules, name) for name in LIMIT_FIELDS}
        initial |= {
            "quiet": rules.quiet_from is not None,
            "quiet_from": rules.quiet_from or "21:00",
            "quiet_until": rules.quiet_until or "09:00",
            "warn": rules.duplicate_minutes > 0,
            "duplicate_minutes": rules.duplicate_minutes or DUPLICATE_MINUTES,
        }
        return cls(data, initial=initial)

    def save(self, rules: Rules) -> None:
        """Store the limits that were changed; a pause is left as it is. A switch and what it switches are one."""
        changed = self.changed_values()
        columns = {name: changed[name] for name in LIMIT_FIELDS if name in changed}
        if changed.keys() & {"quiet", "quiet_from", "quiet_until"}:
            quiet = self.cleaned_data["quiet"]
            columns |= {name: self.cleaned_data[name] if quiet else None for name in ("quiet_from", "quiet_until")}
        if changed.keys() & {"warn", "duplicate_minutes"}:
            minutes = self.cleaned_data["duplicate_minutes"] or DUPLICATE_MINUTES
            columns["duplicate_minutes"] = minutes if self.cleaned_data["warn"] else 0
        for name, value in columns.items():
            setattr(rules, name, value)
        rules.save(update_fields=columns)

    def cap_rows(self) -> list[forms.BoundField]:
        return [self[name] for name in LIMIT_FIELDS]
