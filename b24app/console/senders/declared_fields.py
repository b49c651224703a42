"""Form fields drawn from those that a service declares; a value is cleaned by its own declaration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields under one heading, "" for none; `is_open` says that the advanced ones are not folded."""

    title: str
    usual: list[forms.BoundField]
    advanced: list[forms.BoundField]
    is_open: bool


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

    def fill_in(self, values: Mapping[str, str]) -> None:
        """Show values that were read from what was just pasted; secrets count as saved, and no page shows them."""
        for one in self.declared:
            if one.name not in values:
                continue
            if isinstance(one, kit.Secret):
                self.fields[one.name] = DeclaredField(one, values[one.name])
                # Or a box of the page that was typed in before would win over the pasted secret.
                self.fields[one.name].widget.attrs.pop("hx-preserve")
            else:
                self.initial[one.name] = values[one.name]

    def secrets_among(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return those of the values that belong to fields for secrets, without empty ones."""
        names = (one.name for one in self.declared if isinstance(one, kit.Secret))
        return {name: values[name] for name in names if values.get(name)}

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

    def groups(self) -> list[FieldGroup]:
        """Return the declared fields by their headings, in the order in which these come first."""
        titles = dict.fromkeys(one.group for one in self.declared)
        return [self._group(title, [one for one in self.declared if one.group == title]) for title in titles]

    def _group(self, title: str, declared: Sequence[kit.Field]) -> FieldGroup:
        advanced = [one for one in declared if one.advanced]
        return FieldGroup(
            title=gettext(title) if title else "",
            usual=[self[one.name] for one in declared if not one.advanced],
            advanced=[self[one.name] for one in advanced],
            # The folded fields are worth showing where one is wrong or was filled in.
            is_open=any(self[one.name].errors or str(self[one.name].value() or "") != one.default for one in advanced),
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
