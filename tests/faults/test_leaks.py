"""The search for leaks finds what was planted, in every form: a proof that could not fail would be none."""

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from tests.faults.leaks import Kind, Search, Sentinel

VALUE = "pass/+=&\"'<ключ é🚀"
FORMS: dict[str, Callable[[str], str]] = {
    "literal": str,
    "percent": lambda value: quote(value, safe=""),
    "percent, lower case": lambda value: re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
    "a path": quote,
    "a form": quote_plus,
    "encodeURIComponent": lambda value: quote(value, safe="!*'()~"),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64, one byte on": lambda value: base64.b64encode(f"a{value}b".encode()).decode(),
    "base64, two bytes on": lambda value: base64.b64encode(f"ab{value}cd".encode()).decode(),
    "base64 for addresses": lambda value: base64.urlsafe_b64encode(f"ab{value}".encode()).decode(),
    "Basic": lambda value: base64.b64encode(f"user:{value}".encode()).decode(),
    "JSON": json.dumps,
    "JSON as it reads": lambda value: json.dumps(value, ensure_ascii=False),
    "PHP's JSON": lambda value: json.dumps(value).replace("/", r"\/"),
    "JSON in base64": lambda value: base64.b64encode(json.dumps({"a": value}).encode()).decode(),
    "JSON in a form": lambda value: quote_plus(json.dumps(value)),
    "Django's HTML": html.escape,
    "HTML text": lambda value: html.escape(value, quote=False),
    "HTML with numbers": lambda value: html.escape(value).encode("ascii", "xmlcharrefreplace").decode(),
    "hex": lambda value: value.encode().hex(),
    "HEX": lambda value: value.encode().hex().upper(),
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda value: repr(value.encode()),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("value", [VALUE, "+12025550142", "Ab-cd_ef0123456789Zzyx"])
def test_a_planted_value_is_found(form: Callable[[str], str], value: str) -> None:
    search = Search([Sentinel(Kind.CREDENTIAL, "planted", value)])
    assert search.names(f"before {form(value)} after".encode()) == ["planted"]


def test_what_was_not_planted_is_not_found() -> None:
    search = Search([Sentinel(Kind.CREDENTIAL, "planted", VALUE)])
    assert search.names(b"before pass/+= after") == []


def test_kinds_may_be_left_out() -> None:
    search = Search([Sentinel(Kind.TEXT, "a text", "hello there"), Sentinel(Kind.TOKEN, "a token", "a1b2c3d4")])
    assert search.names(b"hello there a1b2c3d4", but={Kind.TEXT}) == ["a token"]
