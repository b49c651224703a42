"""What a gateway that people describe themselves answers and reports: where the id stands, and what its words mean."""

from providers.kit.contract import Call, Status, Unreadable
from providers.kit.fields import BadField, Text
from providers.kit.i18n import _
from providers.kit.reply import value_at


class StatusTable(Text):
    """The status words of a gateway, one per line with its equals sign and one of our five."""

    def check(self, value: str) -> str:
        value = Text.check(self, value)
        for line in filter(None, map(str.strip, value.split("\n"))):
            word, equals, status = line.rpartition("=")
            if not equals or not word.strip() or status.strip().lower() not in set(Status):
                known = ", ".join(Status)
                raise BadField(
                    _("Enter one mapping per line, for example DELIVRD=delivered. Allowed: {known}."), known=known
                )
        return value


def text_at_star(text: str, pattern: str) -> str:
    """Return what stands in a text where the star stands in the pattern.

    Not a regular expression: one written by a tenant could keep a worker busy for ever.
    """
    before, _star, after = pattern.partition("*")
    _head, found, rest = text.partition(before) if before else ("", "*", text)
    if not found:
        return ""
    if after.strip():
        rest, closed, _tail = rest.partition(after)
        return rest.strip() if closed else ""
    words = rest.split()
    return words[0] if words else ""


def read_status_table(lines: str) -> list[tuple[str, Status]]:
    """Return the rows of a `StatusTable`, the words in lower case."""
    rows = (line.rpartition("=") for line in lines.split("\n") if line.strip())
    return [(word.strip().lower(), Status(status.strip().lower())) for word, _equals, status in rows]


def read_field(call: Call, name: str) -> str:
    """Return a field of a call as text, by its name or its JSON path; "" where there is none."""
    if not name:
        return ""
    plain = call.value(name)
    if plain or not call.body or call.form:
        return plain
    try:
        found = value_at(call.json(), name)
    except Unreadable:
        return ""
    return str(found) if isinstance(found, str | int | float) else ""
