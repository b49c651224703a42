"""Help: the words it takes from elsewhere, the list of each account, and the file for support."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.console.help import message_trace
from b24app.console.wording import explanations
from b24app.core import signed_urls
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Connection, ConnectionState, DeliveryReport, Message, Sender
from b24app.messaging.models.statuses import Origin, Phase, Status, Wait
from b24app.portals.models import Portal
from tests import factories
from tests.faults.leaks import Kind, Search, Sentinel

pytestmark = pytest.mark.django_db

TEXT = "Ваш заказ 4417 «Дуб» готов, код 9081 & wait for us, dear Priya Nair"
TOKEN, ACCESS, REFRESH = "auth-token-2f9c81", "access-token-77aa10", "refresh-token-13bb42"


@pytest.fixture
def sender() -> Sender:
    portal = factories.portal("alice", application_token="application-token-5d1e")
    factories.token(portal, access=ACCESS, refresh=REFRESH)
    account = {"account_sid": "AC" + "7" * 32, "auth_token": TOKEN, "base_url": ""}
    return factories.sender(factories.connection(portal, "twilio", title="Acme", account=account))


def at(portal: Portal, rest: str = "") -> str:
    return f"/p/{portal.uuid.hex}/help/{rest}"


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_all_six_words_and_every_reason_to_wait_are_told(alice: Client, sender: Sender) -> None:
    shown = words(alice.get(at(sender.portal)))
    for _code, word, means in explanations.status_meanings():
        assert word in shown
        assert str(means) in shown
    assert len(explanations.status_meanings()) == len(Status) + 1
    assert sum(map(len, explanations.wait_meanings().values())) == len(Wait)
    assert "The service asked us to slow down. We retry automatically." in shown
    assert "Quiet hours apply at the recipient’s location." in shown


@pytest.mark.parametrize("language", ["en", "ru", "de"])
def test_everybody_finds_the_pages_of_law_in_their_language(sender: Sender, language: str) -> None:
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False, language=language)
    page = bob.get(at(sender.portal)).content.decode()
    for document in ("privacy", "licence"):
        assert f'href="/legal/{document}/?LANG={language}" target="_blank" rel="noopener"' in page
        read = Client(headers={"Accept-Language": "fr"}).get(f"/legal/{document}/?LANG={language}")
        assert f'<html lang="{"ru" if language == "ru" else "en"}"' in read.content.decode()


def test_an_employee_reads_how_it_works_and_nothing_of_accounts(sender: Sender) -> None:
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    shown = words(bob.get(at(sender.portal)))
    assert "How it works" in shown
    assert "Unknown" in shown
    for hidden in ("Acme", "Twilio", "Your accounts", "diagnostics"):
        assert hidden not in shown


def test_the_list_of_an_account_says_what_is_missing(alice: Client, sender: Sender) -> None:
    shown = words(alice.get(at(sender.portal)))
    assert "The account is connected." in shown
    assert "No delivery reports received yet. Check the setup steps below." in shown
    assert "No test message delivered yet. Send a test from the sender." in shown


def test_the_list_of_an_account_says_what_is_well(alice: Client, sender: Sender) -> None:
    Connection.objects.update(last_report_at=timezone.now())
    factories.message(sender, origin=Origin.TEST, status=Status.DELIVERED, message_id=None)
    shown = words(alice.get(at(sender.portal)))
    assert "Delivery reports are coming in." in shown
    assert "Test message delivered." in shown
    assert "No report has ever come" not in shown


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"state": ConnectionState.PAUSED}, "The account is paused."),
        ({"state": ConnectionState.BLOCKED, "blocked_reason": "balance"}, "Your Twilio balance is used up."),
        ({"service": "gone"}, "Service unavailable"),
        ({"service": "demo"}, "Sendline fetches delivery reports from Demo. No setup needed."),
    ],
)
def test_an_account_in_trouble_says_which(alice: Client, sender: Sender, fields: dict[str, str], said: str) -> None:
    Connection.objects.update(**fields)
    assert said in words(alice.get(at(sender.portal)))


def test_disconnected_accounts_and_charlie_s_are_not_listed(alice: Client, sender: Sender) -> None:
    factories.connection(factories.portal("charlie"), title="Charlie's account")
    factories.connection(sender.portal, title="Long gone", state=ConnectionState.REMOVED)
    shown = words(alice.get(at(sender.portal)))
    assert "Long gone" not in shown
    assert "Charlie" not in shown


# -- the file for support


def address(client: Client, portal: Portal, reference: str = "") -> str:
    return str(client.post(at(portal, "support/"), {"reference": reference})["HX-Redirect"])


def taken(client: Client, portal: Portal, reference: str = "") -> Any:
    response = Client().get(address(client, portal, reference))
    assert response["Content-Disposition"].startswith('attachment; filename="message-')
    return json.loads(response.getvalue())


@pytest.fixture
def leaky(sender: Sender) -> Message:
    """Return a message whose secrets, number and text stand wherever a service or a bug could have put them."""
    number = "+12025550147"
    message = factories.message(
        sender, status=Status.FAILED, reason="rejected", to=number, raw_to="(202) 555-0147", text=TEXT,
        detail=f"Cannot send “{TEXT[:30]}” to +1 202-555-0147 with {TOKEN}", service_code="21211", ref="SM12025550147",
        note=f"replaced in {TEXT[8:40]}", links={"bindings": [{"OWNER_TYPE_ID": "3", "OWNER_ID": "42"}]},
        final_at=timezone.now(), attempts=2, first_attempt_at=timezone.now(), push_error=number,
    )  # fmt: skip
    leaks = "\n".join(
        [
            json.dumps({"Body": TEXT, "To": number}), f"token={TOKEN}&sid={'AC' + '7' * 32}", "to 001 (202) 555 01 47",
            TEXT[:25], TEXT.upper(), "from +1 (202) 555-0142", ACCESS, REFRESH, "application-token-5d1e",
            signed_urls.report_url(sender.connection.uuid.hex),
            signed_urls.report_url(sender.connection.uuid.hex, message.reference.hex),
            signed_urls.handler_url(sender.uuid.hex, 1),
        ]
    )  # fmt: skip
    Exchange.objects.create(
        at=timezone.now(), portal_id=sender.portal_id, message_id=message.pk, peer="twilio", method="POST",
        host="api.twilio.com", path=f"/2010/{'AC' + '7' * 32}/{number}", status=400, ms=120, request=leaks,
        response=leaks, error=leaks[:300],
    )  # fmt: skip
    DeliveryReport.objects.create(
        connection=sender.connection, fingerprint="f", message=message, recipient=number, word="failed",
        status="failed", code="30003", detail=leaks[:300], ref="SM12025550147",
    )  # fmt: skip
    Connection.objects.update(error_words=leaks[:300], error_code="x", error_at=timezone.now(), label=number)
    Sender.objects.update(error_words=leaks[:300], options={"class": TOKEN}, descriptions={"en": number})
    Portal.objects.filter(pk=sender.portal_id).update(trouble=TOKEN)
    return message


def sentinels(message: Message) -> list[Sentinel]:
    numbers = {
        "e164": "+12025550147", "digits": "12025550147", "national": "2025550147", "as written": "(202) 555-0147",
        "spaced": "+1 202-555-0147", "other": "202) 555 01 47", "own": "12025550142", "own, spaced": "(202) 555-0142",
    }  # fmt: skip
    secrets = {
        "token": TOKEN, "sid": "7" * 32, "access": ACCESS, "refresh": REFRESH, "application": "application-token-5d1e",
        "report": signed_urls.sign_address("report", message.connection.uuid.hex, "-"),
        "report of it": signed_urls.sign_address("report", message.connection.uuid.hex, message.reference.hex),
        "handler": signed_urls.sign_address("handler", message.sender.uuid.hex, "1"),
    }  # fmt: skip
    pieces = {
        "whole": TEXT,
        "beginning": TEXT[:20],
        "middle": TEXT[20:45],
        "upper": TEXT[:20].upper(),
        "end": TEXT[-18:],
    }
    return [
        *(Sentinel(Kind.NUMBER, name, value) for name, value in numbers.items()),
        *(Sentinel(Kind.CREDENTIAL, name, value) for name, value in secrets.items()),
        *(Sentinel(Kind.TEXT, name, value) for name, value in pieces.items()),
    ]


def test_no_secret_number_or_text_is_in_the_file(alice: Client, sender: Sender, leaky: Message) -> None:
    content = Client().get(address(alice, sender.portal, leaky.reference.hex)).getvalue()
    search = Search(sentinels(leaky))
    everything = json.dumps([*Exchange.objects.values_list("request", "path"), leaky.detail], ensure_ascii=False)
    assert len(search.names(everything.encode())) > 15  # they were there to be struck
    assert search.names(content) == []


def test_an_address_of_a_former_key_is_struck_too(
    alice: Client, sender: Sender, leaky: Message, settings: Settings
) -> None:
    former = sentinels(leaky)
    settings.ADDRESS_KEYS = ["a-new-key-of-many-characters", *settings.ADDRESS_KEYS]
    content = Client().get(address(alice, sender.portal, leaky.reference.hex)).getvalue()
    assert Search(former).names(content) == []


def test_the_file_says_what_support_has_to_know(alice: Client, sender: Sender, leaky: Message) -> None:
    trace = taken(alice, sender.portal, leaky.reference.hex)
    assert list(trace) == ["made_at", "portal", "message", "life", "exchanges", "reports", "sender", "connection"]
    message = trace["message"]
    assert (message["reference"], message["status"], message["reason"]) == (leaky.reference.hex, "failed", "rejected")
    assert (message["service_code"], message["attempts"], message["links"]) == ("21211", 2, ["bindings"])
    assert message["number"] == {"country": "", "digits": 11}
    assert message["text"] == {"characters": len(TEXT), "encoding": "UCS-2", "segments": 1}
    assert "[number]" in message["detail"]
    assert "[text]" in message["detail"]
    assert "[secret]" in message["detail"]
    assert trace["life"][0]["title"] == "Received from Bitrix24"
    [exchange], [report] = trace["exchanges"], trace["reports"]
    assert (exchange["host"], exchange["status"], exchange["ms"]) == ("api.twilio.com", 400, 120)
    assert (report["word"], report["code"]) == ("failed", "30003")
    assert trace["sender"]["signature"] == {"kind": "number", "characters": 12}
    assert trace["connection"]["filled"] == ["account_sid", "auth_token"]
    assert trace["connection"]["service"] == "twilio"
    assert "account" not in trace["connection"]


def test_without_a_reference_it_is_the_latest_that_went_wrong(alice: Client, sender: Sender) -> None:
    now = timezone.now()
    factories.message(sender, now=now - timedelta(hours=2), status=Status.FAILED)
    lost = factories.message(sender, now=now - timedelta(hours=1), phase=Phase.UNKNOWN, due_at=None)
    factories.message(sender, now=now - timedelta(hours=3), status=Status.UNDELIVERED)
    factories.message(sender, status=Status.DELIVERED)
    assert taken(alice, sender.portal)["message"]["reference"] == lost.reference.hex


@pytest.mark.parametrize(
    ("reference", "said"),
    [("", "No failed messages."), ("nonsense", "No message found with this ID."),
     ("0" * 32, "No message found with this ID.")],
)  # fmt: skip
def test_what_is_not_there_is_said_beside_the_field(alice: Client, sender: Sender, reference: str, said: str) -> None:
    response = alice.post(at(sender.portal, "support/"), {"reference": reference})
    assert said in words(response)
    assert "HX-Redirect" not in response


def test_charlie_gets_nothing_of_alice_s(sender: Sender) -> None:
    message = factories.message(sender, status=Status.FAILED)
    charlies = factories.portal("charlie")
    charlie = factories.visitor(charlies)
    for reference in (message.reference.hex, ""):
        assert "HX-Redirect" not in charlie.post(at(charlies, "support/"), {"reference": reference})
    assert charlie.get(at(sender.portal)).status_code == 401
    assert charlie.post(at(sender.portal, "support/")).status_code == 401


def test_bob_gets_no_file_even_of_his_own(sender: Sender) -> None:
    own = factories.message(sender, author_id=factories.BOB, status=Status.FAILED)
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    response = bob.post(at(sender.portal, "support/"), {"reference": own.reference.hex})
    assert (response.status_code, "HX-Redirect" in response) == (403, False)
    assert "support" not in bob.get(f"/p/{sender.portal.uuid.hex}/journal/{own.reference}/").content.decode()


def test_the_page_of_a_message_offers_its_file(alice: Client, sender: Sender) -> None:
    message = factories.message(sender)
    page = alice.get(f"/p/{sender.portal.uuid.hex}/journal/{message.reference}/").content.decode()
    assert f'{{"reference": "{message.reference.hex}"}}' in page


def test_a_short_text_does_not_strike_everything() -> None:
    sender = factories.sender(factories.connection(factories.portal("dora")), signature="Shop")
    message = factories.message(sender, text="1", status=Status.FAILED, service_code="21211")
    assert message_trace.build_trace(message)["message"]["service_code"] == "21211"
