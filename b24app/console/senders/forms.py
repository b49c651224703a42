"""The forms of an account, a sender and a test message."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from b24app.console.senders.declared_fields import PLAIN_INPUT, DeclaredForm
from b24app.console.senders.language_forms import LanguagesForm
from b24app.console.settings.limit_forms import age_choices, limit_field
from providers.kit import fields as kit
from providers.kit.contract import Provider

MAX_RADIOS = 8


class AccountForm(DeclaredForm):
    """The account at a service: its declared fields and a name for the connection."""

    title = forms.CharField(
        max_length=100,
        required=False,
        label=gettext_lazy("Account name"),
        help_text=gettext_lazy("Helps you tell accounts apart. Visible to administrators only."),
        widget=forms.TextInput(PLAIN_INPUT),
    )

    prefix = "account"

    def __init__(
        self,
        service: type[Provider],
        data: Any = None,
        *,
        saved: Mapping[str, str] | None = None,
        pasted: Mapping[str, str] | None = MappingProxyType({}),
        title: str = "",
    ) -> None:
        """Draw the fields; `saved` are an account's values.

        `pasted` are secrets that came with the form itself, None where they have expired.
        """
        super().__init__(data, initial={"title": title})
        self.service, self.saved, self.has_paste_expired = service, saved or {}, pasted is None
        self.declare_fields(service.fields, {**self.saved, **(pasted or {})})

    def clean(self) -> dict[str, Any]:
        """Check the fields against each other, once each is right by itself."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.has_paste_expired:
            self._ask_for_pasted()
        if not self.errors:
            self._point_out_mistakes(cleaned)
        if not self.errors:
            self._ask_again(cleaned)
        return cleaned

    def _point_out_mistakes(self, cleaned: Mapping[str, str]) -> None:
        for name, bad in self.service.mistakes(cleaned).items():
            self.add_error(name, gettext(bad.template).format(**bad.values))

    def _ask_for_pasted(self) -> None:
        """Ask for the secrets of an expired command, or the account would be saved without them."""
        for one in self.declared:
            if isinstance(one, kit.Secret) and not str(self[one.name].data or "").strip():
                self.add_error(one.name, gettext("Your pasted command has expired. Enter this yourself."))

    def _ask_again(self, cleaned: Mapping[str, str]) -> None:
        """Ask for saved secrets again where they would be sent elsewhere than they were entered for."""
        redirected = kit.find_redirection(self.declared, self.saved, cleaned)
        if redirected is None:
            return
        words = gettext(
            "“{field}” has changed, so enter this again: "
            "saved credentials are sent only to the address they were entered for."
        )
        for name in self._left_blank():
            self.add_error(name, words.format(field=gettext(redirected.label)))

    def _left_blank(self) -> list[str]:
        """Return the saved secrets that were not typed again."""
        secrets = (one.name for one in self.declared if isinstance(one, kit.Secret) and self.saved.get(one.name))
        return [name for name in secrets if not str(self[name].data or "").strip()]


class SenderForm(LanguagesForm):
    """A sender: its sender ID, its name and description in each language, and the service's own fields."""

    signature = forms.CharField(
        max_length=60,
        required=False,
        label=gettext_lazy("Sender ID"),
        widget=forms.TextInput(PLAIN_INPUT | {"dir": "ltr", "spellcheck": "false"}),
    )
    bulk = forms.BooleanField(
        required=False,
        label=gettext_lazy("Low priority (campaigns)"),
        help_text=gettext_lazy("Messages from other senders of this account go first."),
    )

    smart = forms.BooleanField(
        required=False,
        label=gettext_lazy("Replace curly quotes, long dashes and special spaces"),
        help_text=gettext_lazy("They look the same to most readers but can double the number of segments."),
    )
    latin = forms.BooleanField(
        required=False,
        label=gettext_lazy("Convert to Latin letters"),
        help_text=gettext_lazy(
            "Converts Cyrillic, Greek, Turkish and other letters to Latin. Can halve the number of segments."
        ),
    )
    transactional = forms.BooleanField(
        required=False,
        label=gettext_lazy("Send during quiet hours"),
        help_text=gettext_lazy("For codes and appointment reminders. Campaigns always follow quiet hours."),
    )
    per_hour = limit_field(gettext_lazy("Hourly limit"))
    per_day = limit_field(gettext_lazy("Daily limit"))
    max_age = forms.TypedChoiceField(
        coerce=int,
        required=False,
        empty_value=None,
        label=gettext_lazy("Expire after"),
        help_text=gettext_lazy("Messages not sent within this time fail, so recipients don’t get outdated messages."),
        widget=forms.Select({"data-note": gettext_lazy("after it was sent from Bitrix24")}),
    )

    def __init__(
        self,
        service: type[Provider],
        data: Any = None,
        *,
        offered: Sequence[str] = (),
        initial: Mapping[str, Any] | None = None,
        options: Mapping[str, str] | None = None,
        language: str = "",
    ) -> None:
        super().__init__(data, language=language, initial=dict(initial or {}))
        self.offered = list(offered)
        self.fields["signature"].help_text = gettext(
            "A number or name approved by {service}. Leave empty to let {service} choose."
        ).format(service=gettext(service.title))
        if self.offered:
            self._add_offer_field()
        self.fields["max_age"].choices = age_choices(self.initial.get("max_age"))  # type: ignore[attr-defined]
        self.declare_fields(service.sender_fields, options or {})

    def _add_offer_field(self) -> None:
        chosen = self.initial.get("signature", "")
        self.initial["offer"] = chosen if chosen in self.offered else self.offered[0]
        if chosen and chosen not in self.offered:
            self.initial["offer"] = ""
        choices = [(one, one) for one in self.offered] + [("", pgettext_lazy("sender ID", "Another sender ID"))]
        has_many = len(self.offered) > MAX_RADIOS
        widget = forms.Select({"dir": "ltr"}, choices) if has_many else forms.RadioSelect(choices=choices)
        label = gettext("Sender ID")
        self.fields["offer"] = forms.CharField(required=False, max_length=60, label=label, widget=widget)
        self.fields["signature"].label = gettext("Another sender ID")
        if chosen in self.offered:
            self.initial["signature"] = ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        # The box for another one is shown only where that is chosen; what was typed before does not count.
        cleaned["signature"] = cleaned.get("offer") or cleaned.get("signature", "")
        cleaned["transactional"] = cleaned.get("transactional", False) and not cleaned.get("bulk", False)
        return cleaned

    def rules_open(self) -> bool:
        """Return whether the folded limits are worth showing: one is wrong or not the default."""
        usual = {"bulk": False, "transactional": True, "per_hour": None, "per_day": None, "max_age": 24}
        return any(self[name].errors or self.initial.get(name, value) != value for name, value in usual.items())

    def rewriting_open(self) -> bool:
        """Return whether one of the folded savings is switched on."""
        return any(self.initial.get(name) or self[name].value() for name in ("smart", "latin"))


class MessageForm(forms.Form):
    """A test message."""

    use_required_attribute = False

    to = forms.CharField(
        max_length=40,
        label=gettext_lazy("To"),
        widget=forms.TextInput({"inputmode": "tel", "dir": "ltr", "autocomplete": "tel"}),
        error_messages={"required": gettext_lazy("Enter a phone number.")},
    )
    text = forms.CharField(
        max_length=5000,
        label=gettext_lazy("Message"),
        widget=forms.Textarea({"rows": "3"}),
        error_messages={"required": gettext_lazy("Enter a message.")},
    )
