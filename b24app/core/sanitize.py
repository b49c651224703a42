"""Fitting values from outside into our columns; one value that does not fit would cost the whole batch."""

import re
from decimal import Decimal
from math import isfinite

MAX_PRICE = Decimal(10**6)
"""Of one message, in any currency, exclusive.

The most expensive destinations cost half a dollar a part, and a long text has ten parts: that is 130,000 Vietnamese
dong or half a million Lebanese pounds. A higher price is an error, or malice.
"""
MAX_BALANCE = Decimal(10**12)  # of an account, exclusive: the limit of its column
MAX_PARTS = 255  # a concatenated message counts its parts in one octet
_PRICE_STEP, _BALANCE_STEP = Decimal("0.00001"), Decimal("0.0001")
_UNSTORABLE = str.maketrans(dict.fromkeys(["\0", *map(chr, range(0xD800, 0xE000))], "\ufffd"))


def sanitize_text(value: str) -> str:
    """Replace NUL and lone surrogates, which PostgreSQL cannot store, by the replacement character."""
    return value.translate(_UNSTORABLE)


def sanitize_price(value: Decimal | None) -> Decimal | None:
    """Return a message's price with five decimals; None where it is not credible."""
    return _sanitize_amount(value, Decimal(0), MAX_PRICE, _PRICE_STEP)


def sanitize_balance(value: Decimal | None) -> Decimal | None:
    """Return an account's balance or debt with four decimals; None where it is not credible."""
    return _sanitize_amount(value, -MAX_BALANCE, MAX_BALANCE, _BALANCE_STEP)


def sanitize_currency(value: str) -> str:
    """Return a code of three Latin capitals as in ISO 4217; "" for anything else."""
    code = value.strip()
    return code.upper() if re.fullmatch(r"[A-Za-z]{3}", code) else ""


def sanitize_parts(value: int | None) -> int | None:
    """Return a message's number of parts; None where it is impossible."""
    return value if value is not None and 0 <= value <= MAX_PARTS else None


def sanitize_seconds(value: float | None, longest: float) -> float | None:
    """Return a pause of at most `longest` seconds; None where the value is no duration."""
    return min(value, longest) if value is not None and isfinite(value) and value >= 0 else None


def _sanitize_amount(value: Decimal | None, lowest: Decimal, highest: Decimal, step: Decimal) -> Decimal | None:
    if value is None or not value.is_finite() or not lowest <= value < highest:
        return None
    rounded = value.quantize(step)
    return rounded if rounded < highest else None
