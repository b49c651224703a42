"""The way to a first message, against the sandbox's SMS service and portal over real HTTP."""

import re
from contextlib import suppress
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from b24app.exchange_log.models import Exchange
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Connection, ConnectionState, Sender, SenderState
from b24app.portals.models import Portal
from b24app.sandbox import MethodError, Sandbox
from b24app.sandbox import Portal as There
from providers.kit import contract, registry
from tests import factories
from tests.concurrency import run_together

pytestmark = pytest.mark.django_db

SECRET = "sentinel-auth-token"


@pytest.fixture
def alice(alpha: Portal) -> Client:
    return factories.visitor(alpha)


def credentials(box: Sandbox, **changes: str) -> dict[str, str]:
    account = {"account_sid": "AC" + "1" * 32, "auth_token": SECRET, "base_url": box.sms_url, **changes}
    return {f"account-{name}": value for name, value in account.items()}


def words(**changes: str) -> dict[str, str]:
    sender = {"name_en": "Front desk", "name_ru": "Приёмная", "signature": "+12025550142", **changes}
    return {f"sender-{name}": value for name, value in sender.items()}


def text(response: Any) -> str:
    """Return what a reader sees: without tags, with single blanks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def went_to(response: Any) -> str:
    """Where the page is sent."""
    assert response.status_code == 200
    return str(re.findall(r'"path": "([^"]+)"', response["HX-Location"])[0])


def at(portal: Portal, path: str) -> str:
    return f"/p/{portal.uuid.hex}/senders/{path}"


@pytest.fixture
def account(alpha: Portal, box: Sandbox) -> Connection:
    given = {"account_sid": "AC" + "1" * 32, "auth_token": SECRET, "base_url": box.sms_url}
    return factories.connection(alpha, "twilio", title="Alice's account", account=given, label="Sandbox account")


# -- the catalogue; more in test_catalogue.py


def test_the_practice_service_is_hidden_where_no_demonstration_is_wanted(
    alice: Client, alpha: Portal, settings: Any
) -> None:
    settings.DEMO = False
    page = text(alice.get(at(alpha, "connect/")))
    assert "Connect a service" in page
    assert "Want to try it first?" not in page
    assert alice.get(at(alpha, "connect/demo/")).status_code == 404


def test_an_unfinished_connection_can_be_continued_or_discarded(alice: Client, alpha: Portal) -> None:
    begun = factories.connection(alpha, title="Begun")
    finished = factories.connection(alpha, title="Finished")
    factories.sender(finished)
    page = alice.get(at(alpha, "connect/"))
    assert "Unfinished setup: Begun Connected" in text(page)
    assert "Finished" not in text(page)
    assert at(alpha, f"accounts/{begun.uuid}/new/") in page.content.decode()
    went_to(alice.post(at(alpha, f"accounts/{begun.uuid}/remove/")))
    begun.refresh_from_db()
    assert begun.state == ConnectionState.REMOVED
    assert begun.account == {}


# -- credentials


def test_good_credentials_are_kept_and_lead_to_the_sender(alice: Client, alpha: Portal, box: Sandbox) -> None:
    response = alice.post(at(alpha, "connect/twilio/"), credentials(box))
    made = Connection.objects.get()
    assert went_to(response) == at(alpha, f"accounts/{made.uuid}/new/")
    assert (made.portal, made.service, made.title) == (alpha, "twilio", "Sandbox account")
    assert (str(made.balance), made.currency) == ("42.1000", "EUR")
    assert made.account["auth_token"] == SECRET
    page = alice.get(went_to(response))
    assert "Connected to Sandbox account. Balance EUR 42.10" in text(page)
    assert SECRET not in page.content.decode()


def test_wrong_credentials_are_explained_and_nothing_is_kept(alice: Client, alpha: Portal, box: Sandbox) -> None:
    response = alice.post(at(alpha, "connect/twilio/"), credentials(box, auth_token="sentinel-wrong-token"))
    page = text(response)
    assert response.status_code == 200
    assert "Twilio rejected these credentials. Nothing was saved or sent." in page
    assert "Check the Account SID and Auth Token (or API key) in the Twilio Console." in page
    assert "Code 20003" in page
    assert "Authenticate" in page
    assert "sentinel" not in response.content.decode()
    assert not Connection.objects.exists()
    assert "sentinel" not in str(list(Exchange.objects.values()))


def test_an_unreachable_service_is_not_the_fault_of_the_credentials(alice: Client, alpha: Portal, box: Sandbox) -> None:
    page = text(alice.post(at(alpha, "connect/twilio/"), credentials(box, base_url="http://127.0.0.1:9")))
    assert "Twilio is not reachable. Nothing was saved or sent." in page
    assert not Connection.objects.exists()


def test_a_missing_field_is_said_at_the_field_without_asking_the_service(
    alice: Client, alpha: Portal, box: Sandbox
) -> None:
    response = alice.post(at(alpha, "connect/twilio/"), credentials(box, account_sid=""))
    html = response.content.decode()
    assert response.status_code == 200
    assert 'href="#id_account-account_sid"' in html
    assert 'aria-invalid="true"' in html
    assert not Exchange.objects.filter(peer="twilio").exists()
    assert not Connection.objects.exists()


def test_a_wrong_form_of_credentials_is_said_at_the_field_and_nothing_leaves(alice: Client, alpha: Portal) -> None:
    typed = {"account-account_sid": "123", "account-auth_token": SECRET, "account-base_url": "https://api.twilio.com"}
    response = alice.post(at(alpha, "connect/twilio/"), typed)
    html = response.content.decode()
    assert response.status_code == 200
    assert "Not a valid SID: it must be AC followed by 32 digits or letters a to f. Copy it again." in text(response)
    assert re.search(r'name="account-account_sid" value="123"[^>]*aria-invalid="true"', html)
    assert SECRET not in html
    assert not Exchange.objects.filter(peer="twilio").exists()
    assert not Connection.objects.exists()


def test_an_account_is_connected_once_and_its_senders_go_under_it(
    alice: Client, alpha: Portal, account: Connection, box: Sandbox
) -> None:
    page = alice.post(at(alpha, "connect/twilio/"), credentials(box))
    assert "This account is already connected as “Alice&#x27;s account”." in text(page)
    assert at(alpha, f"accounts/{account.uuid}/new/") in page.content.decode()
    assert Connection.objects.get() == account


def test_an_account_that_was_disconnected_or_is_another_portals_can_be_connected(
    alice: Client, alpha: Portal, account: Connection, box: Sandbox
) -> None:
    charlies = factories.connection(factories.portal("charlie"), "twilio", account=account.account)
    Connection.objects.filter(pk=account.pk).update(state=ConnectionState.REMOVED)
    went_to(alice.post(at(alpha, "connect/twilio/"), credentials(box)))
    made = Connection.objects.exclude(pk__in=[account.pk, charlies.pk]).get()
    assert (made.portal, made.account["account_sid"]) == (alpha, "AC" + "1" * 32)


def test_an_unknown_service_is_not_found(alice: Client, alpha: Portal) -> None:
    assert alice.get(at(alpha, "connect/nobody/")).status_code == 404


def test_each_completed_step_says_so(alice: Client, alpha: Portal) -> None:
    first = alice.get(at(alpha, "connect/")).content.decode()
    second = alice.get(at(alpha, "connect/twilio/")).content.decode()
    assert (first.count("(completed)"), second.count("(completed)")) == (0, 1)
    account = factories.connection(alpha, "twilio")
    third = alice.get(at(alpha, f"accounts/{account.uuid}/new/")).content.decode()
    sender = factories.sender(account)
    last = alice.get(at(alpha, f"{sender.uuid}/ready/")).content.decode()
    assert (third.count("(completed)"), last.count("(completed)")) == (2, 3)


# -- the preview of the own gateway


def test_the_request_of_the_own_gateway_is_drawn_while_typing(alice: Client, alpha: Portal) -> None:
    typed = {
        "account-method": "GET",
        "account-url": "https://gateway.example.com/send?to={to_digits}&key={password}",
        "account-password": "sentinel-password",
    }
    response = alice.post(at(alpha, "connect/http/preview/"), typed)
    assert "GET https://gateway.example.com/send?to=12025550147&amp;key=••••••" in response.content.decode()
    assert "sentinel" not in response.content.decode()


def test_a_wrong_template_is_explained_in_the_preview(alice: Client, alpha: Portal) -> None:
    typed = {"account-url": "https://gateway.example.com/send?to={number}"}
    assert "Unknown placeholder {number}." in text(alice.post(at(alpha, "connect/http/preview/"), typed))


def test_a_key_that_is_written_out_is_moved_to_where_it_is_encrypted(alice: Client, alpha: Portal) -> None:
    typed = {"url": "https://gateway.example.com/send?apikey=sentinel-key", "body": "to={to}\ntext={text}"}
    here = at(alpha, "connect/http/")
    page = text(alice.post(here, {f"account-{name}": value for name, value in typed.items()}))
    assert "“sen…” looks like a password or key. Put it into the field “Password or API key”" in page
    assert not Connection.objects.exists()
    typed |= {"url": "https://gateway.example.com/send?apikey={password}", "password": "sentinel-key"}
    went_to(alice.post(here, {f"account-{name}": value for name, value in typed.items()}))
    assert Connection.objects.get().account["password"] == "sentinel-key"


def test_only_a_service_that_can_be_drawn_has_a_preview(alice: Client, alpha: Portal) -> None:
    assert alice.post(at(alpha, "connect/twilio/preview/"), {}).status_code == 404


# -- the sender


def test_the_sender_is_registered_in_both_languages(
    alice: Client, alpha: Portal, there: There, account: Connection
) -> None:
    response = alice.post(at(alpha, f"accounts/{account.uuid}/new/"), words(description_en="For orders"))
    made = Sender.objects.get()
    assert went_to(response) == at(alpha, f"{made.uuid}/ready/")
    assert (made.state, made.signature, made.names) == (
        SenderState.REGISTERED,
        "+12025550142",
        {"en": "Front desk", "ru": "Приёмная"},
    )
    registered = there.senders[made.code]
    assert registered.names == {"**": "Front desk", "en": "Front desk", "ru": "Приёмная"}
    assert "Available in" in text(alice.get(went_to(response)))


def test_the_account_s_own_numbers_are_offered(alice: Client, alpha: Portal, account: Connection) -> None:
    html = alice.get(at(alpha, f"accounts/{account.uuid}/new/")).content.decode()
    assert re.findall(r'name="offered" value="([^"]*)"', html) == ["+12025550100", "+442079460000", "55501"]


def test_an_offered_number_is_chosen(alice: Client, alpha: Portal, account: Connection) -> None:
    chosen = {**words(offer="+442079460000", signature=""), "offered": ["+12025550100", "+442079460000"]}
    went_to(alice.post(at(alpha, f"accounts/{account.uuid}/new/"), chosen))
    assert Sender.objects.get().signature == "+442079460000"


VALIDATION = "ERROR_SENDER_VALIDATION_FAILURE"


@pytest.mark.parametrize(
    ("code", "told", "status", "shown"),
    [
        ("ACCESS_DENIED", "Access denied! Application context required", 403, "Sendline has no access to Bitrix24."),
        (VALIDATION, "Empty data!", 400, "Bitrix24 received an empty request."),
        (VALIDATION, "Empty sender code!", 400, "Bitrix24 did not receive the sender code."),
        (VALIDATION, "Wrong sender code!", 400, "Bitrix24 rejected the internal code of this sender."),
        ("ERROR_WRONG_HANDLER_URL", "Wrong handler URL", 400, "Bitrix24 cannot reach the Sendline server."),
        ("ERROR_UNSUPPORTED_PROTOCOL", "Unsupported handler protocol", 400, "accepts only http and https URLs"),
        ("ERROR_HANDLER_URL_MATCH", "Handler URL host doesn't match application url", 400, "on the same host"),
        (VALIDATION, "Empty sender NAME!", 400, "Bitrix24 requires a sender name. Enter at least one."),
        (VALIDATION, "Empty sender message TYPE!", 400, "Bitrix24 did not receive the sender type."),
        (VALIDATION, "Unknown sender message TYPE!", 400, "Bitrix24 does not know this sender type."),
        ("ERROR_SENDER_ADD_FAILURE", "Sender save error!", 400, "Bitrix24 could not save the sender."),
        ("ERROR_METHOD_NOT_FOUND", "Method not found!", 404, "does not support senders from applications"),
        ("insufficient_scope", "Insufficient scope", 403, "not allowed to register senders"),
        ("INTERNAL_SERVER_ERROR", "Internal", 500, "Bitrix24 did not respond."),
    ],
)
def test_every_refusal_is_explained_where_it_can_be_mended_and_mended_there(
    alice: Client, there: There, account: Connection, code: str, told: str, status: int, shown: str
) -> None:
    alpha = account.portal
    there.switches.method_errors = [MethodError("messageservice.sender.add", code, told, status)]
    response = alice.post(at(alpha, f"accounts/{account.uuid}/new/"), words())
    assert response.status_code == 200
    assert shown in text(response)
    made = Sender.objects.get()
    assert made.state in (SenderState.REFUSED, SenderState.REGISTERING)
    assert there.senders == {}
    # The form now belongs to the saved sender: sending it again mends that one and makes no second.
    again = at(alpha, f"{made.uuid}/")
    assert response["HX-Replace-Url"] == again
    assert f'hx-post="{again}"' in response.content.decode()
    there.switches.method_errors = []
    alpha.rest_after = None
    alpha.save(update_fields=["rest_after"])
    assert went_to(alice.post(again, words(name_en="Mended"))) == at(alpha, f"{made.uuid}/ready/")
    made.refresh_from_db()
    assert (made.state, made.name) == (SenderState.REGISTERED, "Mended")
    assert list(there.senders) == [made.code]


@pytest.mark.parametrize(("told", "field"), [("Empty sender NAME!", "name_en")])
def test_what_a_field_can_mend_is_said_at_the_field(
    alice: Client, alpha: Portal, there: There, account: Connection, told: str, field: str
) -> None:
    there.switches.method_errors = [MethodError("messageservice.sender.add", VALIDATION, told)]
    html = alice.post(at(alpha, f"accounts/{account.uuid}/new/"), words()).content.decode()
    assert f'id="id_sender-{field}_error"' in html


def test_a_nameless_sender_is_not_saved(alice: Client, alpha: Portal, account: Connection) -> None:
    response = alice.post(at(alpha, f"accounts/{account.uuid}/new/"), words(name_en="", name_ru=""))
    assert "Enter a name in at least one language." in text(response)
    assert not Sender.objects.exists()


def test_an_account_of_charlie_s_takes_no_sender_of_alice_s(alice: Client, alpha: Portal) -> None:
    charlies = factories.connection(factories.portal("charlie"))
    assert alice.post(at(alpha, f"accounts/{charlies.uuid}/new/"), words()).status_code == 404
    assert not Sender.objects.exists()


def test_bob_reads_that_this_is_for_administrators(alpha: Portal, box: Sandbox, account: Connection) -> None:
    bob = factories.visitor(alpha, factories.BOB, is_admin=False)
    for path in ("connect/", "connect/twilio/", f"accounts/{account.uuid}/new/"):
        response = bob.get(at(alpha, path))
        assert response.status_code == 403
        assert "You need administrator rights" in text(response)
    assert bob.post(at(alpha, "connect/twilio/"), credentials(box)).status_code == 403
    assert Connection.objects.count() == 1


# -- as many accounts as a portal may have


def test_no_more_accounts_are_connected_than_a_portal_may_have(
    alice: Client, alpha: Portal, box: Sandbox, settings: Settings
) -> None:
    settings.ACCOUNTS_PER_PORTAL = 2
    for state in (ConnectionState.ACTIVE, ConnectionState.PAUSED, ConnectionState.REMOVED):
        factories.connection(alpha, state=state)
    factories.connection(factories.portal("charlie"))
    page = text(alice.post(at(alpha, "connect/twilio/"), credentials(box)))
    assert "This Bitrix24 has 2 accounts, which is the limit. Nothing was saved or sent." in page
    assert "Disconnect an account you no longer use, or ask Sendline support for a higher limit." in page
    assert SECRET not in page
    assert Connection.objects.filter(service="twilio").count() == 0
    assert Exchange.objects.filter(peer="twilio").count() == 0  # the service was not even asked

    settings.ACCOUNTS_PER_PORTAL = 3
    went_to(alice.post(at(alpha, "connect/twilio/"), credentials(box)))


def test_accounts_that_stay_bound_have_a_limit_of_their_own(alice: Client, alpha: Portal, settings: Settings) -> None:
    settings.SMPP_ACCOUNTS_PER_PORTAL = 1
    kept = factories.connection(alpha, "smpp"), factories.connection(alpha, "smpp")
    given = {"host": "smpp.example.com", "port": "2775", "system_id": "acme", "password": SECRET}
    defaults = {one.name: one.default for one in registry.get("smpp").fields if one.default}
    page = alice.post(
        at(alpha, "connect/smpp/"), {f"account-{name}": value for name, value in {**defaults, **given}.items()}
    )
    assert "This Bitrix24 has 1 account at SMPP, which is the limit." in text(page)
    assert list(Connection.objects.order_by("pk")) == list(kept)  # what is above the limit stays
    assert {one.state for one in Connection.objects.all()} == {ConnectionState.ACTIVE}


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_exceed_the_limit(settings: Settings) -> None:
    settings.ACCOUNTS_PER_PORTAL = 1
    portal = factories.portal()

    def connect() -> None:
        with suppress(lifecycle.TooManyAccounts):
            lifecycle.connect_account(portal, "demo", "One", {}, contract.Account())

    run_together(*[connect] * 4)
    assert Connection.objects.filter(portal=portal).count() == 1
