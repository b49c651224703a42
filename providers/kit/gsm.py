"""The alphabet of SMS: GSM 03.38, today 3GPP TS 23.038, without the tables of single languages."""

from collections.abc import Mapping

ESCAPE = "\x1b"
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""All 128 characters in the order of their codes; the escape among them is no letter."""
BASIC = frozenset(ALPHABET) - {ESCAPE}
EXTENSION: Mapping[str, int] = dict(zip("\f^{}\\[~]|€", b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65", strict=True))
"""Each takes an escape and this code: two units, which a part border must not cut."""
_CODES = {char: bytes((code,)) for code, char in enumerate(ALPHABET) if char != ESCAPE}
_CODES |= {char: ESCAPE.encode() + bytes((code,)) for char, code in EXTENSION.items()}


def encode_character(char: str) -> bytes:
    """Return the code of a character, or escape and code, one byte for each septet; raise KeyError for any other."""
    return _CODES[char]
