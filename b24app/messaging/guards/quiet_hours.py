"""Quiet hours in the recipient's local time, as far as the number shows where they are."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global
from phonenumbers import phonenumberutil as metadata
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number

SEARCH_WITHIN = timedelta(hours=48)  # if it has no moment that is open in all zones, there is none


def quiet_until(number: str, start: time, end: time, home: ZoneInfo, now: datetime) -> datetime | None:
    """Return when the current quiet hours of a number (E.164) end; None outside quiet hours.

    `start` and `end` are local times, over midnight when `start` is the later; equal ones mean no quiet hours. If the
    number may be in several zones, it is quiet while it is quiet in any of them. The zone `home` is used for an
    unknown place, and for a country so wide that it is always quiet somewhere.
    """
    if start == end:
        return None
    opens = _first_open_moment(zones_of(number) or [home], start, end, now)
    if opens is None:
        opens = _first_open_moment([home], start, end, now)
    return opens if opens is not None and opens > now else None


def zones_of(number: str) -> Sequence[ZoneInfo]:
    """Return the time zones a number may be in; empty if they are unknown.

    If the number itself has several, those of its country are returned: the tables list them by country code, so +7
    would place Kazakhstan's numbers in Kamchatka.
    """
    try:
        parsed = metadata.parse(number)
    except metadata.NumberParseException:
        return []
    names = time_zones_for_number(parsed)
    if len(names) == 1 and names[0] != UNKNOWN_TIMEZONE:
        return _load_zones(names)
    region = metadata.region_code_for_number(parsed) or ""
    country = _zones_of_country(region) if region.isalpha() else []  # "001" is satellite phones and the like
    return country or _load_zones(name for name in names if name != UNKNOWN_TIMEZONE)


@cache
def _zones_of_country(region: str) -> Sequence[ZoneInfo]:
    names = sorted(zone for zone, territory in get_global("zone_territories").items() if territory == region)
    return _load_zones(names)


def _load_zones(names: Iterable[str]) -> Sequence[ZoneInfo]:
    """Return the zones that this machine has."""
    zones = []
    for name in names:
        try:
            zones.append(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError):
            continue
    return zones


def _first_open_moment(zones: Sequence[ZoneInfo], start: time, end: time, now: datetime) -> datetime | None:
    """Return the first moment from `now` on that is quiet in none of the zones; None if `SEARCH_WITHIN` has none."""
    moment = now
    while moment < now + SEARCH_WITHIN:
        later = max((_end_of_quiet(moment, start, end, zone) for zone in zones), default=moment)
        if later == moment:
            return moment
        moment = later
    return None


def _end_of_quiet(moment: datetime, start: time, end: time, zone: ZoneInfo) -> datetime:
    """Return the end of the quiet hours in a zone at `moment`; `moment` itself outside them."""
    local = moment.astimezone(zone)
    clock = local.time()
    over_midnight = start > end
    if not (clock >= start or clock < end if over_midnight else start <= clock < end):
        return moment
    day = local.date() + timedelta(days=1) if over_midnight and clock >= start else local.date()
    # In the night when clocks go back the end may occur twice; the first that lies ahead counts.
    ahead = (datetime.combine(day, end, zone).replace(fold=fold).astimezone(moment.tzinfo) for fold in (0, 1))
    return next((one for one in ahead if one > moment), moment)
