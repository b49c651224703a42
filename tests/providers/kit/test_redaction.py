"""What is struck is struck in every form it may take."""

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest

from providers.kit.redaction import Redactor

VALUES = ["s3cr/et+key&\"42'<ü>", "Привет, «мир» 😀\nвторая строка", "plainsecretvalue", "a b/c~d!(e)"]


def _entities(value: str) -> str:
    return "".join(char if char.isascii() else f"&#{ord(char)};" for char in html.escape(value))


FORMS = {
    "literal": str,
    "percent": lambda value: quote(value, safe=""),
    "percent, paths": quote,
    "percent, forms": quote_plus,
    "percent, JavaScript": lambda value: quote(value, safe="!*'()~"),
    "JSON": lambda value: json.dumps(value)[1:-1],
    "JSON, readable": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "JSON, slashes": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "JSON in a form": lambda value: quote_plus(json.dumps(value)[1:-1]),
    "HTML": html.escape,
    "HTML, numbers": _entities,
    "hex": lambda value: value.encode().hex(),
    "HEX": lambda value: value.encode().hex().upper(),
    "UCS-2 hex": lambda value: value.encode("utf-16-be").hex(),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_secret_is_struck_in_every_writing(form: object, value: str) -> None:
    assert callable(form)
    written = form(value)

    assert Redactor({"secret": [value]}).strike(f"x={written}&y") == "x=[secret]&y"


@pytest.mark.parametrize("value", VALUES)
def test_lower_case_percent_is_struck(value: str) -> None:
    raw = "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02x}" for byte in value.encode())
    if "~" not in value and "." not in value:
        assert Redactor({"secret": [value]}).strike(raw) == "[secret]"


@pytest.mark.parametrize("before", ["", "u", "us", "use"])
@pytest.mark.parametrize("value", VALUES)
def test_base64_is_struck_at_every_alignment(value: str, before: str) -> None:
    encoded = base64.b64encode(f"{before}{value}:tail".encode()).decode()

    struck = Redactor({"secret": [value]}).strike(encoded)

    assert "[secret]" in struck
    assert len(struck) <= len("[secret]") + 16


@pytest.mark.parametrize("written", ["+12025550147", "12025550147", "2025550147", "%2B12025550147", "&#43;12025550147"])
def test_a_number_is_struck_with_and_without_its_country(written: str) -> None:
    struck = Redactor({"number": ["+12025550147"]}).strike(f"to: {written}.")

    assert "2025550147" not in struck
    assert "[number]" in struck


def test_a_short_text_is_struck_only_where_it_stands_alone() -> None:
    assert Redactor({"text": ["1"]}).strike('Body=1&n=12 {"b": "1"}') == 'Body=[text]&n=12 {"b": "[text]"}'


def test_a_longer_value_goes_first_and_names_are_not_struck() -> None:
    redactor = Redactor({"secret": ["abcdef"]}).also({"text": ["say abcdef now"], "number": ["text"]})

    assert redactor.strike("say abcdef now / abcdef / text") == "[text] / [secret] / [number]"


def test_nothing_to_strike_changes_nothing() -> None:
    assert Redactor({"secret": ["", "  "]}).strike("as it is") == "as it is"


def test_a_text_with_a_lone_surrogate_does_not_break() -> None:
    assert Redactor({"text": ["odd \ud800 text"]}).strike("odd ? text") == "[text]"


CUT = "Привет, «мир», сегодня в девять у входа"


@pytest.mark.parametrize("value", [CUT, "Meet me at the yellow door at nine", "k9/+q=7~abcdefgh&x"])
@pytest.mark.parametrize("form", ["literal", "percent", "percent, forms", "JSON"])
def test_what_a_service_cut_out_of_a_value_is_struck_too(form: str, value: str) -> None:
    write = FORMS[form]
    assert callable(write)
    written = write(value)
    cut = written[: len(written) - 3]

    assert Redactor({"text": [value]}).strike_echo(f"id: {cut}…", 4096) == "id: [text]…"
    assert Redactor({"text": [value]}).strike_echo(f"…{written[2:]}", 4096) == "…[text]"


def test_what_has_little_in_common_with_a_value_stays() -> None:
    redactor = Redactor({"text": ["The order is accepted and paid"], "secret": ["application-key-1"]})

    assert redactor.strike_echo("accepted: order 5, application 7", 100) == "accepted: order 5, application 7"


@pytest.mark.parametrize("charset", ["latin-1", "cp1252", "cp1254"])
def test_a_value_in_an_older_charset_is_struck(charset: str) -> None:
    password = "pässwörd é"
    read = password.encode(charset).decode("utf-8", "replace")

    assert Redactor({"secret": [password]}).strike(f"<{read}>") == "<[secret]>"
    assert Redactor({"secret": [password]}).strike(f"<{quote(password, encoding=charset)}>") == "<[secret]>"
    assert Redactor({"secret": [password]}).strike(f"<{password.encode().decode('latin-1')}>") == "<[secret]>"


def test_words_are_struck_where_they_stand_alone_in_what_is_said() -> None:
    redactor = Redactor({}, words=frozenset({"horse", "q7z"})).also({"text": ["horses"]})

    assert redactor.strike_echo("Horse! correct-horse_x q7Z racehorse q7zz", 100) == (
        "[secret]! correct-[secret]_x [secret] racehorse q7zz"
    )
    assert redactor.strike_echo("x" * 50, 10) == "x" * 10


def test_a_long_value_and_a_long_answer_cost_little() -> None:
    redactor = Redactor({"text": ["a" * 20_000]})
    started = time.process_time()
    assert redactor.strike_echo("a" * 11 + "b" + "a" * 4_000, 4_096).startswith("a" * 11 + "b[text]")
    assert time.process_time() - started < 1
