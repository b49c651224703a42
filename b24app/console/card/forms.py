"""The form on a CRM card: to whom, from which sender, what, and when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from b24app.console.formats import locales
from b24app.console.formats.moments import short_moment
from b24app.console.models import TextTemplate
from b24app.console.text_templates.fields import unfilled_fields
from b24app.messaging.actions.messages import MAX_AHEAD
from b24app.messaging.models import Sender
from b24app.portals.crm.cards import Entity, Phone
from providers.kit.phones import format_number, mask_number

NOW, LATER = "now", "later"
KINDS = {
    "MOBILE": pgettext_lazy("phone", "mobile"),
    "WORK": pgettext_lazy("phone", "work"),
    "HOME": pgettext_lazy("phone", "home"),
}
FROM_LIST = {
    "required": gettext_lazy("Select an option from the list."),
    "invalid_choice": gettext_lazy("Select an option from the list."),
}


class CardForm(forms.Form):
    """A message to one of an entity's numbers, which are named by their place on the card.

    `nonce` tells a form that was sent twice from two forms with the same content. `send_at` is a time that the form
    offered, and goes before what was chosen.
    """

    use_required_attribute = False

    to = forms.ChoiceField(label=gettext_lazy("To"), error_messages=FROM_LIST)
    sender = forms.ChoiceField(label=gettext_lazy("Sender"), error_messages=FROM_LIST)
    template = forms.ChoiceField(required=False, label=gettext_lazy("Template"), error_messages=FROM_LIST)
    text = forms.CharField(
        max_length=5000,
        label=gettext_lazy("Text"),
        widget=forms.Textarea({"rows": "6", "dir": "auto"}),
        error_messages={"required": gettext_lazy("Enter a text.")},
    )
    when = forms.ChoiceField(
        required=False,
        label=gettext_lazy("When to send"),
        choices=[(NOW, gettext_lazy("Now")), (LATER, gettext_lazy("Later"))],
        widget=forms.RadioSelect(),
    )
    at = forms.CharField(
        required=False,
        max_length=40,
        label=gettext_lazy("Date and time"),
        widget=forms.DateTimeInput({"type": "datetime-local"}),
    )
    send_at = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput())
    nonce = forms.UUIDField(required=False, widget=forms.HiddenInput())

    def __init__(
        self,
        entity: Entity,
        senders: Sequence[Sender],
        templates: Sequence[TextTemplate],
        zone: ZoneInfo,
        *,
        hides: bool,
        data: Any = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        self.entity, self.zone = entity, zone
        choices = {
            "to": [(str(place), phone_label(one, masked=hides)) for place, one in enumerate(entity.phones)],
            "sender": [(one.uuid.hex, one.name) for one in senders],
            "template": [("", _("No template")), *((one.uuid.hex, one.title) for one in templates)],
        }
        for name, options in choices.items():
            self.fields[name].choices = options  # type: ignore[attr-defined]  # a ChoiceField

    def clean_to(self) -> str:
        """Return the number; the page names only its place on the card."""
        return self.entity.phones[int(self.cleaned_data["to"])].e164

    def clean_text(self) -> str:
        """Refuse a text that still names a field: it would be read as it stands."""
        text: str = self.cleaned_data["text"]
        if names := unfilled_fields(text):
            fields = ", ".join(f"{{{name}}}" for name in names)
            raise forms.ValidationError(
                _("These fields have no value. Replace or remove them: %(fields)s") % {"fields": fields}
            )
        return text

    def clean(self) -> dict[str, Any]:
        """Add `scheduled_at`: None where the message is to be sent at once."""
        cleaned = super().clean() or self.cleaned_data
        cleaned["scheduled_at"] = None
        offered = cleaned.get("send_at", "")
        if offered or cleaned.get("when") == LATER:
            cleaned["scheduled_at"] = read_time(offered or cleaned.get("at", ""), self.zone)
            if cleaned["scheduled_at"] is None:
                self.add_error("at", _("Choose a date and time."))
        return cleaned

    def chosen_phone(self) -> Phone | None:
        """Return the number that is chosen now, whether the form is valid or not."""
        place = str(self["to"].value() or "")
        places = {str(one): phone for one, phone in enumerate(self.entity.phones)}
        return places.get(place)

    def chosen_time(self) -> datetime | None:
        """Return the time that is chosen now; None for at once, and for one that cannot be read."""
        return read_time(str(self["at"].value() or ""), self.zone) if self["when"].value() == LATER else None

    def refuse_time(self) -> None:
        """Say that a time is past or too far ahead."""
        self.add_error("at", _("Choose a time within the next %(days)s days.") % {"days": MAX_AHEAD.days})


def read_time(given: str, zone: ZoneInfo) -> datetime | None:
    """Read a time of a form, in a zone unless it has its own; None for what is none.

    An hour that is skipped when clocks go forward is read as the one after, one that comes twice as the first.
    """
    try:
        read = datetime.fromisoformat(given)
        return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(ZoneInfo("UTC"))
    except (ValueError, OverflowError):
        return None


def local_input(at: datetime, zone: ZoneInfo) -> str:
    """Return a time as a field for date and time holds it."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def phone_label(phone: Phone, *, masked: bool) -> str:
    """Return a number with its kind and owner; isolated, for it reads from left to right in every language."""
    number = f"\u2066{mask_number(phone.e164) if masked else format_number(phone.e164)}\u2069"
    kinds = [str(KINDS[kind]) for kind in [phone.kind] if kind in KINDS]
    parts = [number, *kinds, *([phone.owner] if phone.owner else [])]
    return locales.join_parts(parts)


def scheduled_toast(at: datetime) -> str:
    """Return what is said when a message was scheduled."""
    return _("Scheduled for %(time)s") % {"time": short_moment(at)}
