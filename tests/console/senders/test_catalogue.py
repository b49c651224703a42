"""The catalogue of services: its order, its cards, its search, its countries."""

import re
from typing import Any

import phonenumbers
import pytest
from django.test import Client
from django.utils import translation

from b24app.console.formats.countries import find_country, list_countries
from b24app.console.senders.catalogue import ServiceInfo
from b24app.portals.models import Portal
from providers.kit import registry
from tests import factories

pytestmark = pytest.mark.django_db

SERVICES = list(registry.services().values())


@pytest.fixture
def portal(alpha: Portal) -> Portal:
    return alpha


def open_catalogue(client: Client, portal: Portal, **query: str) -> str:
    response = client.get(f"/p/{portal.uuid.hex}/senders/connect/", query)
    assert response.status_code == 200
    return response.content.decode()


def shelves_of(html: str) -> dict[str, list[str]]:
    """Return the services of each group by its title, in the order of the page."""
    sections = re.findall(r'<h2 class="shelf__title"[^>]*>\s*(.*?)\s*<small>(.*?)</section>', html, re.DOTALL)
    return {title: re.findall(r"<h3><a [^>]*>([^<]+)</a>", rest) for title, rest in sections}


def cards_of(html: str) -> dict[str, str]:
    """Return what each card says below its name."""
    found = {}
    for card in re.findall(r'<li class="service">(.*?</ul>.*?)</li>\s*(?=<li class="service">|</ul>)', html, re.DOTALL):
        name = re.findall(r"<h3><a [^>]*>([^<]+)</a>", card)[0]
        found[name] = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", card.split("</h3>")[1])).strip()
    return found


def card_of(code: str, country: str = "") -> tuple[str, ...]:
    return ServiceInfo.from_provider(registry.get(code), country).facts


# -- order


def test_firms_in_russia_find_their_services_first_and_world_wide_ones_after_them(
    alice: Client, portal: Portal
) -> None:
    shelves = shelves_of(open_catalogue(alice, portal, country="RU"))
    assert list(shelves) == ["Suggested for Russia", "International", "Other countries", "For your own equipment"]
    assert shelves["Suggested for Russia"] == ["SMS.ru", "SMSC", "SMS Aero"]
    assert shelves["International"][:3] == ["Twilio", "Infobip", "Vonage"]


def test_in_the_united_states_twilio_stands_before_the_api_for_carriers(alice: Client, portal: Portal) -> None:
    shelves = shelves_of(open_catalogue(alice, portal, country="US"))
    assert shelves["Suggested for United States"] == ["Twilio", "Plivo", "Telnyx", "Vonage", "Bandwidth"]
    assert "Twilio" not in shelves["International"]


def test_a_country_without_services_of_its_own_sees_the_popular_ones_first(alice: Client, portal: Portal) -> None:
    shelves = shelves_of(open_catalogue(alice, portal, country="FR"))
    assert next(iter(shelves)) == "International"
    assert shelves["International"][0] == "Twilio"
    others = shelves["Other countries"]
    assert others == sorted(others, key=str.casefold)


def test_own_equipment_is_a_group_of_its_own(alice: Client, portal: Portal) -> None:
    shelves = shelves_of(open_catalogue(alice, portal, country=""))
    assert sorted(shelves["For your own equipment"]) == sorted(["Apprise", "Custom HTTP gateway", "Kannel", "SMPP"])


@pytest.mark.parametrize("country", ["", "RU", "US", "DE", "FR", "AQ"])
def test_every_service_stands_in_the_catalogue_once(alice: Client, portal: Portal, country: str) -> None:
    shelves = shelves_of(open_catalogue(alice, portal, country=country))
    shown = [name for names in shelves.values() for name in names]
    assert len(shown) == len(set(shown)) == len([one for one in SERVICES if not one.pretends])


def test_the_country_of_the_portal_is_chosen_already(alice: Client, portal: Portal) -> None:
    Portal.objects.filter(pk=portal.pk).update(country="KZ")
    html = open_catalogue(alice, portal)
    assert '<option value="KZ" selected>Kazakhstan</option>' in html
    assert shelves_of(html)["Suggested for Kazakhstan"] == ["Mobizon", "SMSC"]


def test_all_countries_can_be_chosen_in_the_reader_s_language() -> None:
    assert {code for code, _name in list_countries()} == phonenumbers.SUPPORTED_REGIONS
    with translation.override("de"):
        countries = list_countries()
    assert ("FR", "Frankreich") in countries
    names = [name for _code, name in countries]
    assert names.index("Oman") < names.index("Österreich") < names.index("Zypern")


# -- cards


@pytest.mark.parametrize("country", ["", "RU", "DE"])
def test_no_two_cards_read_the_same(alice: Client, portal: Portal, country: str) -> None:
    cards = cards_of(open_catalogue(alice, portal, country=country))
    assert len(cards) == len([one for one in SERVICES if not one.pretends])
    assert len(set(cards.values())) == len(cards)


def test_a_card_tells_countries_reports_and_sender_ids() -> None:
    assert card_of("twilio") == ("Worldwide", "Delivery reports without setup", "Sender ID: number or name")
    assert card_of("smsc") == (
        "Russia, Kazakhstan, Ukraine and 3 more countries",
        "Delivery reports after one setup step",
        "Sender ID: approved name",
    )
    assert card_of("bandwidth") == (
        "United States, Canada",
        "Delivery reports after one setup step",
        "Sender ID: number only",
    )
    assert card_of("netgsm")[1] == "Delivery status requested by Sendline"
    assert card_of("whatsapp")[0] == "Channel: WhatsApp"
    assert card_of("apprise")[1] == "No delivery reports"
    assert card_of("smpp")[1] == "Delivery reports over the same connection"
    assert card_of("http")[1] == "Delivery reports if your gateway sends them"


