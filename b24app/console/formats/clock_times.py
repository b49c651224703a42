"""A time of day as people type it, whatever the language of their browser: 21:00, 9 pm, 21.30, 2130."""

import re
import unicodedata
from datetime import time

_CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2})(?:[:.,h ]?(?P<minute>[0-9]{2}))?\s*(?:h|uhr|ч|г)?\.?\s*(?P<half>[ap]\.?\s?m\.?)?"
)


class BadTime(ValueError):
    """What was typed is no time of day."""


def parse_clock(typed: str) -> time:
    """Return the time of day that was typed, with 24 hours or with am and pm; raise BadTime."""
    found = _CLOCK.fullmatch(_plain_digits(typed.strip().casefold()))
    if not found:
        raise BadTime(typed)
    hour, minute, half = int(found["hour"]), int(found["minute"] or 0), (found["half"] or "")[:1]
    if half:
        if not 1 <= hour <= 12:
            raise BadTime(typed)
        hour = hour % 12 + (12 if half == "p" else 0)
    elif hour == 24 and not minute:
        hour = 0
    if hour > 23 or minute > 59:
        raise BadTime(typed)
    return time(hour, minute)


def _plain_digits(typed: str) -> str:
    """Return a text with the digits of any script as 0 to 9."""
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in typed)
