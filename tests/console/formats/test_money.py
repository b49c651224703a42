"""Money: one scale for a column, two places or, where all amounts are small, four."""

from decimal import Decimal

import pytest
from django.utils import translation

from b24app.console.formats.money import format_amount, scale
from b24app.console.templatetags.console import money


@pytest.mark.parametrize(
    ("amounts", "places"),
    [
        (["0.079", "0.9164", "0.316"], 2),
        (["0.0079", "0.0993"], 4),
        (["0.0079", "0.1"], 2),
        (["0.0079", "-3"], 2),
        (["0", "0.0079"], 4),
        (["0"], 2),
        ([], 2),
    ],
)
def test_a_column_has_one_scale(amounts: list[str], places: int) -> None:
    assert scale(map(Decimal, amounts)) == places


@pytest.mark.parametrize(
    ("amount", "places", "shown"),
    [
        ("1234.5678", 2, "1,234.57"),
        ("0.0079", 4, "0.0079"),
        ("0.079", 4, "0.0790"),
        ("0.0079", 2, "0.01"),
        ("0.0049", 2, "< 0.01"),
        ("0.00001", 4, "< 0.0001"),
        ("0", 2, "0.00"),
        ("-0.8", 2, "-0.80"),
    ],
)
def test_an_amount_is_written_with_the_places_of_its_column(amount: str, places: int, shown: str) -> None:
    with translation.override("en"):
        assert format_amount(Decimal(amount), places) == shown


def test_an_amount_alone_chooses_its_own_scale() -> None:
    with translation.override("de"):
        assert money(Decimal("0.9164"), "EUR") == '<bdi dir="ltr" class="nowrap">EUR\u00a00,92</bdi>'
        assert money(Decimal("0.0079"), "EUR") == '<bdi dir="ltr" class="nowrap">EUR\u00a00,0079</bdi>'
        assert money(Decimal("0.0079"), "EUR", 2) == '<bdi dir="ltr" class="nowrap">EUR\u00a00,01</bdi>'
        assert money(None) == "–"
