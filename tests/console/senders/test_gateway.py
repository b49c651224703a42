"""A custom gateway before it is saved: its form filled from a command, and a request that is really sent."""

import re
import time
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from pytest_django.fixtures import Settings

from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Connection, Message
from b24app.portals.models import Portal
from tests import factories
from tests.console.settings.page_forms import read_form
from tests.factories import BOB
from tests.providers.kit.loopback import answer, listening, says

pytestmark = pytest.mark.django_db

SECRET, NUMBER = "s3nt1nel-key", "+12025550147"
COMMAND = f"""curl -X POST 'https://gateway.example/send' -H 'X-Api-Key: {SECRET}' \\
  -d 'to=+447700900123' --data-urlencode 'text=Hello you' -d 'from=Shop'"""


@pytest.fixture
def portal() -> Portal:
    return factories.portal(country="US")


def at(portal: Portal, path: str) -> str:
    return f"/p/{portal.uuid.hex}/senders/connect/{path}"


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def typed(url: str, **changes: str) -> dict[str, str]:
    """Return the form as the page sends it, with its test message."""
    account = {
        "method": "POST",
        "url": url,
        "headers": "X-Api-Key: {password}",
        "password": SECRET,
        "content": "form",
        "body": "to={to}\ntext={text}\nfrom={sender}\ndlr={report_url}",
        "id_from": "json",
        "id_path": "id",
    }
    message = {"request-number": "(202) 555-0147", "request-text": "Kitchen test", "request-sender": "Shop"}
    return {f"account-{name}": value for name, value in account.items()} | message | changes


# -- a command


def test_a_command_fills_the_form_and_its_key_never_comes_back(alice: Client, portal: Portal) -> None:
    response = alice.post(
        at(portal, "http/curl/"), {"command": COMMAND, "account-title": "Shop", "account-success_text": "OK"}
    )
    page = response.content.decode()
    shown = read_form(page, "credentials")
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#content", "innerHTML")
    assert shown["account-url"] == ["https://gateway.example/send"]
    assert shown["account-method"] == ["POST"]
    assert shown["account-password"] == [""]
    assert (shown["account-title"], shown["account-success_text"]) == (["Shop"], ["OK"])
    assert "X-Api-Key: {password}" in page
    assert "to={to}\ntext={text}\nfrom={sender}" in page
    assert SECRET not in page
    assert "From your command, ends in -key" in text(response)
    assert "hx-preserve" not in re.findall(r'<input[^>]*name="account-password"[^>]*>', page)[0]
    assert "Form filled from your command." in page
    assert not Connection.objects.exists()


def test_what_is_typed_in_the_box_of_a_secret_never_comes_back_otherwise(alice: Client, portal: Portal) -> None:
    page = alice.post(at(portal, "http/"), {"account-password": SECRET, "account-url": "nonsense"}).content.decode()
    assert SECRET not in page
    assert "hx-preserve" in re.findall(r'<input[^>]*name="account-password"[^>]*>', page)[0]


def paste(alice: Client, portal: Portal, url: str) -> dict[str, str]:
    """Paste a command for this address, and return what its form would send then."""
    command = COMMAND.replace("https://gateway.example/send", url)
    data = {"command": command, "account-id_from": "json", "account-id_path": "id"}
    page = alice.post(at(portal, "http/curl/"), data).content.decode()
    return {name: values[-1] for name, values in read_form(page, "credentials").items()}


def test_the_key_of_a_command_signs_the_test_request_and_is_saved_with_the_account(
    alice: Client, portal: Portal, settings: Settings
) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    with listening(says(answer(b'{"id": "msg-77"}'))) as there:
        form = paste(alice, portal, f"{there.url}/send") | {"request-number": "(202) 555-0147"}
        page = alice.post(at(portal, "http/request/"), form).content.decode()
    assert f"X-Api-Key: {SECRET}" in there.requests[0].decode()
    assert SECRET not in page
    wrong = alice.post(at(portal, "http/"), form | {"account-url": "nonsense"}).content.decode()
    assert read_form(wrong, "credentials")["account-password"] == [""]
    again = {name: values[-1] for name, values in read_form(wrong, "credentials").items()}
    assert not Connection.objects.exists()
    alice.post(at(portal, "http/"), again | {"account-url": form["account-url"]})
    assert Connection.objects.get().account["password"] == SECRET


def test_a_key_typed_later_wins_over_the_pasted_one(alice: Client, portal: Portal) -> None:
    form = paste(alice, portal, "https://gateway.example/send")
    alice.post(at(portal, "http/"), form | {"account-password": "an0ther-key"})
    assert Connection.objects.get().account["password"] == "an0ther-key"


def test_a_second_command_without_a_key_asks_for_one(alice: Client, portal: Portal) -> None:
    form = paste(alice, portal, "https://gateway.example/send")
    other = "curl https://gateway.example/send -H 'X-Api-Key: YOUR_API_KEY' -d to=447700900123 -d text=Hello"
    page = alice.post(at(portal, "http/curl/"), form | {"command": other}).content.decode()
    shown = read_form(page, "credentials")
    assert (shown["account-url"], shown["account-password"]) == (["https://gateway.example/send"], [""])
    assert "pasted" not in shown
    assert "From your command, ends in" not in page


def test_a_pasted_key_is_good_for_the_one_who_pasted_it_only(alice: Client, portal: Portal) -> None:
    form = paste(alice, portal, "https://gateway.example/send")
    other = factories.portal("charlie")
    for visitor, where in ((factories.visitor(other), other), (factories.visitor(portal, BOB), portal)):
        page = visitor.post(at(where, "http/"), form).content.decode()
        assert SECRET not in page
        assert "pasted" not in read_form(page, "credentials")
    assert not Connection.objects.exists()


