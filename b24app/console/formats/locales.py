"""The reader's language as Babel knows it, and what Babel calls countries, numbers, times and days in it."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache, reduce

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.lists import format_list as babel_format_list
from babel.numbers import format_decimal
from babel.units import format_unit
from django.utils import translation
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

MINUTE, HOUR = 60, 3600


def current() -> Locale:
    """Return the reader's language, or English."""
    return _parse_locale(translation.get_language() or "en")


@lru_cache
def _parse_locale(language: str) -> Locale:
    try:
        return Locale.parse(translation.to_locale(language))
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def country_name(region: str) -> str:
    """Return the name of a country by its ISO code; a code that Babel does not know stays as it is."""
    return str(current().territories.get(region, region))


def language_name(language: str) -> str:
    """Return the name of a language, by Django's code, in the reader's own."""
    name = Locale.parse(translation.to_locale(language)).get_display_name(current()) or language
    return name[:1].upper() + name[1:]


def day(value: date) -> str:
    """Format a day: Nov 18, 2026."""
    return format_date(value, "medium", locale=current())


def short_day(day: date) -> str:
    """Format a day without its year: Nov 18."""
    return format_skeleton("MMMd", day, locale=current())


def number(value: int) -> str:
    """Format a count as the reader writes it."""
    return _format_number(value, translation.get_language() or "en")


@lru_cache(maxsize=20_000)  # or a table of a year's days would take long
def _format_number(value: int, language: str) -> str:
    return format_decimal(value, locale=_parse_locale(language))


def format_list(items: Sequence[str]) -> SafeString:
    """Join items with the marks of the reader's language; what is markup stays so, all else is escaped."""
    return mark_safe(babel_format_list([conditional_escape(one) for one in items], locale=current()))  # noqa: S308


def join_parts(parts: Sequence[str]) -> str:
    """Join parts as the beginning of a list in the reader's language, without "and"; "" for none."""
    # Babel has such lists as "unit", but in most languages only in part, and fails where they are not.
    middle: str = current().list_patterns["standard"]["middle"]
    return reduce(middle.format, parts) if parts else ""


def percent(part: int, whole: int) -> str:
    """Format a rate with one decimal, rounded down: "100%" only when it is true."""
    return _format_percent(part * 1000 // whole, translation.get_language() or "en")


@lru_cache(maxsize=20_000)
def _format_percent(tenths: int, language: str) -> str:
    return format_decimal(Decimal(tenths) / 1000, format="0.#%", locale=_parse_locale(language))


def at_most(seconds: int | None) -> str:
    """Format a round time; None: more than an hour."""
    return duration(seconds) if seconds else f"> {duration(HOUR)}"


def duration(seconds: int, *, since: int | None = None) -> str:
    """Format a round time, or a range that begins at `since`: 5 sec, 2–5 sec, 1–5 min, 1 hr."""
    unit, size = next(
        ((name, size) for name, size in (("hour", HOUR), ("minute", MINUTE)) if seconds >= size), ("second", 1)
    )
    if since is not None and since < size:
        # A range has the unit of its beginning: 5–60 min, not 0–1 hr.
        unit, size = ("minute", MINUTE) if since >= MINUTE else ("second", 1)
    bounds = [seconds // size] if since is None else [since // size, seconds // size]
    figures = "–".join(number(one) for one in bounds)
    return str(format_unit(figures, f"duration-{unit}", length="short", locale=current()))
