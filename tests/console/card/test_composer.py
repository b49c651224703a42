"""The composer that Bitrix24 draws: what it is told to draw, and what is sent with it."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.models import TextTemplate
from b24app.core.redis import redis_client
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.guards import StoppedNumber, StopSource
from b24app.messaging.models.statuses import Origin
from b24app.portals.crm.cards import Entity
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from tests import factories
from tests.console.card.test_card import bound, words
from tests.console.card.test_writing import DEAL, FELIX_S, HERS, at
from tests.console.frame.test_launch import launch, start_of, ticket_of

ALICE, BOB = factories.ALICE, factories.BOB

__all__ = ["bound"]  # the fixture


@pytest.fixture
def sender(db: None) -> Sender:
    redis_client().flushdb()
    return factories.sender(factories.connection(factories.portal("alice")))


def ask(client: Client, portal: Portal, user: int = BOB, entity: Entity = DEAL, /, **fields: str) -> Any:
    return client.post(at(portal, user, "composer", entity=entity), fields).json()


def form(sender: Sender, **fields: str) -> dict[str, str]:
    posted = {"to": "0", "sender": sender.uuid.hex, "text": "Your order is ready.", "when": "now", "template": ""}
    return posted | {"nonce": uuid.uuid4().hex} | fields


def test_the_portal_that_draws_it_gets_the_hidden_page_and_any_other_the_tab_in_a_slider(
    client: Client, bound: There
) -> None:
    options = {"entityTypeId": 2, "entityId": 1, "useBuiltInInterface": "Y"}
    drawn = launch(client, bound.frame(BOB, "CRM_DEAL_DETAIL_ACTIVITY", options))
    assert start_of(drawn).endswith("/composer/")
    headers = {"Authorization": f"Bearer {ticket_of(drawn)}", "HX-Request": "true", "HX-Target": "app"}
    page = Client(headers=headers).get(start_of(drawn))
    assert b"data-composer=" in page.content
    assert b"2025550142" not in page.content
    in_slider = launch(client, bound.frame(BOB, "CRM_DEAL_DETAIL_ACTIVITY", {"ID": "1"}))
    assert "/composer/" not in start_of(in_slider)
    assert "SMS with Website order" in words(Client(headers=headers).get(start_of(in_slider)))


def test_it_is_described_in_native_blocks(portal: Portal, sender: Sender, bob: Client) -> None:
    TextTemplate.objects.create(portal=portal, title="Ready", text="Hello {contact_first_name}.")
    answer = ask(bob, portal, action="draw")
    blocks = answer["layout"]["blocks"]
    assert [name for name in blocks if "obstacle" not in name] == ["to", "sender", "template", "text", "count", "when"]
    assert {block["type"] for block in blocks.values()} <= {"select", "textarea", "text", "section"}
    assert blocks["to"]["properties"]["values"]["1"] == "\u2066+1 •••-•••-••43\u2069, mobile, Felix Ford"
    assert list(blocks["template"]["properties"]["values"].values()) == ["No template", "Ready"]
    assert (answer["layout"]["primaryButton"], answer["layout"]["secondaryButton"]) == (
        {"title": "Send"},
        {"title": "Cancel"},
    )
    assert answer["state"]["to"] == "0"
    assert len(answer["state"]["nonce"]) >= 32


def test_typing_changes_only_what_depends_on_the_text(portal: Portal, sender: Sender, bob: Client) -> None:
    answer = ask(bob, portal, action="change", changed="text", **form(sender, text="a" * 161))
    assert "layout" not in answer
    states = {one["id"]: one for one in answer["states"]}
    assert set(states) == {"count", "obstacle0", "obstacle1", "obstacle2", "obstacle3"}
    assert states["count"]["properties"]["value"].startswith("2 segments")
    assert not states["obstacle0"]["visible"]


def test_a_template_is_filled_and_follows_the_number(portal: Portal, sender: Sender, bob: Client) -> None:
    template = TextTemplate.objects.create(portal=portal, title="Ready", text="Hello {contact_first_name}.")
    chosen = form(sender, text="", template=template.uuid.hex)
    answer = ask(bob, portal, action="change", changed="template", **chosen)
    assert answer["layout"]["blocks"]["text"]["properties"]["value"] == "Hello Emma."
    assert answer["state"]["text"] == "Hello Emma."
    answer = ask(bob, portal, action="change", changed="to", **chosen | {"text": "Hello Emma.", "to": "1"})
    assert answer["state"]["text"] == "Hello Felix."


def test_it_sends_once_however_often_it_is_pressed(portal: Portal, sender: Sender, bob: Client) -> None:
    posted = form(sender, to="1")
    for _ in range(2):
        answer = ask(bob, portal, action="send", **posted)
        assert answer["done"]
        assert (answer["state"]["text"], answer["state"]["to"]) == ("", "1")
        assert answer["state"]["nonce"] != posted["nonce"]
    message = Message.objects.get()
    assert (message.to, message.text, message.author_id, message.origin) == (
        FELIX_S,
        "Your order is ready.",
        BOB,
        Origin.CARD,
    )
    assert redis_client().keys("bell:drain:*")


def test_a_later_time_is_chosen_from_a_list(portal: Portal, sender: Sender, bob: Client) -> None:
    values = ask(bob, portal, action="draw")["layout"]["blocks"]["when"]["properties"]["values"]
    assert len(values) == 6
    chosen = list(values)[-1]
    assert ask(bob, portal, action="send", **form(sender, when=chosen))["done"]
    assert Message.objects.get().scheduled_at == datetime.fromisoformat(chosen)
    past = (timezone.now() - timedelta(hours=1)).isoformat()
    answer = ask(bob, portal, action="send", **form(sender, when=past))
    assert "within the next 21 days" in answer["layout"]["blocks"]["when"]["properties"]["errorText"]
    assert Message.objects.count() == 1


def test_obstacles_are_those_of_the_time_that_is_chosen(portal: Portal, sender: Sender, bob: Client) -> None:
    now = timezone.now().astimezone(ZoneInfo("America/New_York"))  # where the number is
    hour = timedelta(hours=1)
    factories.rules(portal, quiet_from=(now - hour).time(), quiet_until=(now + hour).time())
    states = ask(bob, portal, action="change", changed="text", **form(sender))["states"]
    assert [one["visible"] for one in states if one["id"] == "obstacle0"] == [True]
    later = (timezone.now() + timedelta(hours=5)).isoformat()
    states = ask(bob, portal, action="change", changed="text", **form(sender, when=later))["states"]
    assert [one["visible"] for one in states if one["id"] == "obstacle0"] == [False]


def test_a_time_that_cannot_be_read_sends_nothing(portal: Portal, sender: Sender, bob: Client) -> None:
    blocks = ask(bob, portal, action="send", **form(sender, when="soon"))["layout"]["blocks"]
    assert blocks["when"]["properties"]["errorText"] == "Choose a date and time."
    assert not Message.objects.exists()


def test_what_is_wrong_is_said_at_its_block_and_nothing_is_sent(portal: Portal, sender: Sender, bob: Client) -> None:
    blocks = ask(bob, portal, action="send", **form(sender, text=" "))["layout"]["blocks"]
    assert blocks["text"]["properties"]["errorText"] == "Enter a text."
    blocks = ask(bob, portal, action="send", **form(sender, to="9"))["layout"]["blocks"]
    assert blocks["to"]["properties"]["errorText"] == "Select an option from the list."
    StoppedNumber.objects.create(portal=portal, number=HERS, source=StopSource.HAND)
    blocks = ask(bob, portal, action="send", **form(sender))["layout"]["blocks"]
    assert "opt-out list" in blocks["to"]["properties"]["errorText"]
    assert blocks["obstacle0"]["properties"]["type"] == "danger"
    assert not Message.objects.exists()


def test_without_a_number_or_a_sender_it_says_so(portal: Portal, sender: Sender, bob: Client) -> None:
    empty = Entity(2, 1, "Website order", ())
    layout = ask(bob, portal, BOB, empty, action="draw")["layout"]
    assert "Add a phone number" in layout["blocks"]["count"]["properties"]["value"]
    assert "primaryButton" not in layout
    Sender.objects.update(paused_at=timezone.now())
    assert (
        "active sender"
        in ask(bob, portal, action="send", **form(sender))["layout"]["blocks"]["count"]["properties"]["value"]
    )
    assert not Message.objects.exists()


@pytest.mark.parametrize("action", ["draw", "change", "send", "", "nothing"])
def test_nonsense_is_survived(portal: Portal, sender: Sender, bob: Client, action: str) -> None:
    odd = {"to": "²", "sender": "x", "template": "x", "text": "\x00" * 9, "when": "soon", "nonce": "x"}
    answer = bob.post(at(portal, BOB, "composer"), {"action": action, "changed": "to", **odd})
    assert answer.status_code == 200
    assert not Message.objects.exists()
