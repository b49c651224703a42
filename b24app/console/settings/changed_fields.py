"""Forms of which only what was changed is stored: another administrator's choice, made meanwhile, stays."""

from typing import Any

from django import forms
from django.utils.html import format_html_join
from django.utils.safestring import SafeString


class ChangedFieldsForm(forms.Form):
    """A form that the page sends together with what its fields held when it was shown.

    The template writes `shown_values` into the form. If none of them comes back, everything counts as changed.
    """

    use_required_attribute = False

    def shown_values(self) -> SafeString:
        """Return hidden fields with the values that the page shows; called once all fields are there."""
        for field in self.fields.values():
            field.show_hidden_initial = True
        return format_html_join("", "{}", ((self[name].as_hidden(only_initial=True),) for name in self.fields))

    def changed_values(self) -> dict[str, Any]:
        """Return the cleaned values of the fields that the person has changed, by name."""
        return {name: value for name, value in self.cleaned_data.items() if self._is_changed(name)}

    def _is_changed(self, name: str) -> bool:
        if not any(one.startswith("initial-") for one in self.data):
            return True
        bound = self[name]
        bound.field.show_hidden_initial = True
        return bool(bound._has_changed())  # type: ignore[attr-defined]  # Django's own, for `changed_data`
