"""Sending a test message and watching its progress."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.core.redis import redis_client
from b24app.messaging.models import DayTally, Message, Sender, SenderState
from b24app.messaging.models.statuses import Origin, Phase, Status
from b24app.portals.models import Portal
from b24app.sandbox import Sandbox
from tests import factories
from tests.messaging.steps import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    redis_client().flushdb()
    return factories.sender(factories.connection(factories.portal("alice"), "demo"))


def at(portal: Portal, path: str) -> str:
    return f"/p/{portal.uuid.hex}/senders/{path}"


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def send(client: Client, sender: Sender, to: str = "+1 202 555 0147", text: str = "Hello") -> Any:
    return client.post(at(sender.portal, f"{sender.uuid}/test/"), {"to": to, "text": text})


def test_a_test_is_stored_and_its_life_line_moves(alice: Client, sender: Sender) -> None:
    response = send(alice, sender)
    message = Message.objects.get()
    assert (message.origin, message.to, message.text, message.author_id) == (
        Origin.TEST,
        "+12025550147",
        "Hello",
        factories.ALICE,
    )
    assert message.message_id is None
    assert "Accepted by Sendline" in words(response)
    assert at(sender.portal, f"tests/{message.reference}/") in response.content.decode()
    sender.refresh_from_db()
    assert sender.tested_at is not None


def test_the_line_ends_with_the_message(alice: Client, sender: Sender) -> None:
    send(alice, sender)
    message = Message.objects.get()
    progress = at(sender.portal, f"tests/{message.reference}/")
    assert "every 1s" in alice.get(progress).content.decode()
    now = timezone.now()
    Message.objects.filter(pk=message.pk).update(
        status=Status.DELIVERED, phase=Phase.DONE, due_at=None, sent_at=now, final_at=now, ref="demo-1", attempts=1
    )
    end = alice.get(progress)
    assert "Accepted by Demo Message ID: demo-1" in words(end)
    assert "Delivered" in words(end)
    assert "every 1s" not in end.content.decode()


def test_after_a_minute_the_page_may_be_closed(alice: Client, sender: Sender) -> None:
    send(alice, sender)
    Message.objects.update(received_at=timezone.now() - timedelta(seconds=61))
    late = alice.get(at(sender.portal, f"tests/{Message.objects.get().reference}/"))
    assert "Still in progress. You can close this page; the result appears under Messages." in words(late)
    assert "every 1s" not in late.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_test_goes_all_the_way_to_the_service(box: Sandbox) -> None:
    given = {"account_sid": "AC" + "1" * 32, "auth_token": "sentinel-token", "base_url": box.sms_url}
    sender = factories.sender(factories.connection(factories.portal("alice"), "twilio", account=given))
    alice = factories.visitor(sender.portal)
    send(alice, sender)
    drain(sender.connection_id)
    message = Message.objects.get()
    assert message.status == Status.SENT
    line = words(alice.get(at(sender.portal, f"tests/{message.reference}/")))
    assert f"Accepted by Twilio Message ID: {message.ref}, response in " in line
    assert "Waiting for delivery" in line
    page = alice.get(f"/p/{sender.portal.uuid.hex}/journal/{message.reference}/").content.decode()
    assert "sentinel" not in page
    assert "POST 127.0.0.1" in page


@pytest.mark.parametrize(
    ("to", "text", "told"),
    [
        ("", "Hello", "Enter a phone number."),
        ("not a number", "Hello", "Enter a valid phone number."),
        ("+1 202", "Hello", "The number has the wrong length for its country."),
        ("+12025550147", " ", "Enter a message."),
        ("+12025550147", "x" * 1601, "The text is longer than this service allows."),
    ],
)
def test_what_cannot_be_sent_is_said_at_the_field_and_nothing_is_stored(
    alice: Client, sender: Sender, to: str, text: str, told: str
) -> None:
    response = send(alice, sender, to, text)
    assert response.status_code == 200
    assert told in words(response)
    assert 'aria-invalid="true"' in response.content.decode()
    assert not Message.objects.exists()


def test_the_last_number_is_suggested_but_not_somebody_else_s(alice: Client, sender: Sender) -> None:
    factories.message(sender, origin=Origin.TEST, author_id=99, to="+12025550148", message_id=None)
    assert "2025550148" not in alice.get(at(sender.portal, f"{sender.uuid}/test/")).content.decode()
    send(alice, sender)
    assert 'value="+12025550147"' in alice.get(at(sender.portal, f"{sender.uuid}/test/")).content.decode()


def test_it_says_whether_it_costs(alice: Client, sender: Sender) -> None:
    assert "Nothing is sent and nothing is charged" in words(alice.get(at(sender.portal, f"{sender.uuid}/test/")))
    real = factories.sender(factories.connection(sender.portal, "twilio"))
    page = words(alice.get(at(sender.portal, f"{real.uuid}/test/")))
    assert "This is a real message. Twilio will charge you for it." in page


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Hello", "1 segment, 155 characters left, standard characters (GSM-7)"),
        ("x" * 161, "2 segments, 145 characters left, standard characters (GSM-7)"),
        ("Привет", "1 segment, 64 characters left, Unicode (UCS-2)"),
    ],
)
def test_segments_are_counted_while_typing(alice: Client, sender: Sender, text: str, told: str) -> None:
    assert words(alice.post(at(sender.portal, f"{sender.uuid}/segments/"), {"text": text})).strip() == told


def test_a_text_is_counted_as_the_sender_writes_it_with_what_segments_have_cost(alice: Client, sender: Sender) -> None:
    Sender.objects.update(latin=True, smart=True)
    tally = {"connection": sender.connection, "sender": sender, "status": "delivered", "currency": "EUR"}
    DayTally.objects.create(portal=sender.portal, day=timezone.localdate(), parts=4, messages=3, money=1, **tally)
    told = words(alice.post(at(sender.portal, f"{sender.uuid}/segments/"), {"text": "Ждём вас – " * 9}))

    assert "1 segment, 52 characters left, standard characters (GSM-7), about EUR 0.25" in told
    assert "Will be sent as: Zhdem vas - Zhdem" in told
    assert "Saves 1 segment" in told


def test_a_saving_is_tried_before_it_is_switched_on(alice: Client, sender: Sender) -> None:
    asked = at(sender.portal, "segments/")
    untouched = words(alice.post(asked, {"text": "“Да”"}))
    rewritten = words(alice.post(asked, {"text": "“Да”", "smart": "on", "latin": "on"}))

    assert untouched.strip() == "1 segment, 66 characters left, Unicode (UCS-2)"
    assert "Will be sent as: &quot;Da&quot;" in rewritten
    assert Sender.objects.get(pk=sender.pk).smart is False


def test_charlie_and_bob_count_nothing_of_alice_s(sender: Sender) -> None:
    charlies = factories.portal("charlie")
    charlie = factories.visitor(charlies)
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)

    assert charlie.post(at(sender.portal, f"{sender.uuid}/segments/"), {"text": "a"}).status_code == 401
    assert charlie.post(at(charlies, f"{sender.uuid}/segments/"), {"text": "a"}).status_code == 404
    assert bob.post(at(sender.portal, "segments/"), {"text": "a"}).status_code == 403


def test_a_removed_sender_sends_no_test(alice: Client, sender: Sender) -> None:
    Sender.objects.update(state=SenderState.REMOVED)
    assert send(alice, sender).status_code == 404
    assert not Message.objects.exists()


def test_charlie_sends_nothing_through_alice_s_sender(sender: Sender) -> None:
    charlies = factories.portal("charlie")
    stranger = factories.visitor(charlies)
    address = at(charlies, f"{sender.uuid}/test/")
    assert stranger.post(address, {"to": "+12025550147", "text": "Hello"}).status_code == 404
    assert not Message.objects.exists()
    message = factories.message(sender)
    assert stranger.get(at(charlies, f"tests/{message.reference}/")).status_code == 404


def test_bob_sends_no_tests(sender: Sender) -> None:
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    assert send(bob, sender).status_code == 403
    assert not Message.objects.exists()
