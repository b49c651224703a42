"""Country and time zone: asked while they are missing, suggested by the browser, and never asked again."""

import re
from typing import Any

import pytest
from django.utils import timezone

from b24app.console.frame.screen import address
from b24app.portals.models import Portal
from tests import factories
from tests.factories import BOB

pytestmark = pytest.mark.django_db

QUESTION = "Until they are set, phone numbers without a country code are rejected"


@pytest.fixture
def portal() -> Portal:
    return factories.portal(country="", language="la")


def home(portal: Portal, zone: str = "", **visitor: Any) -> str:
    client = factories.visitor(portal, **visitor)
    answer = client.get(address(portal, "home"), headers={"Sendline-Zone": zone} if zone else {})
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def chosen(page: str) -> list[str]:
    return re.findall(r'<option value="([^"]*)" selected>', page)


def region(portal: Portal) -> tuple[str, str, bool]:
    portal.refresh_from_db()
    return portal.country, portal.time_zone, portal.has_region


@pytest.mark.parametrize(
    ("zone", "language", "suggested"),
    [
        ("America/Bogota", "la", ["CO", "America/Bogota"]),
        ("Asia/Calcutta", "en", ["IN", "Asia/Kolkata"]),  # an old id of a browser
        ("America/Argentina/Ushuaia", "la", ["AR", "America/Argentina/Ushuaia"]),  # none of those that are offered
        ("UTC", "ru", ["RU", "UTC"]),
        ("../../etc/passwd", "en", ["", "UTC"]),
        ("", "de", ["DE", "UTC"]),
    ],
)
def test_the_browser_s_zone_and_the_language_suggest_both(
    portal: Portal, zone: str, language: str, suggested: list[str]
) -> None:
    Portal.objects.update(language=language)
    page = home(portal, zone)
    assert QUESTION in page
    assert chosen(page) == suggested
    assert region(portal) == ("", "UTC", False)  # nothing is stored before somebody says so


def test_it_is_asked_on_the_first_screen_and_later_until_it_is_answered(portal: Portal) -> None:
    assert "Connect your account with an SMS service" in home(portal)
    factories.sender(factories.connection(portal))
    assert QUESTION in home(portal)
    client = factories.visitor(portal)
    answer = client.post(address(portal, "region"), {"country": "CO", "time_zone": "America/Bogota"})
    assert "Country and time zone saved" in answer["HX-Trigger"]
    assert region(portal) == ("CO", "America/Bogota", True)
    assert QUESTION not in home(portal)


def test_utc_and_no_country_may_be_chosen_and_are_not_asked_again(portal: Portal) -> None:
    factories.visitor(portal).post(address(portal, "region"), {"country": "", "time_zone": "UTC"})
    assert region(portal) == ("", "UTC", True)
    assert QUESTION not in home(portal)


def test_a_zone_that_the_portal_has_is_kept_as_the_suggestion(portal: Portal) -> None:
    Portal.objects.update(time_zone="Asia/Almaty")
    assert chosen(home(portal, "Europe/Berlin")) == ["KZ", "Asia/Almaty"]


@pytest.mark.parametrize("posted", [{}, {"country": "XX", "time_zone": "UTC"}, {"country": "US", "time_zone": "Mars"}])
def test_what_is_no_choice_changes_nothing(portal: Portal, posted: dict[str, str]) -> None:
    answer = factories.visitor(portal).post(address(portal, "region"), posted)
    assert "Choose a country and a time zone from the lists" in answer["HX-Trigger"]
    assert region(portal) == ("", "UTC", False)


def test_employees_are_not_asked_and_cannot_answer(portal: Portal) -> None:
    assert QUESTION not in home(portal, user_id=BOB, is_admin=False)
    bob = factories.visitor(portal, BOB, is_admin=False)
    assert bob.post(address(portal, "region"), {"country": "CO", "time_zone": "America/Bogota"}).status_code == 403
    assert region(portal) == ("", "UTC", False)


def test_a_portal_that_has_both_is_not_asked() -> None:
    assert QUESTION not in home(factories.portal(time_zone="America/New_York"))
    confirmed = factories.portal(region_set_at=timezone.now())
    assert QUESTION not in home(confirmed)
