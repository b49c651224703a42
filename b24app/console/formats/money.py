"""Amounts of money as the reader writes them, with one scale for all that stand together."""

from collections.abc import Iterable
from decimal import Decimal

from babel.numbers import format_decimal

from b24app.console.formats import locales

PLACES, SMALL_PLACES = 2, 4
SMALL = Decimal("0.1")  # with two places such amounts would say nothing


def scale(amounts: Iterable[Decimal]) -> int:
    """Return how many decimal places the amounts of a column have: two, four only if all of them are small."""
    present = [abs(amount) for amount in amounts if amount]
    return SMALL_PLACES if present and max(present) < SMALL else PLACES


def format_money(amount: Decimal, currency: str = "", places: int | None = None) -> str:
    """Format an amount behind its currency, which a line never parts; `places` is the scale of its column."""
    figures = format_amount(amount, scale([amount]) if places is None else places)
    return f"{currency}\u00a0{figures}" if currency else figures


def format_amount(amount: Decimal, places: int) -> str:
    """Format an amount; one that this scale would show as nothing is said to be below its last place."""
    least = Decimal(1).scaleb(-places)
    is_below = 0 < abs(amount) <= least / 2
    shown = format_decimal(least if is_below else amount, format=f"#,##0.{'0' * places}", locale=locales.current())
    return f"< {shown}" if is_below else shown
