"""The services of the catalogue in the order in which a reader needs them, and the search among them."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import phonenumbers
from babel.core import Locale
from django.utils.translation import gettext as _

from b24app.console.formats import locales
from b24app.console.senders.catalogue import ServiceInfo
from providers.kit import popularity
from providers.kit.listing import Group

SHORTEST_COUNTRY = 3  # letters of a country's name that the search takes for one
_ENGLISH = Locale("en")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A group of services under a title."""

    title: str
    services: Sequence[ServiceInfo]


def arrange_services(services: Iterable[ServiceInfo], country: str) -> list[Shelf]:
    """Return the services in groups: of the country, for all countries, of other countries, own equipment."""
    groups: dict[str, list[ServiceInfo]] = {name: [] for name in ("suggested", "worldwide", "elsewhere", "equipment")}
    suggested = popularity.suggest_services(country)
    for one in services:
        groups[_group_of(one, country, suggested)].append(one)
    groups["suggested"].sort(key=lambda one: _place_among(one, suggested))
    for name in ("worldwide", "elsewhere", "equipment"):
        groups[name].sort(key=lambda one: (popularity.rank_of(one.code), one.title.casefold()))
    elsewhere = _("Other countries") if country else _("Local services")
    shelves = [
        Shelf(_("Suggested for {country}").format(country=locales.country_name(country)), groups["suggested"]),
        Shelf(_("International"), groups["worldwide"]),
        Shelf(elsewhere, groups["elsewhere"]),
        Shelf(_("For your own equipment"), groups["equipment"]),
    ]
    return [shelf for shelf in shelves if shelf.services]


def _group_of(service: ServiceInfo, country: str, suggested: Sequence[str]) -> str:
    if service.group is Group.EQUIPMENT:
        return "equipment"
    if service.code in suggested or (country and country in service.countries):
        return "suggested"
    return "elsewhere" if service.countries else "worldwide"


def _place_among(service: ServiceInfo, suggested: Sequence[str]) -> tuple[int, str]:
    """Return what services of a country are sorted by: those of the list, then its own by title."""
    place = suggested.index(service.code) if service.code in suggested else len(suggested)
    return place, service.title.casefold()


def search_services(services: Sequence[ServiceInfo], query: str) -> tuple[list[ServiceInfo], str]:
    """Return the services with such a name and "", else those for a country of that name and its code."""
    found = [one for one in services if query.casefold() in one.names]
    if found:
        return found, ""
    country = find_country(query)
    if not country:
        return [], ""
    suggested = popularity.suggest_services(country)
    return [one for one in services if not one.countries or country in one.countries or one.code in suggested], country


def find_country(query: str) -> str:
    """Return the code of the country whose name is, or alone begins with, the query; "" if there is none.

    Names are those of the reader's language and of English.
    """
    wanted = _fold_name(query)
    if len(wanted) < SHORTEST_COUNTRY:
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


def list_countries() -> list[tuple[str, str]]:
    """Return code and name of every country, by name."""
    named = [(code, locales.country_name(code)) for code in phonenumbers.SUPPORTED_REGIONS]
    return sorted(named, key=lambda pair: (_fold_name(pair[1]), pair[0]))


def _fold_name(name: str) -> str:
    """Return a name without case and accents, so that Österreich stands beside Oman and not behind Zypern."""
    plain = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign))
