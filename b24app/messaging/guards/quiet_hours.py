"""Quiet hours by the recipient's clock, as far as the number tells where they are."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global
from phonenumbers import phonenumberutil as metadata
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number

FAR = timedelta(hours=48)  # zones that leave no common hour open within it never will


def quiet_until(number: str, start: time, end: time, home: ZoneInfo, now: datetime) -> datetime | None:
    """When the quiet hours end that hold now where the number (E.164) may be; None: it is not quiet there.

    `start` and `end` are of the wall clock, over midnight when `start` is the later; equal ones are no quiet hours.
    Where several zones are possible it is quiet while it is in any of them. An unknown place has the clock of `home`,
    and so has a country so wide that it is always quiet somewhere.
    """
    if start == end:
        return None
    opens = _open_everywhere(zones_of(number) or [home], start, end, now)
    if opens is None:
        opens = _open_everywhere([home], start, end, now)
    return opens if opens is not None and opens > now else None


def zones_of(number: str) -> Sequence[ZoneInfo]:
    """The zones a number may be in; empty when nothing is known.

    Where the number itself names several, all of its country count: the tables give them for a whole country code, so
    that +7 would put Kazakhstan's numbers to Kamchatka.
    """
    try:
        parsed = metadata.parse(number)
    except metadata.NumberParseException:
        return []
    told = time_zones_for_number(parsed)
    if len(told) == 1 and told[0] != UNKNOWN_TIMEZONE:
        return _known(told)
    region = metadata.region_code_for_number(parsed) or ""
    country = _zones_of_country(region) if region.isalpha() else []  # "001" are satellites and the like
    return country or _known(name for name in told if name != UNKNOWN_TIMEZONE)


@cache
def _zones_of_country(region: str) -> Sequence[ZoneInfo]:
    return _known(sorted(zone for zone, territory in get_global("zone_territories").items() if territory == region))


def _known(names: Iterable[str]) -> Sequence[ZoneInfo]:
    found = []
    for name in names:
        try:
            found.append(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError):
            continue
    return found


def _open_everywhere(zones: Sequence[ZoneInfo], start: time, end: time, now: datetime) -> datetime | None:
    """The first moment from now on that is quiet in none of the zones; None when there is none before `FAR`."""
    moment = now
    while moment < now + FAR:
        later = max((_end(moment, start, end, zone) for zone in zones), default=moment)
        if later == moment:
            return moment
        moment = later
    return None


def _end(moment: datetime, start: time, end: time, zone: ZoneInfo) -> datetime:
    """The end of the quiet hours that hold at a moment in a zone; the moment itself when none hold."""
    local = moment.astimezone(zone)
    clock = local.time()
    over_midnight = start > end
    if not (clock >= start or clock < end if over_midnight else start <= clock < end):
        return moment
    day = local.date() + timedelta(days=1) if over_midnight and clock >= start else local.date()
    # In the night when clocks go back the end may come twice; the first that lies ahead counts.
    ahead = (datetime.combine(day, end, zone).replace(fold=fold).astimezone(moment.tzinfo) for fold in (0, 1))
    return next((one for one in ahead if one > moment), moment)
