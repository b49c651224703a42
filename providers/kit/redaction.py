"""Strikes secrets, numbers and texts out of what is kept, in every form they may take on the wire."""

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping

from providers.kit.phones import national_digits

SHORTEST_ANYWHERE = 4
"""Shorter values are struck only where they stand alone, or a text "1" would strike every digit."""
_TOKENS = 0xF0000  # private use: while striking, a name cannot be struck again by a shorter value
_MAX_TOKENS = 0xFFFD


def _percent_table(safe: str, blank: str, *, upper: bool) -> tuple[str, ...]:
    kept = {ord(char) for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~" + safe}
    table = [chr(byte) if byte in kept else f"%{byte:02X}" if upper else f"%{byte:02x}" for byte in range(256)]
    table[0x20] = blank
    return tuple(table)


# The ways of percent-encoding: all, paths, forms, JavaScript's encodeURIComponent, and an address left mostly alone.
_PERCENT = tuple(
    _percent_table(safe, blank, upper=upper)
    for safe, blank in (("", "%20"), ("/", "%20"), ("", "+"), ("!*'()", "%20"), ("!#$&'()*+,/:;=?@[]", "%20"))
    for upper in (True, False)
)

_CHARSETS = ("latin-1", "cp1252", "cp1250", "cp1251", "cp1254")
SHORTEST_FRAGMENT = 12
"""Characters of a value that are struck even where a service has cut the rest away."""
LONGEST_CUT = 2000
"""Characters of a value, from its beginning, in which a service may have cut."""
_WORD = re.compile(r"[^\W_]+")

_ESCAPABLE = re.compile(r"[^ -~]|[\"'\\<>&/]")
_MANY_WAYS = re.compile(r"[^A-Za-z0-9_.~ -]")


def _percent_forms(value: str) -> set[str]:
    if not _MANY_WAYS.search(value):
        return {value, value.replace(" ", "%20"), value.replace(" ", "+")}
    raw = value.encode()
    return {"".join(map(table.__getitem__, raw)) for table in _PERCENT}


def _escaped_forms(value: str) -> set[str]:
    if not _ESCAPABLE.search(value):
        return {value, *_percent_forms(value)}
    ascii_only = json.dumps(value)[1:-1]
    readable = json.dumps(value, ensure_ascii=False)[1:-1]
    lines = value.replace("\n", "\r\n")
    escaped = html.escape(value)
    found = {value, lines, ascii_only, readable, escaped, html.escape(value, quote=False)}
    found |= {form.replace("/", "\\/") for form in (ascii_only, readable)}
    found |= {escaped.replace("&#x27;", mark) for mark in ("&#39;", "&apos;", "'")}
    if not value.isascii():
        found.add(re.sub(r"\\u[0-9a-f]{4}", lambda match: "\\u" + match[0][2:].upper(), ascii_only))
        found.add("".join(char if char.isascii() else f"&#{ord(char)};" for char in escaped))
    return found.union(*(_percent_forms(form) for form in {value, lines, ascii_only, readable}))


def _legacy_bytes(value: str) -> set[bytes]:
    """Return a value in the older charsets that have most of its letters; for ASCII there is nothing to add."""
    if value.isascii():
        return set()
    raws = {value.encode(charset, "replace") for charset in _CHARSETS}
    return {raw for raw in raws if raw.count(b"?") * 2 < len(raw)}


def _recoded_forms(value: str) -> set[str]:
    """Return a value of an older charset read as UTF-8 and percent-encoded, and UTF-8 that was taken for Latin-1."""
    if value.isascii():
        return set()
    found = {value.encode().decode("latin-1")}
    for raw in _legacy_bytes(value):
        percent = {"".join(map(_PERCENT[index].__getitem__, raw)) for index in (0, 1, 4, 5)}
        found |= {raw.decode("utf-8", "replace"), *percent}
    return {form for form in found if form.strip("\ufffd ?")}


def _usual_forms(value: str) -> set[str]:
    """Return the usual forms of a value, which a service may have cut."""
    ascii_only = json.dumps(value)[1:-1]
    percent = {"".join(map(_PERCENT[index].__getitem__, value.encode())) for index in (0, 4)}
    return {value, ascii_only, *percent, *(raw.decode("utf-8", "replace") for raw in _legacy_bytes(value))}


def _base64_forms(value: str) -> set[str]:
    """Return all three alignments inside a longer whole, without the characters that also depend on its neighbours."""
    raw = value.encode()
    forms = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        first = (0, 2, 3)[offset]
        whole = (offset + len(raw)) % 3 == 0
        forms.add(encoded[first:] if whole else encoded[first:-1])
    return forms | {form.replace("+", "-").replace("/", "_") for form in forms}


def _hex_forms(value: str) -> set[str]:
    forms = {value.encode().hex(), value.encode("utf-16-be", "replace").hex()}
    return forms | {form.upper() for form in forms}


def all_forms(value: str) -> set[str]:
    """Return every form in which a value may appear; a number in E.164 also without + and in national digits."""
    value = value.encode("utf-8", "replace").decode()
    found = _escaped_forms(value) | _recoded_forms(value)
    if len(value) >= SHORTEST_ANYWHERE:
        found |= _base64_forms(value) | _hex_forms(value)
    if re.fullmatch(r"\+[0-9]{6,15}", value):
        found |= {form for bare in (value[1:], national_digits(value)) if bare for form in all_forms(bare)}
    return found


class Redactor:
    """Strikes values given as `name -> values`; what is struck reads `[name]`.

    `words` are single words in lower case, struck wherever they stand alone in what comes from outside: there may be
    thousands of them, so they are looked up and not searched for.
    """

    def __init__(
        self,
        values: Mapping[str, Iterable[str]],
        base: "Redactor | None" = None,
        words: frozenset[str] = frozenset(),
    ) -> None:
        self._words: frozenset[str] = base._words if base else words
        self._cuttable: list[tuple[str, str]] = list(base._cuttable) if base else []
        self._names: list[str] = list(base._names) if base else []
        replacements: dict[str, str] = dict(base._replacements) if base else {}
        for name, several in values.items():
            token = chr(_TOKENS + len(self._names) % _MAX_TOKENS)
            self._names.append(name)
            for value in several:
                if len(value) > SHORTEST_FRAGMENT:
                    self._cuttable.append((name, value[:LONGEST_CUT].encode("utf-8", "replace").decode()))
                if value.strip():
                    replacements |= {form: token for form in all_forms(value) if form not in replacements}
        # Longest first: a value inside a longer one must not break the longer one up.
        self._replacements: dict[str, str] = dict(sorted(replacements.items(), key=lambda item: -len(item[0])))

    def also(self, values: Mapping[str, Iterable[str]]) -> "Redactor":
        """Return a redactor that strikes these values too."""
        return Redactor(values, base=self)

    def strike(self, text: str) -> str:
        """Return the text with every value replaced by its name in brackets."""
        for form, token in self._replacements.items():
            if len(form) >= SHORTEST_ANYWHERE:
                text = text.replace(form, token)
            elif form in text:
                text = re.sub(rf"(?<![^\W_]){re.escape(form)}(?![^\W_])", token, text)
        for index, name in enumerate(self._names):
            text = text.replace(chr(_TOKENS + index), f"[{name}]")
        return text

    def strike_echo(self, text: str, limit: int) -> str:
        """Return at most so many characters of what a service said, also without what it cut out of a value."""
        text = _without_pieces(self.strike(text)[:limit], self._cut_pieces())
        return _WORD.sub(self._replace_private_word, text) if self._words else text

    def _cut_pieces(self) -> Mapping[str, str]:
        """Return every stretch of twelve characters of the longer values, with the name of its value."""
        return {
            form[start : start + SHORTEST_FRAGMENT]: name
            for name, value in self._cuttable
            for form in _usual_forms(value)
            for start in range(len(form) - SHORTEST_FRAGMENT + 1)
        }

    def _replace_private_word(self, found: re.Match[str]) -> str:
        return "[secret]" if found[0].lower() in self._words else found[0]


def _without_pieces(text: str, pieces: Mapping[str, str]) -> str:
    """Return a text without the stretches whose every window is a piece of a value."""
    parts, upto, end = [], 0, 0
    for start in range(len(text) - SHORTEST_FRAGMENT + 1):
        name = pieces.get(text[start : start + SHORTEST_FRAGMENT])
        if name is None:
            continue
        if start >= end:
            parts += [text[upto:start], f"[{name}]"]
        upto = end = start + SHORTEST_FRAGMENT
    return "".join(parts) + text[upto:]
