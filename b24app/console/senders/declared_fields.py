"""Form fields drawn from those that a service declares; a value is cleaned by its own declaration."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext

from providers.kit import fields as kit

LONG_FORM_FIELDS = 6  # from so many fields on, the errors are also listed on top

MIN_LENGTH_SHOWN = 12  # characters; four of a shorter secret would be too many

_INPUTS: Mapping[type[kit.Field], dict[str, str]] = {
    kit.Secret: {"class": "input--code", "autocomplete": "new-password", "spellcheck": "false", "dir": "ltr"},
    kit.Url: {"class": "input--code", "autocomplete": "off", "spellcheck": "false", "dir": "ltr"},
    kit.Host: {"class": "input--code", "autocomplete": "off", "spellcheck": "false", "dir": "ltr"},
    kit.Number: {"class": "input--short", "autocomplete": "off", "inputmode": "numeric", "dir": "ltr"},
}

PLAIN_INPUT = {"autocomplete": "off"}


class DeclaredField(forms.CharField):
    """The form field of a declared one. `saved` is the saved value of a secret: blank then means unchanged.

    Templates read it as `kept`.
    """

    def __init__(self, declared: kit.Field, saved: str = "") -> None:
        self.declared = declared
        self.kept = saved
        super().__init__(
            label=gettext(declared.label),
            help_text=_help_text(declared),
            required=declared.required and not saved,
            widget=_make_widget(declared),
        )

    @property
    def kept_end(self) -> str:
        """Return the last four characters of a saved secret, for its owner to recognise; "" for a short one."""
        return self.kept[-4:] if len(self.kept) >= MIN_LENGTH_SHOWN else ""

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


def _help_text(declared: kit.Field) -> str:
    texts = [declared.help] if declared.help else []
    if isinstance(declared, kit.Url) and declared.plain:
        texts.append(kit.UNENCRYPTED)
    return " ".join(map(gettext, texts))


def _make_widget(declared: kit.Field) -> forms.Widget:
    base = next((_INPUTS[kind] for kind in type(declared).__mro__ if kind in _INPUTS), PLAIN_INPUT)
    attributes = base | ({"aria-required": "true"} if declared.required else {})
    if declared.placeholder:
        attributes |= {"placeholder": gettext(declared.placeholder)}
    match declared:
        case kit.Choice():
            choices = [(value, gettext(label)) for value, label in declared.choices]
            if not declared.required and not declared.default:
                choices.insert(0, ("", gettext("Not selected")))
            return forms.Select(attributes, choices=choices)
        case kit.Secret():
            # After a failed check the typed secret stays in the page, and nowhere else (docs/frame.md 10).
            return forms.PasswordInput(attributes | {"hx-preserve": "true"}, render_value=False)
        case kit.Text(multiline=True):
            return forms.Textarea(attributes | {"class": "input--code", "rows": "4", "spellcheck": "false"})
        case _:
            return forms.TextInput(attributes)


class DeclaredForm(forms.Form):
    """A form that also holds declared fields; the subclass adds its own."""

    use_required_attribute = False  # our message at the field, not the browser's bubble

    def declare_fields(self, declared: Sequence[kit.Field], saved: Mapping[str, str]) -> None:
        """Add the fields, filled with their saved values (never with secrets)."""
        self.declared = tuple(declared)
        for one in declared:
            secret = isinstance(one, kit.Secret)
            self.fields[one.name] = DeclaredField(one, saved.get(one.name, "") if secret else "")
            self.initial.setdefault(one.name, "" if secret else saved.get(one.name, one.default))

    def declared_values(self) -> dict[str, str]:
        """Return the cleaned declared fields, as a service gets them."""
        return {one.name: str(self.cleaned_data[one.name]) for one in self.declared}

    def typed_values(self) -> dict[str, str]:
        """Return the values of a half-filled form, cleaned where that works already."""
        self.full_clean()
        return {one.name: str(self.cleaned_data.get(one.name, self[one.name].data or "")) for one in self.declared}

    def first_mistake(self) -> str:
        """Return the first error in what was typed so far; an empty box is not an error yet."""
        return next((str(bound.errors[0]) for bound in self.wrong() if bound.data), "")

    def usual(self) -> list[forms.BoundField]:
        return [self[one.name] for one in self.declared if not one.advanced]

    def advanced(self) -> list[forms.BoundField]:
        return [self[one.name] for one in self.declared if one.advanced]

    def advanced_open(self) -> bool:
        """Return whether the folded fields are worth showing: one is wrong or was filled in."""
        return any(
            self[one.name].errors or str(self[one.name].value() or "") != one.default
            for one in self.declared
            if one.advanced
        )

    def wrong(self) -> list[forms.BoundField]:
        """Return the fields with errors, in the order of the page."""
        return [bound for bound in self if bound.errors]

    def summed_up(self) -> bool:
        """Return whether the form is long enough for a list of its errors on top."""
        return len(self.fields) >= LONG_FORM_FIELDS and bool(self.wrong())

    def full_clean(self) -> None:
        super().full_clean()
        for bound in self.wrong():
            bound.field.widget.attrs.pop("hx-preserve", None)  # what is wrong must be typed anew
