"""Escaping text for Bitrix24, which interprets BBCode and turns addresses into links."""

import re

_BRACKETS = str.maketrans("[]", "()")
_LINK = re.compile(r"(?<=:)(?=//)|(?<=\bwww)(?=\.)", re.IGNORECASE)


def strip_markup(text: str) -> str:
    """Return the text with round brackets in place of the square ones of BBCode."""
    return text.translate(_BRACKETS)


def strip_links(text: str) -> str:
    """Return the text without markup and with a space in each bare address, so that it can be read but not clicked."""
    return _LINK.sub(" ", strip_markup(text))
