"""A sender's name and description in the languages of a portal's employees."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from b24app.console.formats.locales import language_name
from b24app.console.senders.declared_fields import DeclaredForm
from b24app.portals.languages import DJANGO_CODES, FRAME_CODES

NAME, DESCRIPTION = 100, 250  # characters that Bitrix24 keeps

_SEEN = gettext_lazy("Visible to employees")  # in the place of "Optional": one language has to have a name


@dataclass(frozen=True, slots=True)
class LanguageTexts:
    """The fields of one language, which has its name in the reader's own."""

    code: str
    language: str
    name: forms.BoundField
    description: forms.BoundField


class LanguagesForm(DeclaredForm):
    """Name and description in each language; shown are the portal's own, those in use, and `added`."""

    prefix = "sender"

    def __init__(self, data: Any = None, *, language: str = "", added: str = "", **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.own_language = language if language in FRAME_CODES else FRAME_CODES[0]
        self.added = added
        for code in FRAME_CODES:
            attrs = {"autocomplete": "off", "lang": DJANGO_CODES[code], "dir": "auto"}
            for name, label, limit in (
                (f"name_{code}", gettext_lazy("Name"), NAME),
                (f"description_{code}", gettext_lazy("Description"), DESCRIPTION),
            ):
                widget = forms.TextInput(attrs if limit == DESCRIPTION else attrs | {"data-note": _SEEN})
                self.fields[name] = forms.CharField(max_length=limit, required=False, label=label, widget=widget)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        first = f"name_{self.own_language}"
        if not any(cleaned.get(f"name_{code}") for code in FRAME_CODES) and first not in self.errors:
            self.add_error(first, gettext("Enter a name in at least one language."))
        return cleaned

    def names_by_language(self) -> dict[str, str]:
        """Return names by language, the default one first."""
        return self._texts_by_language("name")

    def descriptions_by_language(self) -> dict[str, str]:
        return self._texts_by_language("description")

    def _texts_by_language(self, what: str) -> dict[str, str]:
        texts = {code: str(self.cleaned_data.get(f"{what}_{code}", "")) for code in FRAME_CODES}
        return {code: text for code, text in texts.items() if text}

    def shown_languages(self) -> list[LanguageTexts]:
        """Return the languages with fields on the page, the portal's own first."""
        shown = [code for code in FRAME_CODES if code != self.own_language and self._is_shown(code)]
        return [
            LanguageTexts(code, _name_of(code), self[f"name_{code}"], self[f"description_{code}"])
            for code in (self.own_language, *shown)
        ]

    def other_languages(self) -> list[tuple[str, str]]:
        """Return the languages that can be added, by their names in the reader's."""
        others = [(code, _name_of(code)) for code in FRAME_CODES if code != self.own_language]
        return sorted(((code, name) for code, name in others if not self._is_shown(code)), key=lambda pair: pair[1])

    def _is_shown(self, code: str) -> bool:
        fields = (self[f"name_{code}"], self[f"description_{code}"])
        return code == self.added or any(one.value() or one.errors or one.html_name in self.data for one in fields)


def _name_of(code: str) -> str:
    return language_name(DJANGO_CODES[code])
