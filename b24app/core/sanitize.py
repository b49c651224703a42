"""What our columns can hold of what the outside says; one word they cannot hold would cost the whole batch."""

import re
from decimal import Decimal
from math import isfinite

MOST_PRICE = Decimal(10**6)
"""Of one message, in any currency, exclusive.

The dearest destinations ask for half a dollar a part, and a long text has ten parts: that is 130,000 Vietnamese dong or
half a million Lebanese pounds. Whoever claims more has no price but a mistake, or an intention.
"""
MOST_BALANCE = Decimal(10**12)  # of an account, exclusive: what its column holds
MOST_PARTS = 255  # a concatenated message counts its parts in one octet
_PRICE_STEP, _BALANCE_STEP = Decimal("0.00001"), Decimal("0.0001")
_UNSTORABLE = str.maketrans(dict.fromkeys(["\0", *map(chr, range(0xD800, 0xE000))], "\ufffd"))


def sanitize_text(value: str) -> str:
    """NUL and lone surrogates, which PostgreSQL cannot hold, become the replacement character."""
    return value.translate(_UNSTORABLE)


def sanitize_price(value: Decimal | None) -> Decimal | None:
    """Return what a message may cost, with five digits behind the point; None where it is no believable price."""
    return _money(value, Decimal(0), MOST_PRICE, _PRICE_STEP)


def sanitize_balance(value: Decimal | None) -> Decimal | None:
    """Return what an account may have left, or owe, with four digits behind the point; None where it cannot be."""
    return _money(value, -MOST_BALANCE, MOST_BALANCE, _BALANCE_STEP)


def sanitize_currency(value: str) -> str:
    """Return a code of three Latin capitals as in ISO 4217; "" for anything else."""
    code = value.strip()
    return code.upper() if re.fullmatch(r"[A-Za-z]{3}", code) else ""


def sanitize_parts(value: int | None) -> int | None:
    """Return how many parts a message may have; None where it cannot have so many."""
    return value if value is not None and 0 <= value <= MOST_PARTS else None


def sanitize_seconds(value: float | None, most: float) -> float | None:
    """Return a pause of at most so many seconds; None where no time is meant."""
    return min(value, most) if value is not None and isfinite(value) and value >= 0 else None


def _money(value: Decimal | None, least: Decimal, most: Decimal, step: Decimal) -> Decimal | None:
    if value is None or not value.is_finite() or not least <= value < most:
        return None
    rounded = value.quantize(step)
    return rounded if rounded < most else None
