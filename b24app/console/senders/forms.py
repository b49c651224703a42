"""Forms drawn from the fields that a service declares; a value is cleaned by its own declaration."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from b24app.console.formats.locales import language_name
from b24app.console.settings.limit_forms import ages, cap
from b24app.portals.languages import DJANGO_CODES, FRAME_CODES
from providers.kit import fields as kit
from providers.kit.contract import Provider

LONG_FORM = 6  # fields; from here on the errors are summed up above
MOST_RADIOS = 8
SHOWS_END_FROM = 12  # characters; of a shorter secret four would be too much

_BOXES: Mapping[type[kit.Field], dict[str, str]] = {
    kit.Secret: {"class": "input--code", "autocomplete": "new-password", "spellcheck": "false", "dir": "ltr"},
    kit.Url: {"class": "input--code", "autocomplete": "off", "spellcheck": "false", "dir": "ltr"},
    kit.Host: {"class": "input--code", "autocomplete": "off", "spellcheck": "false", "dir": "ltr"},
    kit.Number: {"class": "input--short", "autocomplete": "off", "inputmode": "numeric", "dir": "ltr"},
}
_PLAIN_BOX = {"autocomplete": "off"}


class DeclaredField(forms.CharField):
    """A box for one declared field. `kept` is the saved value of a secret: blank then means unchanged."""

    def __init__(self, declared: kit.Field, kept: str = "") -> None:
        self.declared = declared
        self.kept = kept
        super().__init__(
            label=gettext(declared.label),
            help_text=_help(declared),
            required=declared.required and not kept,
            widget=_widget(declared),
        )

    @property
    def kept_end(self) -> str:
        """The last four characters of a saved secret, for the owner to recognise it; empty for a short one."""
        return self.kept[-4:] if len(self.kept) >= SHOWS_END_FROM else ""

    def clean(self, value: Any) -> str:
        typed = str(value or "")
        if self.kept and not typed.strip():
            return self.kept
        try:
            cleaned = self.declared.clean(typed)
            kit.require_encryption(self.declared, cleaned, settings.ALLOWED_PRIVATE_NETWORKS)
        except kit.BadField as error:
            raise forms.ValidationError(gettext(error.template).format(**error.values)) from None
        return cleaned


def _help(declared: kit.Field) -> str:
    told = [declared.help] if declared.help else []
    if isinstance(declared, kit.Url) and declared.plain:
        told.append(kit.UNENCRYPTED)
    return " ".join(map(gettext, told))


def _widget(declared: kit.Field) -> forms.Widget:
    box = next((_BOXES[kind] for kind in type(declared).__mro__ if kind in _BOXES), _PLAIN_BOX)
    attributes = box | ({"aria-required": "true"} if declared.required else {})
    if declared.placeholder:
        attributes |= {"placeholder": gettext(declared.placeholder)}
    match declared:
        case kit.Choice():
            choices = [(value, gettext(label)) for value, label in declared.choices]
            if not declared.required and not declared.default:
                choices.insert(0, ("", gettext("Not chosen")))
            return forms.Select(attributes, choices=choices)
        case kit.Secret():
            # A wrong check leaves the typed secret in the page, and nowhere else (docs/frame.md 10).
            return forms.PasswordInput(attributes | {"hx-preserve": "true"}, render_value=False)
        case kit.Text(multiline=True):
            return forms.Textarea(attributes | {"class": "input--code", "rows": "4", "spellcheck": "false"})
        case _:
            return forms.TextInput(attributes)


class DeclaredForm(forms.Form):
    """A form that also holds declared fields; the subclass adds its own."""

    use_required_attribute = False  # our words at the field, not the browser's bubble

    def declare(self, declared: Sequence[kit.Field], kept: Mapping[str, str]) -> None:
        """Draw the fields, filled with what is kept (secrets never are)."""
        self.declared = tuple(declared)
        for one in declared:
            secret = isinstance(one, kit.Secret)
            self.fields[one.name] = DeclaredField(one, kept.get(one.name, "") if secret else "")
            self.initial.setdefault(one.name, "" if secret else kept.get(one.name, one.default))

    def values(self) -> dict[str, str]:
        """The cleaned declared fields, as a service gets them."""
        return {one.name: str(self.cleaned_data[one.name]) for one in self.declared}

    def typed(self) -> dict[str, str]:
        """What stands in the boxes of a half-filled form, cleaned where that works already."""
        self.full_clean()
        return {one.name: str(self.cleaned_data.get(one.name, self[one.name].data or "")) for one in self.declared}

    def mistyped(self) -> str:
        """The first thing wrong with what was typed so far; an empty box is not wrong yet."""
        return next((str(bound.errors[0]) for bound in self.wrong() if bound.data), "")

    def usual(self) -> list[forms.BoundField]:
        return [self[one.name] for one in self.declared if not one.advanced]

    def advanced(self) -> list[forms.BoundField]:
        return [self[one.name] for one in self.declared if one.advanced]

    def advanced_open(self) -> bool:
        """Are the folded fields worth showing: one is wrong or was filled in?"""
        return any(
            self[one.name].errors or str(self[one.name].value() or "") != one.default
            for one in self.declared
            if one.advanced
        )

    def wrong(self) -> list[forms.BoundField]:
        """The fields with errors, in the order of the page."""
        return [bound for bound in self if bound.errors]

    def summed_up(self) -> bool:
        """Is the form long enough for a list of its errors on top?"""
        return len(self.fields) >= LONG_FORM and bool(self.wrong())

    def full_clean(self) -> None:
        super().full_clean()
        for bound in self.wrong():
            bound.field.widget.attrs.pop("hx-preserve", None)  # what is wrong must be typed anew


class AccountForm(DeclaredForm):
    """The account at a service: its declared fields and a name for the connection."""

    title = forms.CharField(
        max_length=100,
        required=False,
        label=gettext_lazy("Name of this connection"),
        help_text=gettext_lazy("Helps to tell accounts apart. Only administrators see it."),
        widget=forms.TextInput(_PLAIN_BOX),
    )

    prefix = "account"

    def __init__(
        self, service: type[Provider], data: Any = None, *, kept: Mapping[str, str] | None = None, title: str = ""
    ) -> None:
        super().__init__(data, initial={"title": title})
        self.service, self.kept = service, kept or {}
        self.declare(service.fields, self.kept)

    def clean(self) -> dict[str, Any]:
        """Judge the fields beside each other, once each is right by itself."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            self._point_out_mistakes(cleaned)
        if not self.errors:
            self._ask_again(cleaned)
        return cleaned

    def _point_out_mistakes(self, cleaned: Mapping[str, str]) -> None:
        for name, bad in self.service.mistakes(cleaned).items():
            self.add_error(name, gettext(bad.template).format(**bad.values))

    def _ask_again(self, cleaned: Mapping[str, str]) -> None:
        """Ask for the saved secrets where they would go to another place than they were entered for."""
        redirected = kit.find_redirection(self.declared, self.kept, cleaned)
        if redirected is None:
            return
        words = gettext(
            "“{field}” has changed, so enter this again: "
            "saved credentials are sent only to the address they were entered for."
        )
        for name in self._left_blank():
            self.add_error(name, words.format(field=gettext(redirected.label)))

    def _left_blank(self) -> list[str]:
        """The saved secrets that nobody has typed in again."""
        secrets = (one.name for one in self.declared if isinstance(one, kit.Secret) and self.kept.get(one.name))
        return [name for name in secrets if not str(self[name].data or "").strip()]


