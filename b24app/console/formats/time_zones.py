"""Time zones as people know them: by a city, in the reader's language, with its distance from UTC.

A zone is offered under its present id only; any id, old or new, and any city that CLDR names is understood.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from babel.core import Locale, get_global
from django.utils import timezone

from b24app.console.formats.locales import current

UTC = "UTC"

# One city for each clock that many people live by, and the capitals that people look for; others can be typed.
CITIES: Mapping[str, str] = {
    "Africa": "Abidjan Accra Addis_Ababa Algiers Cairo Casablanca Dakar Harare Johannesburg Kampala Khartoum Kinshasa "
    "Lagos Luanda Maputo Nairobi Tripoli Tunis Windhoek",
    "America": "Anchorage Argentina/Buenos_Aires Asuncion Bahia Bogota Caracas Chicago Costa_Rica Denver Edmonton "
    "El_Salvador Guatemala Guayaquil Halifax Havana Jamaica La_Paz Lima Los_Angeles Managua Manaus Mexico_City "
    "Montevideo New_York Panama Phoenix Puerto_Rico Regina Santiago Santo_Domingo Sao_Paulo St_Johns Tegucigalpa "
    "Tijuana Toronto Vancouver Winnipeg",
    "Asia": "Almaty Amman Ashgabat Baghdad Bahrain Baku Bangkok Beirut Bishkek Chita Colombo Damascus Dhaka Dubai "
    "Dushanbe Ho_Chi_Minh Hong_Kong Irkutsk Jakarta Jayapura Jerusalem Kabul Kamchatka Karachi Kathmandu Kolkata "
    "Krasnoyarsk Kuala_Lumpur Kuwait Magadan Makassar Manila Muscat Nicosia Novosibirsk Omsk Phnom_Penh Qatar Riyadh "
    "Sakhalin Seoul Shanghai Singapore Taipei Tashkent Tbilisi Tehran Tokyo Ulaanbaatar Vientiane Vladivostok Yakutsk "
    "Yangon Yekaterinburg Yerevan",
    "Atlantic": "Azores Canary Cape_Verde Reykjavik",
    "Australia": "Adelaide Brisbane Darwin Perth Sydney",
    "Europe": "Amsterdam Athens Belgrade Berlin Bratislava Brussels Bucharest Budapest Chisinau Copenhagen Dublin "
    "Helsinki Istanbul Kaliningrad Kyiv Lisbon Ljubljana London Luxembourg Madrid Malta Minsk Moscow Oslo Paris Prague "
    "Riga Rome Samara Sarajevo Skopje Sofia Stockholm Tallinn Tirane Vienna Vilnius Volgograd Warsaw Zagreb Zurich",
    "Indian": "Maldives Mauritius",
    "Pacific": "Auckland Fiji Honolulu Port_Moresby",
}
OFFERED = (UTC, *(f"{area}/{place}" for area, places in CITIES.items() for place in places.split()))

_UTC_NAMES = {"utc", "gmt", "etc/utc", "etc/gmt", "zulu", "etc/uct", "uct"}
_OFFSET = re.compile(r"\s*\(?\bUTC\s*(?:[+−-]\s*[0-9:]+)?\)?\s*$")


class UnknownZone(ValueError):
    """What was typed is no city and no zone."""


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    city: str
    offset: str

    @property
    def label(self) -> str:
        """Return what a person chooses: Almaty (UTC+5)."""
        return self.city if self.city == self.offset else f"{self.city} ({self.offset})"


def describe(zone: str, at: datetime) -> Zone:
    """Return a zone with its city in the reader's language and its offset at that moment."""
    return Zone(zone, city_name(zone), utc_offset(zone, at))


def offered_zones(at: datetime, also: str = "") -> list[Zone]:
    """Return the zones to choose from by the name of their city; `also` is one of them whatever it is."""
    ids = list(OFFERED)
    if also and canonical_id(also) not in ids:
        ids.append(also)
    return sorted((describe(one, at) for one in ids), key=lambda zone: (zone.id != UTC, zone.city.casefold()))


def city_name(zone: str) -> str:
    """Return the city that names a zone, in the reader's language; a zone without one is called by its offset."""
    found = canonical_id(zone)
    return _cities(str(current())).get(found) or utc_offset(zone, timezone.now())


def utc_offset(zone: str, at: datetime) -> str:
    """Return how far a zone is from UTC at that moment: UTC+5:30; "UTC" where it is not or is not known."""
    try:
        distance = at.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
    minutes = abs(int(distance.total_seconds())) // 60
    if not minutes:
        return UTC
    hours, rest = divmod(minutes, 60)
    return f"UTC{'-' if distance < timedelta() else '+'}{hours}" + (f":{rest:02}" if rest else "")


def canonical_id(zone: str) -> str:
    """Return the present id of a zone by any id it ever had; what is unknown stays as it is."""
    if zone.casefold() in _UTC_NAMES:
        return UTC
    return str(get_global("zone_aliases").get(zone, zone))


def parse_zone(typed: str) -> str:
    """Return the id of a zone that was chosen or typed: a label, a city in the reader's language or English, an id."""
    words = typed.strip()
    if words.casefold() in _UTC_NAMES:
        return UTC
    city = _OFFSET.sub("", words)
    for name in (words, city):
        if name in _python_zones():
            return canonical_id(name)
        for language in (str(current()), "en"):
            if found := _ids(language).get(_key(name)):
                return found
    raise UnknownZone(typed)


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


@lru_cache(maxsize=32)
def _ids(language: str) -> Mapping[str, str]:
    """Return zones by city; where two have the same name the one that is offered wins."""
    cities = _cities(language)
    ids: dict[str, str] = {}
    for zone in (*OFFERED, *cities):
        if zone in cities:
            ids.setdefault(_key(cities[zone]), zone)
    return ids


@lru_cache(maxsize=32)
def _cities(language: str) -> Mapping[str, str]:
    """Return the name of each zone's city; Babel's data still have the ids of thirty years ago."""
    names = Locale.parse(language).time_zones
    return {zone: _city_of((zone, *_old_ids().get(zone, ())), names) for zone in _known_zones()}


def _city_of(ids: Iterable[str], names: Mapping[str, Mapping[str, str]]) -> str:
    translated = next((city for one in ids if (city := names.get(one, {}).get("city"))), "")
    return translated or next(iter(ids)).rsplit("/", 1)[-1].replace("_", " ")


@cache
def _known_zones() -> tuple[str, ...]:
    """Return all present zones of places, as far as Python knows them too."""
    territories = get_global("zone_territories")
    return tuple(sorted(zone for zone, code in territories.items() if code in _places() and zone in _python_zones()))


def _places() -> set[str]:
    return set(get_global("territory_zones")) - {"001", "ZZ"}


@cache
def _python_zones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads the disk each time


@cache
def _old_ids() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for old, new in get_global("zone_aliases").items():
        found[new] = (*found.get(new, ()), old)
    return found
