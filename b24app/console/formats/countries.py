"""Countries to choose from, and countries found by their name, in the reader's language."""

import unicodedata

import phonenumbers
from babel.core import Locale
from django.utils.translation import gettext as _

from b24app.console.formats import locales

SHORTEST_QUERY = 3  # letters of a country's name that a search takes for one
_ENGLISH = Locale("en")


def list_countries() -> list[tuple[str, str]]:
    """Return code and name of every country, by name."""
    named = [(code, locales.country_name(code)) for code in phonenumbers.SUPPORTED_REGIONS]
    return sorted(named, key=lambda pair: (_fold_name(pair[1]), pair[0]))


def default_country_choices() -> list[tuple[str, str]]:
    """Return the choices of the country for numbers without a country code: none, then each with its calling code."""
    code_of = phonenumbers.country_code_for_region
    countries = [(country, f"{name} (+{code_of(country)})") for country, name in list_countries()]
    return [("", _("None – numbers without a country code are rejected")), *countries]


def find_country(query: str) -> str:
    """Return the code of the country whose name is, or alone begins with, the query; "" if there is none.

    Names are those of the reader's language and of English.
    """
    wanted = _fold_name(query)
    if len(wanted) < SHORTEST_QUERY:
        return ""
    names = [
        (_fold_name(str(locale.territories.get(code, code))), code)
        for locale in (locales.current(), _ENGLISH)
        for code in phonenumbers.SUPPORTED_REGIONS
    ]
    exact = {code for name, code in names if name == wanted}
    begun = {code for name, code in names if name.startswith(wanted)}
    found = exact or begun
    return found.pop() if len(found) == 1 else ""


def _fold_name(name: str) -> str:
    """Return a name without case and accents, so that Österreich stands beside Oman and not behind Zypern."""
    plain = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign))