@pytest.mark.parametrize(
    ("language", "countries"),
    [
        ("de", "Russland, Kasachstan, Ukraine"),
        ("ru", "Россия, Казахстан, Украина"),
        ("ja", "ロシア、カザフスタン、ウクライナ"),
        ("ar", "روسيا وكازاخستان وأوكرانيا"),
    ],
)
def test_countries_are_listed_as_the_reader_s_language_does(language: str, countries: str) -> None:
    with translation.override(language):
        assert card_of("smsc")[0].startswith(countries)


def test_cards_can_be_read_in_every_language(settings: Any) -> None:
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            assert all(card_of(one.code) for one in SERVICES), language


def test_the_country_that_was_chosen_is_named_first() -> None:
    assert card_of("smsc", "UZ")[0] == "Uzbekistan, Russia, Kazakhstan and 3 more countries"
    assert card_of("smsc", "US")[0] == "Russia, Kazakhstan, Ukraine and 3 more countries"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.code)
def test_a_card_promises_only_what_the_code_does(service: Any) -> None:
    facts = " ".join(ServiceInfo.from_provider(service).facts)
    names_our_address = any("{report_url}" in step.text + step.url for step in service.setup)
    if "requested by Sendline" in facts:
        assert service.can("look_up")
    if "after one setup step" in facts:
        assert names_our_address
    if "without setup" in facts:
        assert not names_our_address
    assert "repl" not in facts  # nothing in Sendline reads what people answer


def test_a_warning_stands_only_on_what_is_not_verified() -> None:
    warnings = {one.code: str(ServiceInfo.from_provider(one).warning) for one in SERVICES}
    warned = {code: words for code, words in warnings.items() if words}
    assert warned == dict.fromkeys(("apprise", "unifonic"), "Not fully verified yet. Send a test message first.")


def test_a_mark_is_decoration_drawn_in_the_page(alice: Client, portal: Portal) -> None:
    html = open_catalogue(alice, portal)
    tiles = re.findall(r'<span class="tile [^>]*>\s*(.*?)\s*</span>', html, re.DOTALL)
    assert len(tiles) == len(SERVICES)
    assert len({re.findall(r' d="([^"]+)"', one)[0] for one in tiles}) == len(tiles)
    assert "aria-hidden" in re.findall(r'<span class="tile [^>]*>', html)[0]


def test_the_page_stays_small(alice: Client, portal: Portal) -> None:
    assert len(open_catalogue(alice, portal, country="RU").encode()) < 60_000


# -- search


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("twil", ["Twilio"]),
        ("NEXMO", ["Vonage"]),
        ("смс центр", ["SMSC"]),
        ("signalwire", ["Twilio"]),
        ("46 elks", ["46elks"]),
        ("http gate", ["Custom HTTP gateway"]),
    ],
)
def test_a_service_is_found_by_its_names_former_ones_too(
    alice: Client, portal: Portal, query: str, found: list[str]
) -> None:
    shelves = shelves_of(open_catalogue(alice, portal, q=query))
    assert [name for names in shelves.values() for name in names] == found


def test_services_are_found_by_the_name_of_a_country(alice: Client, portal: Portal) -> None:
    shelves = shelves_of(open_catalogue(alice, portal, q="uzbek"))
    assert shelves["Suggested for Uzbekistan"] == ["Eskiz", "Play Mobile", "Mobizon", "SMSC"]
    assert "Other countries" not in shelves


def test_a_country_is_known_by_its_name_in_the_reader_s_language_and_in_english() -> None:
    with translation.override("ru"):
        assert (find_country("Казахст"), find_country("germany"), find_country("Нигер")) == ("KZ", "DE", "NE")
    assert (find_country("united"), find_country("in"), find_country("nowhere")) == ("", "", "")


def test_a_search_changes_the_shelves_alone_and_tells_how_many_there_are(alice: Client, portal: Portal) -> None:
    response = alice.get(
        f"/p/{portal.uuid.hex}/senders/connect/", {"q": "twil"}, headers={"HX-Target": "shelves"}
    ).content.decode()
    assert "<h1" not in response
    assert shelves_of(response) == {"International": ["Twilio"]}
    assert re.search(r'id="found" role="status" hx-swap-oob="true">\s*1 service found', response)


def test_whose_service_is_missing_is_led_to_the_http_gateway(alice: Client, portal: Portal) -> None:
    gateway = f'href="/p/{portal.uuid.hex}/senders/connect/http/"'
    html = open_catalogue(alice, portal)
    assert html.index("Your service is not listed?") < html.rindex(gateway)
    html = open_catalogue(alice, portal, q="<b>nobody")
    assert "No matching services" in html
    assert "“&lt;b&gt;nobody”" in html
    assert gateway in html


def test_bob_and_charlie_see_nothing_of_it(alice: Client, portal: Portal) -> None:
    factories.connection(portal, title="Begun by Alice")
    assert "Unfinished setup: Begun by Alice" in open_catalogue(alice, portal)
    bob = factories.visitor(portal, factories.BOB, is_admin=False)
    refused = bob.get(f"/p/{portal.uuid.hex}/senders/connect/")
    assert refused.status_code == 403
    assert "Twilio" not in refused.content.decode()
    charlies = factories.portal("charlie")
    charlie = factories.visitor(charlies, factories.CHARLIE)
    assert "Begun by Alice" not in open_catalogue(charlie, charlies)
