"""How many parts a text makes, in GSM-7 or UCS-2 units by 3GPP TS 23.038; an estimate, as services differ a little."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from providers.kit.gsm import BASIC, EXTENSION

GSM_7: Literal["GSM-7"] = "GSM-7"
UCS_2: Literal["UCS-2"] = "UCS-2"

_ONE_PART = {GSM_7: 160, UCS_2: 70}
_EACH_PART = {GSM_7: 153, UCS_2: 67}


@dataclass(frozen=True, slots=True)
class Measure:
    """`units` are septets or UTF-16 code units; `units_left` is what still fits before another part begins."""

    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    parts: int
    units_left: int


def measure(text: str) -> Measure:
    """Measure a text as a network would carry it, with an 8-bit reference where there are several parts."""
    if all(char in BASIC or char in EXTENSION for char in text):
        return _fill_parts(GSM_7, [2 if char in EXTENSION else 1 for char in text])
    return _fill_parts(UCS_2, [2 if ord(char) > 0xFFFF else 1 for char in text])


def _fill_parts(encoding: Literal["GSM-7", "UCS-2"], widths: Iterable[int]) -> Measure:
    widths = list(widths)
    units = sum(widths)
    if units <= _ONE_PART[encoding]:
        return Measure(encoding, units, 1, _ONE_PART[encoding] - units)
    room = _EACH_PART[encoding]
    parts, left = 1, room
    for width in widths:
        if width > left:
            parts, left = parts + 1, room
        left -= width
    return Measure(encoding, units, parts, left)
