"""Values from outside become what a column can hold, or None."""

from decimal import Decimal

import pytest

from b24app.core import sanitize


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("0.0075", "0.00750"),
        ("0.123456789", "0.12346"),
        ("130000", "130000.00000"),
        ("999999.99999", "999999.99999"),
        ("999999.999999", None),
        ("1000000", None),
        ("1E+999999", None),
        ("1E-999999", "0.00000"),
        ("-0.0075", None),
        ("NaN", None),
        ("-Infinity", None),
    ],
)
def test_a_price_is_believable_or_none(told: str, kept: str | None) -> None:
    assert sanitize.sanitize_price(Decimal(told)) == (None if kept is None else Decimal(kept))


@pytest.mark.parametrize(
    ("told", "kept"),
    [("12.34567", "12.3457"), ("-3", "-3.0000"), ("1E30", None), ("999999999999.99999", None), ("sNaN", None)],
)
def test_a_balance_fits_its_column_or_is_none(told: str, kept: str | None) -> None:
    assert sanitize.sanitize_balance(Decimal(told)) == (None if kept is None else Decimal(kept))


@pytest.mark.parametrize(
    ("told", "kept"),
    [("EUR", "EUR"), (" usd ", "USD"), ("", ""), ("credits", ""), ("E\0R", ""), ("€€€", ""), ("ßs", "")],
)
def test_a_currency_is_three_latin_capitals_or_nothing(told: str, kept: str) -> None:
    assert sanitize.sanitize_currency(told) == kept


def test_a_message_has_no_more_parts_than_its_header_can_number() -> None:
    assert [sanitize.sanitize_parts(told) for told in (None, -1, 0, 3, 255, 256, 32_767)] == [
        None,
        None,
        0,
        3,
        255,
        None,
        None,
    ]


def test_a_pause_is_a_time_that_passes() -> None:
    told = (None, float("nan"), float("inf"), -1.0, 2.5, 1e300)
    assert [sanitize.sanitize_seconds(one, longest=60.0) for one in told] == [None, None, None, None, 2.5, 60.0]
