"""Sentinels, and the search for them in every form they may have taken on their way. Nothing of ours is used here."""

import base64
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, quote_plus


class Kind(StrEnum):
    CREDENTIAL = "credential"
    TOKEN = "token"
    ADDRESS = "address"
    NUMBER = "number"
    TEXT = "text"


SHOWN = frozenset({Kind.NUMBER, Kind.TEXT})
"""What pages may show to the portal's own people."""


@dataclass(frozen=True)
class Sentinel:
    """A value pushed through the application; its name may be printed where its value may not."""

    kind: Kind
    name: str
    value: str


def escaped(value: str) -> set[str]:
    """Return the value as it is, and as it stands in JSON, HTML, Python, addresses and forms."""
    ascii_json, json_text = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    found = {value, ascii_json, json_text, repr(value)[1:-1], ascii(value)[1:-1], repr(value.encode())[2:-1]}
    found |= {one.replace("/", r"\/") for one in (ascii_json, json_text)}
    found.add(re.sub(r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), ascii_json))
    for shown in (html.escape(value), html.escape(value, quote=False)):
        found |= {shown.replace("&#x27;", mark) for mark in ("&#x27;", "&#39;", "&apos;")}
        found.add(shown.encode("ascii", "xmlcharrefreplace").decode())
    for inner in (value, ascii_json, json_text):
        for percent in (quote(inner, safe=""), quote(inner), quote_plus(inner), quote(inner, safe="!*'()~")):
            found |= {percent, re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), percent)}
    return found


def packed(value: str) -> set[str]:
    """Base64 wherever it stands in a longer whole, in both alphabets, and hex in both cases."""
    raw, found = value.encode(), {value.encode().hex(), value.encode().hex().upper()}
    for offset in range(3):
        whole = base64.b64encode(bytes(offset) + raw).decode()
        # The first and last characters also hold bits of the neighbours.
        sure = whole[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
        found |= {sure, sure.translate(str.maketrans("+/", "-_"))}
    return found


def forms(value: str) -> set[str]:
    """Every form of the value that is searched for."""
    plain = escaped(value)
    return plain.union(*map(packed, plain))


class Search:
    """Looks for sentinels in texts."""

    def __init__(self, sentinels: Iterable[Sentinel]) -> None:
        self._forms = {sentinel: [form.encode() for form in forms(sentinel.value)] for sentinel in sentinels}

    def names(self, text: bytes, *, but: Iterable[Kind] = ()) -> list[str]:
        """Return the names of the sentinels that are in there, those of the kinds `but` left out."""
        return sorted(
            {
                sentinel.name
                for sentinel, several in self._forms.items()
                if sentinel.kind not in but and any(form in text for form in several)
            }
        )
