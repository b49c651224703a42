"""What the HTTP status means, for all services alike."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest

from providers.kit.errors import AccountBlocked, Hint, Rejected, SmsError, Throttled, Uncertain
from providers.kit.reply import Reply, price_of, read_after, rows_at, text_at

HINTS = {"7": Hint("opt_out", "They said no."), "8": Hint("balance", "Top up.")}


def make(status: int = 200, text: str = "", headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(
        status=status,
        headers=headers or {},
        text=text,
        where="POST gw.example.com/send",
        strike=lambda words: words.replace("s3cret", "[secret]"),
    )


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (301, Uncertain, "uncertain"),
        (400, Rejected, "rejected"),
        (401, AccountBlocked, "auth"),
        (402, AccountBlocked, "balance"),
        (403, AccountBlocked, "auth"),
        (404, Rejected, "rejected"),
        (408, Uncertain, "uncertain"),
        (429, Throttled, "throttled"),
        (500, Uncertain, "uncertain"),
        (503, Uncertain, "uncertain"),
    ],
)
def test_a_status_has_one_meaning(status: int, kind: type[SmsError], reason: str) -> None:
    with pytest.raises(SmsError) as raised:
        make(status, '{"code": 99}').expect(HINTS, code="code")

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, "99", f"HTTP {status}")


def test_a_known_code_decides_over_the_status() -> None:
    with pytest.raises(Rejected) as raised:
        make(403, '{"code": 7, "message": "no s3cret here"}').expect(HINTS, code="code", words="message")

    assert (raised.value.reason, raised.value.words) == ("opt_out", "no [secret] here")


def test_429_is_throttled_whatever_the_code_says() -> None:
    with pytest.raises(Throttled) as raised:
        make(429, '{"code": 7}', {"Retry-After": "17"}).expect(HINTS, code="code")

    assert raised.value.after == 17.0


def test_a_success_is_returned() -> None:
    reply = make(204)

    assert reply.expect() is reply


def test_a_failure_inside_a_success_is_a_refusal() -> None:
    assert type(make().refusal("8", "empty", HINTS)) is AccountBlocked
    assert type(make().refusal("99", "odd", HINTS)) is Rejected


@pytest.mark.parametrize("text", ["", "<html>", "[", "[" * 100_000])
def test_garbage_says_neither_yes_nor_no(text: str) -> None:
    with pytest.raises(Uncertain) as raised:
        make(text=text).need("sid")

    assert raised.value.__context__ is None
    assert make(text=text).find("sid") == ""


def test_values_are_found_by_path_and_become_text() -> None:
    reply = make(text='{"a": [{"id": 5, "ok": true, "price": "-0.0075", "none": null, "far": "Infinity"}]}')

    assert (reply.need("a.0.id"), reply.find("a.0.ok"), reply.find("a.0.none"), reply.find("a.1.id")) == (
        "5",
        "true",
        "",
        "",
    )
    assert reply.number("a.0.price") == Decimal("-0.0075")
    assert reply.number("a.0.none") is reply.number("a.0.far") is None
    with pytest.raises(Uncertain):
        reply.need("a.0.none")


def test_reports_are_read_by_path_whatever_they_hold() -> None:
    told = {"a": [{"id": 5}, None, ["x"], {"id": {}}], "b": "text", "c": {"d": None}, "e": True}

    assert [text_at(told, path) for path in ("a.0.id", "a.3.id", "b", "b.c", "c.d", "e", "x")] == [
        "5",
        "",
        "text",
        "",
        "",
        "",
        "",
    ]
    assert rows_at(told, "a") == [{"id": 5}, {"id": {}}]
    assert rows_at(told, "b") == rows_at(None, "a") == rows_at([], "0") == []
    assert text_at("text", "a") == text_at(None, "a") == ""


def test_a_price_is_positive() -> None:
    assert [price_of(told) for told in ("0.0075", 0.5, 3)] == [Decimal("0.0075"), Decimal("0.5"), Decimal(3)]
    odd: list[object] = ["0", "0.00000", -1, None, "", "free", "Infinity", "NaN", [], True]
    assert {price_of(told) for told in odd} == {None}


def test_retry_after_is_seconds_or_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=90)

    assert read_after("12") == 12.0
    assert read_after(format_datetime(soon)) == pytest.approx(90, abs=2)
    assert read_after(format_datetime(soon - timedelta(days=1))) == 0.0
    assert read_after("soon") is read_after("") is read_after("-5") is None
