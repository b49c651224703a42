"""The fields of text templates: stored by code, shown by name in the reader's language, filled with a card's values.

Nothing is evaluated: a field is looked up in a table, and its value is put in as it is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from b24app.portals.crm import fields

TITLES: Mapping[str, str | Promise] = {
    fields.CONTACT_NAME: pgettext_lazy("text template field", "Contact name"),
    fields.FIRST_NAME: pgettext_lazy("text template field", "Contact first name"),
    fields.COMPANY_NAME: pgettext_lazy("text template field", "Company name"),
    fields.ITEM_TITLE: pgettext_lazy("text template field", "Item title"),
    fields.ITEM_ID: pgettext_lazy("text template field", "Item ID"),
    fields.AMOUNT: pgettext_lazy("text template field", "Amount"),
    fields.RESPONSIBLE: pgettext_lazy("text template field", "Responsible person"),
}
# Values of a usual length, for counting a template that nobody has filled yet.
EXAMPLES: Mapping[str, str] = {
    fields.CONTACT_NAME: "Emma Evans",
    fields.FIRST_NAME: "Emma",
    fields.COMPANY_NAME: "Harbour Joinery",
    fields.ITEM_TITLE: "Website order",
    fields.ITEM_ID: "20411",
    fields.AMOUNT: "1250 USD",
    fields.RESPONSIBLE: "Alice Adams",
}
_FIELD = re.compile(r"\{([^{}|\n]{1,60})(?:\|([^{}\n]{0,80}))?\}")


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with the values put in, and the names of the fields that have neither a value nor a text for none.

    Those stand in it as they were.
    """

    text: str
    missing: Sequence[str] = ()


def field_choices() -> list[tuple[str, str]]:
    """Return code and title of every field, in the language of the reader."""
    return [(code, str(title)) for code, title in TITLES.items()]


def fill_template(text: str, values: Mapping[str, str]) -> Filled:
    """Put values into a stored template."""
    missing: list[str] = []

    def find_value(match: re.Match[str]) -> str:
        code, otherwise = match.groups()
        if code not in TITLES:
            return match[0]
        value = values.get(code) or otherwise
        if value:
            return value
        missing.append(str(TITLES[code]))
        return f"{{{TITLES[code]}}}"

    return Filled(_FIELD.sub(find_value, text), tuple(dict.fromkeys(missing)))


def show_template(text: str) -> str:
    """Return a stored template with the fields named in the language of the reader."""
    return _FIELD.sub(lambda match: _spell_field(match, str(TITLES.get(match[1], match[1]))), text)


def store_template(shown: str) -> tuple[str, list[str]]:
    """Return a template as it is stored, and what it names that is no field."""
    codes, unknown = _codes_by_name(), list[str]()

    def find_code(match: re.Match[str]) -> str:
        name = match[1].strip()
        code = codes.get(name.casefold(), "")
        if not code:
            unknown.append(name)
        return _spell_field(match, code or name)

    return _FIELD.sub(find_code, shown), list(dict.fromkeys(unknown))


def unfilled_fields(text: str) -> list[str]:
    """Return the fields that a text to be sent still names, as they stand in it."""
    codes = _codes_by_name()
    names = [match[1].strip() for match in _FIELD.finditer(text)]
    return list(dict.fromkeys(name for name in names if name.casefold() in codes))


def _codes_by_name() -> dict[str, str]:
    """Return the codes by what a reader may write for them: the title in their language, or the code itself."""
    return {str(title).casefold(): code for code, title in TITLES.items()} | {code: code for code in TITLES}


def _spell_field(match: re.Match[str], name: str) -> str:
    return f"{{{name}}}" if match[2] is None else f"{{{name}|{match[2]}}}"
