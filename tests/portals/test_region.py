"""A portal's region, from the administrator's profile in the sandbox."""

import pytest
from django.utils import timezone

from b24app.portals import region
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from tests.portals.launches import asked


def test_zone_and_country_come_from_the_profile(portal: Portal) -> None:
    region.detect_region(portal)
    portal.refresh_from_db()
    assert (portal.time_zone, portal.country) == ("America/New_York", "US")


@pytest.mark.parametrize("zone", ["", "Atlantis/Poseidonis", "../etc/passwd"])
def test_without_a_zone_the_country_is_guessed_from_the_portals_language(
    portal: Portal,
    alpha: There,
    zone: str,
) -> None:
    alpha.set_user(1, time_zone=zone)
    portal.language = "kz"
    portal.save()
    region.detect_region(portal)
    portal.refresh_from_db()
    assert (portal.time_zone, portal.country) == ("UTC", "KZ")


def test_a_language_of_many_countries_leaves_it_open(portal: Portal, alpha: There) -> None:
    alpha.set_user(1, time_zone="")
    portal.language = "la"
    portal.save()
    region.detect_region(portal)
    assert portal.country == ""


def test_what_somebody_has_chosen_stays(portal: Portal) -> None:
    portal.country, portal.time_zone = "KZ", "Asia/Almaty"
    portal.save()
    region.detect_region(portal)
    portal.refresh_from_db()
    assert (portal.time_zone, portal.country) == ("Asia/Almaty", "KZ")


def test_a_confirmed_utc_without_a_country_stays(portal: Portal, alpha: There) -> None:
    Portal.objects.filter(pk=portal.pk).update(region_set_at=timezone.now())
    portal.refresh_from_db()
    region.detect_region(portal)
    portal.refresh_from_db()
    assert (portal.time_zone, portal.country) == ("UTC", "")
    assert asked(alpha, "profile") == []
