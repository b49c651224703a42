"""The services of the catalogue in the order in which a reader needs them, and the search among them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from b24app.console.formats import locales
from b24app.console.formats.countries import find_country
from b24app.console.senders.catalogue import ServiceInfo
from providers.kit import popularity
from providers.kit.listing import Group


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
