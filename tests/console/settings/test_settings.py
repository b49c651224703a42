"""Settings: the portal's, and each visitor's own."""

import json
import re
from datetime import timedelta

import pytest

from b24app.console.models import Preference
from b24app.portals.models import Portal
from tests import factories
from tests.factories import ALICE, BOB

pytestmark = pytest.mark.django_db

DAYS = {"keep_texts": 60, "keep_messages": 400, "keep_exchanges": 14}
GOOD = {"country": "KZ", "time_zone": "Asia/Almaty", "language": "ru", "theme": "dark", "hide_numbers": "on", **DAYS}


@pytest.fixture
def portal() -> Portal:
    return factories.portal(country="US")


def test_what_is_saved_shows_and_the_frame_is_renewed(portal: Portal) -> None:
    alice = factories.visitor(portal)
    url = f"/p/{portal.uuid.hex}/settings/"
    answer = alice.post(url, GOOD)
    portal.refresh_from_db()
    assert answer.status_code == 200
    assert json.loads(answer["HX-Location"]) == {"path": url, "target": "#app", "swap": "innerHTML"}
    assert "toast" in json.loads(answer["HX-Trigger"])
    assert (portal.country, portal.time_zone) == ("KZ", "Asia/Almaty")
    kept = (portal.keep_texts, portal.keep_messages, portal.keep_exchanges)
    assert kept == (timedelta(days=60), timedelta(days=400), timedelta(days=14))
    mine = Preference.objects.get()
    assert (mine.user_id, mine.language, mine.theme) == (ALICE, "ru", "dark")

    page = alice.get(url).content.decode()
    for chosen in ("KZ", "Asia/Almaty", "ru", "dark"):
        assert f'<option value="{chosen}" selected>' in page
    for name, days in DAYS.items():
        assert f'name="{name}" value="{days}"' in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "XX"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", ""),
        ("language", "tlh"),
        ("theme", "loud"),
        ("keep_texts", 7),  # a message may wait for a week
        ("keep_texts", 401),  # longer than the messages
        ("keep_texts", ""),
        ("keep_messages", 29),  # its key guards against the same handler call
        ("keep_messages", 1826),
        ("keep_exchanges", 2),  # the market asks for three
        ("keep_exchanges", 91),
    ],
)
def test_a_wrong_value_is_said_beside_its_field_and_nothing_is_saved(portal: Portal, field: str, value: object) -> None:
    answer = factories.visitor(portal).post(f"/p/{portal.uuid.hex}/settings/", GOOD | {field: value})
    page = answer.content.decode()
    portal.refresh_from_db()
    assert answer.status_code == 200
    assert f'id="id_{field}_error"' in page
    assert 'aria-invalid="true"' in page
    assert "HX-Location" not in answer
    assert (portal.country, portal.time_zone, portal.keep_texts) == ("US", "UTC", timedelta(days=90))
    assert not Preference.objects.exists()


def test_an_employee_may_only_choose_the_look(portal: Portal) -> None:
    bob = factories.visitor(portal, BOB, is_admin=False)
    assert bob.post(f"/p/{portal.uuid.hex}/settings/", GOOD).status_code == 403
    assert bob.post(f"/p/{portal.uuid.hex}/theme/", {"theme": "system"}).status_code == 204
    assert bob.post(f"/p/{portal.uuid.hex}/theme/", {"theme": "loud"}).status_code == 204
    portal.refresh_from_db()
    assert portal.country == "US"
    assert Preference.objects.get(portal=portal, user_id=BOB).theme == "system"


def test_times_are_in_the_portals_zone(portal: Portal) -> None:
    Portal.objects.filter(pk=portal.pk).update(time_zone="Asia/Almaty")
    ticket = factories.visitor(portal)
    page = ticket.get(f"/p/{portal.uuid.hex}/", headers={"HX-Target": "app"}).content.decode()
    assert "Time zone: Asia/Almaty" in page


@pytest.mark.parametrize("hidden", [True, False])
def test_employees_see_whole_numbers_only_where_that_was_allowed(portal: Portal, hidden: bool) -> None:
    message = factories.message(factories.sender(factories.connection(portal)), author_id=BOB)
    alice, bob = factories.visitor(portal), factories.visitor(portal, BOB, is_admin=False)
    assert portal.hide_numbers is True
    alice.post(f"/p/{portal.uuid.hex}/settings/", GOOD | ({} if hidden else {"hide_numbers": ""}))
    portal.refresh_from_db()
    assert portal.hide_numbers is hidden
    for path in ("journal/", f"journal/{message.reference}/"):
        at = f"/p/{portal.uuid.hex}/{path}"
        assert ("+1 202-555-0147" in bob.get(at).content.decode()) is not hidden
        assert "+1 202-555-0147" in alice.get(at).content.decode()


def test_the_contents_lead_to_sections_that_exist(portal: Portal) -> None:
    page = factories.visitor(portal).get(f"/p/{portal.uuid.hex}/settings/").content.decode()
    wanted = re.findall(r'href="#([a-z]+)"', page)
    assert wanted == ["general", "keeping", "guards", "notify", "personal"]
    for name in wanted:
        assert f'id="{name}"' in page
