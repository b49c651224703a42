"""Settings: the portal's, and each visitor's own."""

import json
import re
from datetime import timedelta

import pytest

from b24app.console.formats.time_zones import OFFERED
from b24app.console.models import Preference
from b24app.messaging.models.notices import NoticeRules
from b24app.portals.models import Portal
from tests import factories
from tests.console.settings.page_forms import read_form
from tests.factories import ALICE, BOB

pytestmark = pytest.mark.django_db

DAYS = {"keep_texts": 60, "keep_messages": 400, "keep_exchanges": 14}
LIMITS = {"failure_percent": "50", "failure_messages": "20"}
GOOD = {"country": "KZ", "time_zone": "Asia/Almaty", "language": "ru", "hide_numbers": "on", **DAYS, **LIMITS}


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
    assert portal.region_set_at is not None
    kept = (portal.keep_texts, portal.keep_messages, portal.keep_exchanges)
    assert kept == (timedelta(days=60), timedelta(days=400), timedelta(days=14))
    mine = Preference.objects.get()
    assert (mine.user_id, mine.language, mine.theme) == (ALICE, "ru", "light")

    page = alice.get(url).content.decode()
    shown = read_form(page, "settings")
    assert (shown["country"], shown["time_zone"], shown["language"]) == (["KZ"], ["Алматы (UTC+5)"], ["ru"])
    assert {name: shown[name] for name in DAYS} == {name: [str(days)] for name, days in DAYS.items()}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "XX"),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", ""),
        ("language", "tlh"),
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


@pytest.mark.parametrize("zone", ["Etc/GMT-6", "Asia/Calcutta", "Asia/Barnaul", "Europe/Kiev", "UTC"])
def test_saving_one_thing_leaves_the_time_zone_alone_whatever_it_is(zone: str) -> None:
    portal = factories.portal(country="US", time_zone=zone)
    alice, url = factories.visitor(portal), f"/p/{portal.uuid.hex}/settings/"
    typed = read_form(alice.get(url).content.decode(), "settings")
    answer = alice.post(url, typed | {"keep_texts": ["60"]})
    portal.refresh_from_db()
    assert "Settings saved" in answer["HX-Trigger"]
    assert (portal.keep_texts, portal.keep_messages, portal.time_zone) == (
        timedelta(days=60),
        timedelta(days=365),
        zone,
    )
    assert portal.region_set_at is None
    assert not Preference.objects.exists()
    assert not NoticeRules.objects.exists()


def test_what_another_administrator_changed_meanwhile_stays(portal: Portal) -> None:
    alice, url = factories.visitor(portal), f"/p/{portal.uuid.hex}/settings/"
    typed = read_form(alice.get(url).content.decode(), "settings")
    Portal.objects.filter(pk=portal.pk).update(
        country="KZ", time_zone="Asia/Almaty", hide_numbers=False, keep_messages=timedelta(days=700)
    )
    alice.post(url, typed | {"keep_exchanges": ["10"]})
    portal.refresh_from_db()
    assert (portal.country, portal.time_zone, portal.hide_numbers) == ("KZ", "Asia/Almaty", False)
    assert (portal.keep_messages, portal.keep_exchanges) == (timedelta(days=700), timedelta(days=10))


def test_what_was_typed_stays_in_the_page_beside_the_mistake(portal: Portal) -> None:
    alice, url = factories.visitor(portal), f"/p/{portal.uuid.hex}/settings/"
    typed = read_form(alice.get(url).content.decode(), "settings")
    page = alice.post(url, typed | {"country": ["KZ"], "time_zone": ["Atlantis"]}).content.decode()
    again = read_form(page, "settings")
    assert (again["country"], again["time_zone"]) == (["KZ"], ["Atlantis"])
    assert "Choose a city from the list." in page
    alice.post(url, again | {"time_zone": ["almaty"]})
    portal.refresh_from_db()
    assert (portal.country, portal.time_zone) == ("KZ", "Asia/Almaty")


def test_cities_are_offered_in_the_readers_language(portal: Portal) -> None:
    portal.time_zone = "Asia/Barnaul"
    portal.save()
    page = factories.visitor(portal, language="ru").get(f"/p/{portal.uuid.hex}/settings/").content.decode()
    cities = re.findall(r'<option value="([^"]+)">', page.split("<datalist")[1].split("</datalist>")[0])
    assert len(cities) == len(OFFERED) + 1
    assert {"UTC", "Барнаул (UTC+7)", "Алматы (UTC+5)", "Калькутта (UTC+5:30)"} <= set(cities)
    assert not any("/" in city or "_" in city for city in cities)


def test_countries_stand_where_readers_look_for_them(portal: Portal) -> None:
    page = factories.visitor(portal, language="de").get(f"/p/{portal.uuid.hex}/settings/").content.decode()
    select = re.search(r'<select name="country"(.*?)</select>', page, re.DOTALL)
    assert select
    countries = re.findall(r"<option[^>]*>([^<]*)</option>", select[1])
    at = countries.index("Österreich (+43)")
    assert (countries[at - 1], countries[at + 1]) == ("Oman (+968)", "Pakistan (+92)")


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
    assert "Times in Almaty, UTC+5" in page


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
    assert wanted == ["general", "keeping", "notify", "texts", "guards", "personal", "changes"]
    for name in wanted:
        assert f'id="{name}"' in page
