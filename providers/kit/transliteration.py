"""The same words in fewer segments: one character outside the plain alphabet doubles or trebles the cost.

Both rewritings leave alone what GSM-7 has, and are the administrator's choice: names and amounts may read differently.
"""

import unicodedata

from anyascii import anyascii

from providers.kit.gsm import BASIC, EXTENSION

_PLAIN = {
    '"': "“”„‟«»″",
    "'": "‘’‚‛‹›′`´",
    "-": "‐‑‒–—―−",
    "...": "…",
    " ": "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "": "\u00ad\u200b\u200c\u200d\u2060\ufeff",
    "No": "№",
    "*": "•·",
    "(c)": "©",
    "(r)": "®",
    "(tm)": "™",
    "1/2": "½",
    "1/4": "¼",
    "3/4": "¾",
}
SMART = str.maketrans({char: plain for plain, chars in _PLAIN.items() for char in chars})
_JOINED_EMOJI = "\u200d"


def rewrite_text(text: str, *, smart: bool = False, latin: bool = False) -> str:
    """Return the text with typographic characters in plain form (`smart`), with other alphabets in Latin (`latin`).

    Signs that have no plain form, emoji among them, stay as they are.
    """
    if smart:
        text = _replace_typographic(text)
    if latin:
        text = "".join(map(_to_latin, unicodedata.normalize("NFC", text)))
    return text


def _replace_typographic(text: str) -> str:
    # A zero-width joiner holds an emoji together; elsewhere nobody sees it.
    return _JOINED_EMOJI.join(part.translate(SMART) for part in _split_at_joiners(text))


def _split_at_joiners(text: str) -> list[str]:
    """Cut at the joiners that stand between two signs that are no letters."""
    parts, start = [], 0
    for place in range(1, len(text) - 1):
        if text[place] == _JOINED_EMOJI and _is_sign(text[place - 1]) and _is_sign(text[place + 1]):
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _is_sign(char: str) -> bool:
    return unicodedata.category(char) in {"So", "Sk", "Mn"}


def _to_latin(char: str) -> str:
    if char in BASIC or char in EXTENSION or unicodedata.category(char)[0] not in "LMN":
        return char
    return anyascii(char)
