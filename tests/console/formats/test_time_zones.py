"""Zones by the names of their cities: offered, described, read back."""

from datetime import UTC, datetime
from zoneinfo import available_timezones

import pytest
from django.utils import translation

from b24app.console.formats import time_zones
from b24app.portals.languages import DJANGO_CODES

WINTER, SUMMER = datetime(2026, 11, 30, 12, tzinfo=UTC), datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_each_offered_zone_is_a_present_one_and_none_comes_twice() -> None:
    assert len(time_zones.OFFERED) == len(set(time_zones.OFFERED)) == 168
    for zone in time_zones.OFFERED:
        assert zone in available_timezones(), zone
        assert time_zones.canonical_id(zone) == zone
        assert zone == "UTC" or zone in time_zones._known_zones()


@pytest.mark.parametrize("language", sorted(DJANGO_CODES.values()))
def test_no_two_offered_cities_are_called_the_same_and_each_label_is_read_back(language: str) -> None:
    with translation.override(language):
        zones = time_zones.offered_zones(WINTER)
        assert len({zone.city for zone in zones}) == len(zones)
        for zone in zones:
            assert time_zones.parse_zone(zone.label) == zone.id, zone
            assert time_zones.parse_zone(f"  {zone.city} ") == zone.id, zone


@pytest.mark.parametrize(
    ("language", "zone", "city"),
    [
        ("en", "Asia/Almaty", "Almaty"),
        ("ru", "Asia/Almaty", "Алматы"),
        ("ru", "Asia/Kolkata", "Калькутта"),
        ("ru", "Asia/Calcutta", "Калькутта"),
        ("uk", "Europe/Kiev", "Київ"),
        ("de", "Europe/Kyiv", "Kiew"),
        ("ar", "America/New_York", "نيويورك"),
        ("en", "America/Indianapolis", "Indianapolis"),
        ("en", "Asia/Ho_Chi_Minh", "Ho Chi Minh City"),
        ("de", "UTC", "UTC"),
        ("de", "Etc/UTC", "UTC"),
        ("de", "Etc/GMT-6", "UTC+6"),
    ],
)
def test_a_zone_is_called_by_its_city_in_the_readers_language(language: str, zone: str, city: str) -> None:
    with translation.override(language):
        assert time_zones.city_name(zone) == city


@pytest.mark.parametrize(
    ("zone", "at", "offset"),
    [
        ("Asia/Almaty", WINTER, "UTC+5"),
        ("Asia/Kolkata", WINTER, "UTC+5:30"),
        ("America/St_Johns", WINTER, "UTC-3:30"),
        ("America/New_York", WINTER, "UTC-5"),
        ("America/New_York", SUMMER, "UTC-4"),
        ("Europe/London", WINTER, "UTC"),
        ("UTC", WINTER, "UTC"),
        ("Mars/Olympus", WINTER, "UTC"),
    ],
)
def test_the_offset_is_that_of_the_moment(zone: str, at: datetime, offset: str) -> None:
    assert time_zones.utc_offset(zone, at) == offset


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Asia/Almaty", "Asia/Almaty"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("Алматы (UTC+5)", "Asia/Almaty"),
        ("Алматы (UTC+6)", "Asia/Almaty"),  # shown before the clocks changed
        ("алматы", "Asia/Almaty"),
        ("almaty", "Asia/Almaty"),  # in English too
        ("new york", "America/New_York"),
        ("Нью-Йорк", "America/New_York"),
        ("barnaul", "Asia/Barnaul"),  # not offered, yet known
        ("UTC", "UTC"),
        ("gmt", "UTC"),
        ("Лондон (UTC)", "Europe/London"),
    ],
)
def test_a_city_a_label_and_an_id_are_understood(typed: str, zone: str) -> None:
    with translation.override("ru"):
        assert time_zones.parse_zone(typed) == zone


@pytest.mark.parametrize(
    "typed", ["", "Mars/Olympus", "Atlantis", "(UTC+5)", "UTC+5", "../etc/passwd", "\x00", "a" * 5000]
)
def test_what_is_no_zone_is_refused(typed: str) -> None:
    with pytest.raises(time_zones.UnknownZone):
        time_zones.parse_zone(typed)


def test_a_zone_that_is_not_offered_is_offered_where_it_is_in_use() -> None:
    def ids(also: str) -> list[str]:
        return [zone.id for zone in time_zones.offered_zones(WINTER, also)]

    assert "Etc/GMT-6" in ids("Etc/GMT-6")
    assert "Asia/Barnaul" in ids("Asia/Barnaul")
    assert len(ids("Asia/Almaty")) == len(ids("Asia/Calcutta")) == len(time_zones.OFFERED)
    assert ids("")[0] == "UTC"