class SenderForm(DeclaredForm):
    """A sender: how its messages are signed, its name and hint in each language, and the service's own fields."""

    signature = forms.CharField(
        max_length=60,
        required=False,
        label=gettext_lazy("Messages are signed with"),
        widget=forms.TextInput(_PLAIN_BOX | {"dir": "ltr", "spellcheck": "false"}),
    )
    bulk = forms.BooleanField(
        required=False,
        label=gettext_lazy("For campaigns"),
        help_text=gettext_lazy("Its messages let those of other senders of this account go first."),
    )

    smart = forms.BooleanField(
        required=False,
        label=gettext_lazy("Plain quotes, dashes and blanks"),
        help_text=gettext_lazy("Typographic ones look the same to most people and can double the number of segments."),
    )
    latin = forms.BooleanField(
        required=False,
        label=gettext_lazy("Latin letters for other alphabets"),
        help_text=gettext_lazy(
            "Cyrillic, Greek, Turkish and others are spelled in Latin letters: up to half the segments."
        ),
    )
    transactional = forms.BooleanField(
        required=False,
        label=gettext_lazy("At any hour"),
        help_text=gettext_lazy(
            "For codes and appointments: quiet hours do not hold its messages. Campaigns always keep quiet hours."
        ),
    )
    per_hour = cap(gettext_lazy("At most in an hour"))
    per_day = cap(gettext_lazy("At most in a day"))
    max_age = forms.TypedChoiceField(
        coerce=int,
        required=False,
        empty_value=None,
        label=gettext_lazy("Give up after"),
        help_text=gettext_lazy("A message that has not left by then fails, so that nobody reads it too late."),
        widget=forms.Select({"data-note": gettext_lazy("since the portal sent it")}),
    )

    prefix = "sender"

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
        super().__init__(data, initial=dict(initial or {}))
        self.language = language  # of the portal, in its own code
        self.offered = list(offered)
        self.fields["signature"].help_text = gettext(
            "A number or a name that {service} has approved. Leave it empty if {service} is to choose."
        ).format(service=gettext(service.title))
        if self.offered:
            self._offer()
        self.fields["max_age"].choices = ages(self.initial.get("max_age"))  # type: ignore[attr-defined]
        for code in FRAME_CODES:
            self.fields[f"name_{code}"] = _line(code, 100)
            self.fields[f"description_{code}"] = _line(code, 250)
        self.declare(service.sender_fields, options or {})

    def _offer(self) -> None:
        chosen = self.initial.get("signature", "")
        self.initial["offer"] = chosen if chosen in self.offered else self.offered[0]
        if chosen and chosen not in self.offered:
            self.initial["offer"] = ""
        choices = [(one, one) for one in self.offered] + [("", pgettext_lazy("signature", "Another"))]
        many = len(self.offered) > MOST_RADIOS
        widget = forms.Select({"dir": "ltr"}, choices) if many else forms.RadioSelect(choices=choices)
        label = gettext("Messages are signed with")
        self.fields["offer"] = forms.CharField(required=False, max_length=60, label=label, widget=widget)
        self.fields["signature"].label = gettext("Another name or number")
        self.fields["signature"].help_text = gettext("What you write here is used instead of the choice above.")
        if chosen in self.offered:
            self.initial["signature"] = ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        # The first offer is chosen from the start; what somebody wrote is what they mean.
        cleaned["signature"] = cleaned.get("signature") or cleaned.get("offer", "")
        cleaned["transactional"] = cleaned.get("transactional", False) and not cleaned.get("bulk", False)
        if not any(cleaned.get(f"name_{code}") for code in FRAME_CODES):
            first = f"name_{FRAME_CODES[0]}"
            if first not in self.errors:
                self.add_error(first, gettext("Employees choose the sender by its name: write at least one."))
        return cleaned

    def rules_open(self) -> bool:
        """Are the folded limits worth showing: one is wrong or not as usual?"""
        usual = {"transactional": True, "per_hour": None, "per_day": None, "max_age": 24}
        return any(self[name].errors or self.initial.get(name, value) != value for name, value in usual.items())

    def rewriting_open(self) -> bool:
        """Is one of the folded savings switched on?"""
        return any(self.initial.get(name) or self[name].value() for name in ("smart", "latin"))

    def names(self) -> dict[str, str]:
        """Language -> name, the portal's default first."""
        return self._by_language("name")

    def descriptions(self) -> dict[str, str]:
        return self._by_language("description")

    def _by_language(self, what: str) -> dict[str, str]:
        texts = {code: str(self.cleaned_data[f"{what}_{code}"]) for code in FRAME_CODES}
        return {code: text for code, text in texts.items() if text}

    def name_rows(self) -> list[forms.BoundField]:
        return self._rows("name", usual=True)

    def more_name_rows(self) -> list[forms.BoundField]:
        return self._rows("name", usual=False)

    def description_rows(self) -> list[forms.BoundField]:
        return self._rows("description", usual=True)

    def more_description_rows(self) -> list[forms.BoundField]:
        return self._rows("description", usual=False)

    def _rows(self, what: str, *, usual: bool) -> list[forms.BoundField]:
        """The default language, the portal's own and those that are filled in; or all the others."""
        bound = {code: self[f"{what}_{code}"] for code in FRAME_CODES}
        shown = {FRAME_CODES[0], self.language}
        return [one for code, one in bound.items() if (code in shown or bool(one.value() or one.errors)) == usual]


def _line(code: str, limit: int) -> forms.CharField:
    language = DJANGO_CODES.get(code, code)
    widget = forms.TextInput({"class": "input input--sm", "autocomplete": "off", "lang": language, "dir": "auto"})
    return forms.CharField(max_length=limit, required=False, label=language_name(language), widget=widget)


class MessageForm(forms.Form):
    """A test message."""

    use_required_attribute = False

    to = forms.CharField(
        max_length=40,
        label=gettext_lazy("To"),
        widget=forms.TextInput({"inputmode": "tel", "dir": "ltr", "autocomplete": "tel"}),
        error_messages={"required": gettext_lazy("Write the number it shall go to.")},
    )
    text = forms.CharField(
        max_length=5000,
        label=gettext_lazy("Text"),
        widget=forms.Textarea({"rows": "3"}),
        error_messages={"required": gettext_lazy("Write a text.")},
    )