def test_a_pasted_key_is_forgotten_after_an_hour(alice: Client, portal: Portal, settings: Settings) -> None:
    form = paste(alice, portal, "https://gateway.example/send")
    cipher = Fernet(settings.SECRETS_KEYS[0])
    old = cipher.encrypt_at_time(cipher.decrypt(form["pasted"]), int(time.time()) - 3601).decode()
    page = alice.post(at(portal, "http/"), form | {"pasted": old}).content.decode()
    assert "Your pasted command has expired. Enter this yourself." in page
    assert "pasted" not in read_form(page, "credentials")
    assert not Connection.objects.exists()


def test_a_command_that_cannot_be_used_is_refused_with_a_reason_and_not_repeated(alice: Client, portal: Portal) -> None:
    response = alice.post(at(portal, "http/curl/"), {"command": f"curl -F a=@b -u shop:{SECRET} x.example"})
    assert "multipart form" in text(response)
    assert "HX-Retarget" not in response
    assert SECRET not in response.content.decode()


# -- a request


def test_a_test_request_shows_what_was_sent_and_what_is_read_of_the_answer(
    alice: Client, portal: Portal, settings: Settings
) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    with listening(says(answer(b'{"id": "msg-77", "echo": "Kitchen test to +12025550147"}'))) as there:
        response = alice.post(at(portal, "http/request/"), typed(f"{there.url}/send"))
    sent = there.requests[0].decode()
    assert sent.startswith("POST /send HTTP/1.1\r\n")
    assert f"X-Api-Key: {SECRET}" in sent
    assert "to=%2B12025550147&text=Kitchen+test&from=Shop&dlr=" in sent
    page = response.content.decode()
    assert "Accepted by the gateway." in page
    assert "Message ID: msg-77" in page
    assert "X-Api-Key: ••••••" in page
    assert "to=%2B12025550147" in page
    assert "HTTP 200" in page
    assert SECRET not in page
    kept = Exchange.objects.get()
    assert (kept.portal_id, kept.peer, kept.status) == (portal.pk, "http", 200)
    for private in (SECRET, "2025550147", "Kitchen test"):
        assert private not in kept.request + kept.response + kept.path + kept.error
    assert not Connection.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("body", "changes", "words"),
    [
        (b'{"error": "no credit"}', {}, "The response"),
        (b"BAD", {"account-success_text": "OK", "account-id_from": "none"}, "BAD"),
    ],
)
def test_an_answer_that_is_no_receipt_says_what_is_missing(
    alice: Client, portal: Portal, settings: Settings, body: bytes, changes: dict[str, str], words: str
) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    with listening(says(answer(body))) as there:
        page = text(alice.post(at(portal, "http/request/"), typed(f"{there.url}/send", **changes)))
    assert len(there.requests) == 1
    assert "Accepted" not in page
    assert words in page


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/"])
def test_addresses_inside_our_walls_are_not_asked(alice: Client, portal: Portal, settings: Settings, url: str) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = []
    with listening(says(answer(b"{}"))) as there:
        page = text(alice.post(at(portal, "http/request/"), typed(url.format(port=there.port))))
    assert there.connections == 0
    assert "Accepted" not in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"request-number": ""}, "Enter your phone number."),
        ({"request-number": "12"}, "number"),
        ({"request-text": ""}, "This field is required."),
        ({"account-url": "ftp://gateway.example"}, "Nothing was sent. Check these fields:"),
        ({"account-headers": "X-Api-Key: s3nt1nel-key"}, "looks like a password or key"),
        ({"account-content": "json", "account-body": "{"}, "JSON"),
    ],
)
def test_nothing_is_sent_with_a_form_that_is_wrong(
    alice: Client, portal: Portal, settings: Settings, changes: dict[str, str], words: str
) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    with listening(says(answer(b"{}"))) as there:
        response = alice.post(at(portal, "http/request/"), typed(f"{there.url}/send") | changes)
    assert there.connections == 0
    assert words in text(response)
    assert not Exchange.objects.exists()


@pytest.mark.parametrize("path", ["curl/", "request/"])
def test_only_an_administrator_and_only_a_gateway(alice: Client, portal: Portal, settings: Settings, path: str) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    bob, charlie = factories.visitor(portal, BOB, is_admin=False), factories.visitor(factories.portal("charlie"))
    with listening(says(answer(b"{}"))) as there:
        data = typed(f"{there.url}/send", command=COMMAND)
        assert bob.post(at(portal, f"http/{path}"), data).status_code == 403
        assert charlie.post(at(portal, f"http/{path}"), data).status_code == 401
        assert alice.post(at(portal, f"twilio/{path}"), data).status_code == 404
        assert alice.post(at(portal, f"nobody/{path}"), data).status_code == 404
        assert alice.get(at(portal, f"http/{path}")).status_code == 405
    assert there.connections == 0


def test_the_form_has_four_groups_and_its_preview_between_them(alice: Client, portal: Portal) -> None:
    page = alice.get(at(portal, "http/")).content.decode()
    places = [
        page.index(f"<legend>{title}</legend>") for title in ("Request", "Sign-in", "Response", "Delivery reports")
    ]
    assert places == sorted(places)
    assert places[1] < page.index('id="preview"') < places[2]
    assert page.count('id="preview"') == 1
