"""What our columns can hold of what the outside says; one word they cannot hold would cost the whole batch."""

from decimal import Decimal

MOST_MONEY = Decimal(10**7)
_UNSTORABLE = str.maketrans(dict.fromkeys(["\0", *map(chr, range(0xD800, 0xE000))], "\ufffd"))


def text(value: str) -> str:
    """NUL and lone surrogates, which PostgreSQL cannot hold, become the replacement character."""
    return value.translate(_UNSTORABLE)


def price(value: Decimal | None) -> Decimal | None:
    """A price of twelve digits, five behind the point; None where it is not one."""
    return value if value is not None and value.is_finite() and abs(value) < MOST_MONEY else None


def count(value: int | None) -> int | None:
    """A small number; None where it is not one."""
    return value if value is not None and 0 <= value < 2**15 else None
