"""One box finds a message by its text, number, name or id; the list says how many there are and of which days."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.journal import pagination
from b24app.messaging.models import MessagePart, Sender
from b24app.messaging.models.statuses import Status
from b24app.portals.models import Portal
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice")))


def at(portal: Portal) -> str:
    return f"/p/{portal.uuid.hex}/journal/"


def texts(response: Any) -> list[str]:
    return re.findall(r'class="rowlink clip"[^>]*>\s*([^<]*?)\s*</a>', response.content.decode())


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.mark.parametrize(
    "words",
    ["walnut", "WALNUT", "the walnut", "  walnut  shelf ", "20418", "0188", "+12025550188", "(202) 555-0188", "Größe"],
)
def test_a_message_is_found_by_a_part_of_its_text_or_number(alice: Client, sender: Sender, words: str) -> None:
    factories.message(sender, text="Another text")
    factories.message(sender, text="Order 20418: the walnut shelf, GRÖßE 7", to="+12025550188")
    assert texts(alice.get(at(sender.portal), {"q": words})) == ["Order 20418: the walnut shelf, GRÖßE 7"]


@pytest.mark.parametrize("words", ["%", "_", "\\", "'", "x\0y", "𝒳", "a" * 500])
def test_signs_that_mean_something_elsewhere_are_only_signs(alice: Client, sender: Sender, words: str) -> None:
    factories.message(sender, text="plain")
    response = alice.get(at(sender.portal), {"q": words})
    assert (response.status_code, texts(response)) == (200, [])


def test_any_id_finds_its_message_however_old_it_is(alice: Client, sender: Sender) -> None:
    old = timezone.now() - timedelta(days=200)
    message = factories.message(sender, now=old, text="wanted", ref="SM4711", message_id="b24-1")
    MessagePart.objects.create(connection=sender.connection, ref="SM4712", message=message)
    factories.message(sender, text="SM47 of another")
    for one in (message.reference.hex, str(message.reference), "b24-1", "SM4711", "SM4712"):
        assert texts(alice.get(at(sender.portal), {"q": one})) == ["wanted"]
    assert texts(alice.get(at(sender.portal), {"q": uuid.uuid4().hex})) == []
    since = str(timezone.localdate() - timedelta(days=3))
    assert texts(alice.get(at(sender.portal), {"q": "SM4711", "since": since})) == []


def test_nobody_finds_what_is_not_theirs(alice: Client, bob: Client, sender: Sender) -> None:
    message = factories.message(sender, text="walnut", ref="SM4711")
    mine = factories.message(sender, text="walnut of Bob", author_id=factories.BOB)
    there = factories.portal("charlie")
    charlie = factories.visitor(there)
    for one in ("walnut", "SM4711", message.reference.hex, str(message.message_id)):
        assert texts(charlie.get(at(there), {"q": one})) == []
        assert texts(bob.get(at(sender.portal), {"q": one})) == ([mine.text] if one == "walnut" else [])


def test_a_search_looks_through_so_many_messages_at_once_and_offers_older_ones(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "MAX_SCANNED", 4)
    now = timezone.now()
    for age in range(10):
        factories.message(sender, now=now - timedelta(minutes=age), text="walnut" if age == 7 else "oak")
    page = alice.get(at(sender.portal), {"q": "walnut"})
    assert "Searched the latest 4 messages. Older messages not searched yet." in words(page)
    [older] = re.findall(r'href="[^"]*\?([^"]*)">\s*Search older messages', page.content.decode())
    assert texts(alice.get(f"{at(sender.portal)}?{older.replace('&amp;', '&')}")) == ["walnut"]


def test_the_list_says_of_how_many_it_shows_a_page(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagination, "PAGE_SIZE", 3)
    for number in range(5):
        factories.message(sender, text=f"text {number}", status=Status.SENT)
    assert "3 of 5 messages" in words(alice.get(at(sender.portal)))
    assert "1 of 1 message" in words(alice.get(at(sender.portal), {"q": "text 3"}))
    monkeypatch.setattr(pagination, "MAX_COUNTED", 4)
    assert "3 of more than 4 messages" in words(alice.get(at(sender.portal)))
    monkeypatch.setattr(pagination, "MAX_SCANNED", 4)
    assert "3 of more than 4 messages" in words(alice.get(at(sender.portal), {"status": "sent"}))


def test_the_usual_days_are_a_chip_that_can_be_taken_off(alice: Client, sender: Sender) -> None:
    factories.message(sender, now=timezone.now() - timedelta(days=90), text="old")
    page = alice.get(at(sender.portal))
    assert (texts(page), "Last 30 days" in words(page)) == ([], True)
    [link] = re.findall(
        r'class="chip__x" href="([^"]*)"\s+aria-label="Remove filter: Last 30 days"', page.content.decode()
    )
    everything = alice.get(link)
    assert (texts(everything), "chip__x" in everything.content.decode()) == (["old"], False)
    assert texts(alice.get(at(sender.portal), {"days": "nonsense"})) == []


def test_dates_are_one_chip_and_of_one_day_only_that(alice: Client, sender: Sender) -> None:
    day = timezone.localdate() - timedelta(days=3)
    page = words(alice.get(at(sender.portal), {"since": str(day), "until": str(day)}))
    assert re.search(r"Date: \w+ \d+, \d+ ", page)
    assert "Last 30 days" not in page
    assert "All time" not in page


def test_prices_of_a_page_have_one_scale(alice: Client, sender: Sender) -> None:
    for price in ("0.9", "0.00790", "12"):
        factories.message(sender, status=Status.SENT, price=price, currency="USD")
    assert re.findall(r"USD\xa0([0-9.]+)", alice.get(at(sender.portal)).content.decode()) == [
        "12.00",
        "0.01",
        "0.90",
    ]
    factories.message(sender, status=Status.SENT, price="0.5", currency="USD", text="only")
    assert "USD\xa00.50" in alice.get(at(sender.portal), {"q": "only"}).content.decode()


def test_the_service_is_named_only_where_there_are_several(alice: Client, sender: Sender) -> None:
    factories.message(sender)
    assert "<bdi>Demo" not in alice.get(at(sender.portal)).content.decode()
    other = factories.sender(factories.connection(sender.portal, "twilio"), names={"en": "Twilio of the shop"})
    factories.message(other)
    page = alice.get(at(sender.portal)).content.decode()
    assert ("<bdi>Demo" in page, "<bdi>Twilio" in page) == (True, False)


def test_the_rows_are_one_group_to_a_screen_reader(alice: Client, sender: Sender) -> None:
    for _ in range(3):
        factories.message(sender)
    assert alice.get(at(sender.portal)).content.decode().count("<tbody") == 1
