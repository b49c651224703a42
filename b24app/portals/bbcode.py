"""What people typed, written so that a portal shows it as it is: Bitrix24 reads BBCode and makes links by itself."""

import re

_BRACKETS = str.maketrans("[]", "()")
_LINK = re.compile(r"(?<=:)(?=//)|(?<=\bwww)(?=\.)", re.IGNORECASE)


def strip_markup(text: str) -> str:
    """Return the text with round brackets in the place of those that BBCode is made of."""
    return text.translate(_BRACKETS)


def strip_links(text: str) -> str:
    """Return the text without markup and with a gap in each bare address, which can then be read and not pressed."""
    return _LINK.sub(" ", strip_markup(text))
