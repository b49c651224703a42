"""Bitrix24's language codes and ours: the portals know them, and notices are written with them, too."""

from babel.core import Locale
from django.utils import translation

from b24app.portals.languages import DJANGO_CODES, FRAME_CODES, to_django

__all__ = ["DJANGO_CODES", "FRAME_CODES", "name_of", "to_django"]


def name_of(code: str) -> str:
    """A language by Bitrix24's code, in the language that is spoken now."""
    wanted = Locale.parse(translation.to_locale(DJANGO_CODES.get(code, code)))
    spoken = Locale.parse(translation.to_locale(translation.get_language() or "en"))
    told = wanted.get_display_name(spoken) or code
    return told[:1].upper() + told[1:]
