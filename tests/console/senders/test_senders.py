"""Accounts and their senders: what the portal says, and what an administrator can do about it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.messaging.models import Connection, ConnectionState, DayTally, Message, Sender, SenderState
from b24app.messaging.models.statuses import Wait
from b24app.portals.models import Portal
from b24app.sandbox import MethodError, Sandbox
from b24app.sandbox import Portal as There
from tests import factories
from tests.factories import BOB

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(alpha: Portal) -> Client:
    return factories.visitor(alpha)


@pytest.fixture
def account(alpha: Portal, box: Sandbox) -> Connection:
    given = {"account_sid": "AC" + "1" * 32, "auth_token": "sentinel-token-4f2a", "base_url": box.sms_url}
    return factories.connection(alpha, "twilio", title="Alice's account", account=given)


@pytest.fixture
def sender(alice: Client, alpha: Portal, account: Connection) -> Sender:
    """Return a sender that the sandbox's portal really has."""
    typed = {"sender-name_en": "Front desk", "sender-signature": "+12025550142"}
    assert alice.post(at(alpha, f"accounts/{account.uuid}/new/"), typed).status_code == 200
    return Sender.objects.get()


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def at(portal: Portal, path: str = "") -> str:
    return f"/p/{portal.uuid.hex}/senders/{path}"


def toast(response: Any) -> str:
    """Return the notice that comes with a response."""
    return str(response["HX-Trigger"])


def test_without_an_account_the_page_offers_one_step(alice: Client, alpha: Portal) -> None:
    page = alice.get(at(alpha))
    assert "Connect a service to send SMS from Bitrix24." in text(page)
    assert at(alpha, "connect/") in page.content.decode()


def test_accounts_show_their_senders_and_nobody_else_s(alice: Client, alpha: Portal) -> None:
    factories.sender(factories.connection(alpha, title="Alice's"), names={"en": "Hers"})
    factories.sender(factories.connection(factories.portal("charlie"), title="Charlie's"), names={"en": "His"})
    page = text(alice.get(at(alpha)))
    assert "Alice's" in page.replace("&#x27;", "'")
    assert "Hers" in page
    assert "Charlie" not in page
    assert "His" not in page


def test_a_refusal_is_explained_and_can_be_tried_again(
    alice: Client, alpha: Portal, there: There, account: Connection
) -> None:
    refused = factories.sender(
        account,
        state=SenderState.REFUSED,
        registered_as="",
        error_code="ERROR_WRONG_HANDLER_URL",
        error_words="Wrong handler URL",
    )
    page = text(alice.get(at(alpha)))
    assert "Rejected by Bitrix24" in page
    assert "Bitrix24 cannot reach the Sendline server." in page
    assert "“Wrong handler URL”" in page
    response = alice.post(at(alpha, f"{refused.uuid}/register/"))
    refused.refresh_from_db()
    assert refused.state == SenderState.REGISTERED
    assert list(there.senders) == [refused.code]
    assert "is available in" in toast(response)


def test_renaming_updates_the_portal_and_keeps_the_code(
    alice: Client, alpha: Portal, there: There, sender: Sender
) -> None:
    code = sender.code
    alice.post(at(alpha, f"{sender.uuid}/"), {"sender-name_en": "Reception", "sender-name_ru": "Приёмная"})
    sender.refresh_from_db()
    assert (sender.code, sender.name, sender.state) == (code, "Reception", SenderState.REGISTERED)
    assert there.senders[code].names == {"**": "Reception", "en": "Reception", "ru": "Приёмная"}


def test_a_senders_limits_are_saved_and_kept(alice: Client, alpha: Portal, sender: Sender) -> None:
    held = factories.message(sender, wait=Wait.CAP, due_at=timezone.now() + timedelta(minutes=40))
    there = at(alpha, f"{sender.uuid}/")
    rules = {"per_hour": "50", "per_day": "200", "max_age": "8", "transactional": "on"}
    typed = {"sender-name_en": "Front desk", **{f"sender-{name}": value for name, value in rules.items()}}
    alice.post(there, typed)
    sender.refresh_from_db()
    assert (sender.per_hour, sender.per_day, sender.transactional) == (50, 200, True)
    assert sender.max_age == timedelta(hours=8)
    held.refresh_from_db()
    assert held.wait == Wait.NONE
    page = alice.get(there).content.decode()
    assert 'value="50"' in page
    assert '<option value="8" selected>8 hours</option>' in page

    alice.post(there, {**typed, "sender-per_hour": "", "sender-bulk": "on", "sender-max_age": "168"})
    sender.refresh_from_db()
    assert (sender.per_hour, sender.bulk, sender.transactional) == (None, True, False)  # campaigns keep quiet hours
    assert sender.max_age == timedelta(days=7)


@pytest.mark.parametrize(
    ("field", "value"), [("per_hour", "0"), ("per_day", "-1"), ("per_hour", "many"), ("max_age", "1000")]
)
def test_a_wrong_limit_of_a_sender_is_said_beside_its_field(
    alice: Client, alpha: Portal, sender: Sender, field: str, value: str
) -> None:
    answer = alice.post(at(alpha, f"{sender.uuid}/"), {"sender-name_en": "Other", f"sender-{field}": value})
    assert f'id="id_sender-{field}_error"' in answer.content.decode()
    sender.refresh_from_db()
    assert (sender.name, sender.per_hour, sender.per_day) == ("Front desk", None, None)


def test_an_age_that_is_not_among_the_usual_stays_on_offer(alice: Client, alpha: Portal, sender: Sender) -> None:
    Sender.objects.update(max_age=timedelta(hours=5))
    page = alice.get(at(alpha, f"{sender.uuid}/")).content.decode()
    assert '<option value="5" selected>5 hours</option>' in page


def test_a_refused_update_is_explained_and_the_portal_keeps_the_old_name(
    alice: Client, alpha: Portal, there: There, sender: Sender
) -> None:
    told = MethodError("messageservice.sender.update", "ERROR_SENDER_UPDATE_FAILURE", "Sender update error!")
    there.switches.method_errors = [told]
    response = alice.post(at(alpha, f"{sender.uuid}/"), {"sender-name_en": "Reception"})
    assert "Bitrix24 could not save the change. Shorten the name and description, then try again." in text(response)
    assert there.senders[sender.code].names["en"] == "Front desk"


def test_removing_asks_first_and_names_what_breaks(alice: Client, alpha: Portal, there: There, sender: Sender) -> None:
    today = timezone.localdate()
    DayTally.objects.create(
        portal=alpha, day=today, connection=sender.connection, sender=sender, status="delivered", messages=812
    )
    question = text(alice.get(at(alpha, f"{sender.uuid}/remove/")))
    assert "Remove “Front desk” from Bitrix24?" in question
    assert "Automation rules and campaigns that use it will stop sending." in question
    assert "812 messages sent in the last 30 days." in question
    assert list(there.senders) == [sender.code]


def test_a_removed_sender_comes_back_under_its_code(alice: Client, alpha: Portal, there: There, sender: Sender) -> None:
    code = sender.code
    alice.post(at(alpha, f"{sender.uuid}/remove/"))
    sender.refresh_from_db()
    assert sender.state == SenderState.REMOVED
    assert there.senders == {}
    assert "Restore “Front desk”" in text(alice.get(at(alpha)))
    alice.post(at(alpha, f"{sender.uuid}/register/"))
    sender.refresh_from_db()
    assert (sender.state, sender.code) == (SenderState.REGISTERED, code)
    assert list(there.senders) == [code]


def test_a_portal_that_does_not_answer_leaves_the_removal_for_later(
    alice: Client, alpha: Portal, there: There, sender: Sender
) -> None:
    there.switches.method_errors = [MethodError("messageservice.sender.delete", "INTERNAL_SERVER_ERROR", "", 500)]
    response = alice.post(at(alpha, f"{sender.uuid}/remove/"))
    sender.refresh_from_db()
    assert sender.state == SenderState.REMOVING
    assert "It will be removed when Bitrix24 responds." in toast(response)


def test_comparing_adds_again_what_the_portal_has_lost(
    alice: Client, alpha: Portal, there: There, sender: Sender
) -> None:
    there.senders.clear()
    response = alice.post(at(alpha, "compare/"))
    assert list(there.senders) == [sender.code]
    assert "Senders restored in Bitrix24: 1." in toast(response)


def test_pausing_holds_what_waits_and_turning_on_lets_it_go(alice: Client, alpha: Portal, sender: Sender) -> None:
    message = factories.message(sender)
    assert "Account paused. 1 message is queued." in toast(
        alice.post(at(alpha, f"accounts/{sender.connection.uuid}/pause/"))
    )
    message.refresh_from_db()
    assert message.wait == Wait.PAUSED
    assert "1 message is queued." in text(alice.get(at(alpha)))
    assert "Account resumed. 1 message is queued and sent next." in toast(
        alice.post(at(alpha, f"accounts/{sender.connection.uuid}/resume/"))
    )
    message.refresh_from_db()
    assert message.wait == Wait.NONE


def test_a_blocked_account_says_why_and_since_when(alice: Client, alpha: Portal) -> None:
    blocked = factories.connection(
        alpha,
        "twilio",
        state=ConnectionState.BLOCKED,
        blocked_reason="auth",
        blocked_since=timezone.now(),
        error_code="20003",
        error_words="Authenticate",
    )
    factories.message(factories.sender(blocked), wait=Wait.BLOCKED)
    page = text(alice.get(at(alpha)))
    assert "Twilio no longer accepts the credentials." in page
    assert "Check the Account SID and Auth Token" in page
    assert "1 message is queued and will be sent automatically." in page
    assert "Update credentials" in page


def test_new_credentials_are_checked_before_they_replace_the_old(
    alice: Client, alpha: Portal, account: Connection, box: Sandbox
) -> None:
    Connection.objects.filter(pk=account.pk).update(state=ConnectionState.BLOCKED, blocked_reason="auth")
    typed = {"account-account_sid": "AC" + "2" * 32, "account-base_url": box.sms_url}
    here = at(alpha, f"accounts/{account.uuid}/")
    refused = alice.post(here, {**typed, "account-auth_token": "sentinel-wrong"})
    assert "Your saved credentials were not changed." in text(refused)
    account.refresh_from_db()
    assert (account.account["account_sid"], account.state) == ("AC" + "1" * 32, ConnectionState.BLOCKED)
    accepted = alice.post(here, {**typed, "account-auth_token": "sentinel-new", "account-title": "Renamed"})
    assert "Credentials saved and tested." in toast(accepted)
    account.refresh_from_db()
    assert account.account["auth_token"] == "sentinel-new"
    assert (account.title, account.state) == ("Renamed", ConnectionState.ACTIVE)


def test_an_account_does_not_become_another_that_is_connected(
    alice: Client, alpha: Portal, account: Connection, box: Sandbox
) -> None:
    other = {"account_sid": "AC" + "2" * 32, "auth_token": "sentinel-new", "base_url": box.sms_url}
    factories.connection(alpha, "twilio", title="The other", account=other)
    typed = {f"account-{name}": value for name, value in other.items()}
    page = text(alice.post(at(alpha, f"accounts/{account.uuid}/"), {**typed, "account-title": "Renamed"}))
    assert "This account is already connected as “The other”. Your saved credentials were not changed." in page
    account.refresh_from_db()
    assert (account.account["account_sid"], account.title) == ("AC" + "1" * 32, "Alice's account")


def test_a_blank_secret_stays_and_is_shown_by_its_end_only(
    alice: Client, alpha: Portal, account: Connection, box: Sandbox
) -> None:
    here = at(alpha, f"accounts/{account.uuid}/")
    page = alice.get(here)
    assert "Saved, ends in 4f2a" in text(page)
    assert "sentinel" not in page.content.decode()
    alice.post(
        here, {"account-account_sid": "AC" + "3" * 32, "account-auth_token": "", "account-base_url": box.sms_url}
    )
    account.refresh_from_db()
    assert account.account == {
        "account_sid": "AC" + "3" * 32,
        "auth_token": "sentinel-token-4f2a",
        "messaging_service_sid": "",
        "api_key_sid": "",
        "api_key_secret": "",
        "base_url": box.sms_url,
    }


def test_disconnecting_names_what_breaks_then_forgets_the_credentials(
    alice: Client, alpha: Portal, there: There, sender: Sender
) -> None:
    factories.message(sender)
    here = at(alpha, f"accounts/{sender.connection.uuid}/remove/")
    question = text(alice.get(here))
    assert "“Front desk”" in question
    assert "1 queued message will be canceled." in question
    assert "Disconnect Cancel" in question
    alice.post(here)
    gone = Connection.objects.get()
    assert (gone.state, gone.account) == (ConnectionState.REMOVED, {})
    assert Sender.objects.get().state == SenderState.REMOVED
    assert there.senders == {}
    assert "No senders" in text(alice.get(at(alpha)))
    assert Message.objects.count() == 1


def test_nothing_is_forgotten_while_the_portal_does_not_answer(
    alice: Client, alpha: Portal, there: There, sender: Sender
) -> None:
    there.switches.method_errors = [MethodError("messageservice.sender.delete", "INTERNAL_SERVER_ERROR", "", 500)]
    response = alice.post(at(alpha, f"accounts/{sender.connection.uuid}/remove/"))
    assert response.status_code == 204
    assert "The account was not disconnected. Try again later." in toast(response)
    kept = Connection.objects.get()
    assert (kept.state, kept.account["auth_token"]) == (ConnectionState.ACTIVE, "sentinel-token-4f2a")


ACTIONS = ["{sender}/", "{sender}/ready/", "{sender}/register/", "{sender}/remove/", "{sender}/test/"]
ACCOUNT_ACTIONS = ["accounts/{account}/", "accounts/{account}/new/", "accounts/{account}/remove/"]
POSTS = ["{sender}/register/", "{sender}/remove/", "accounts/{account}/pause/", "accounts/{account}/resume/"]


@pytest.mark.parametrize("path", [*ACTIONS, *ACCOUNT_ACTIONS, *POSTS])
@pytest.mark.parametrize("method", ["get", "post"])
def test_charlie_finds_nothing_of_alice_s(path: str, method: str) -> None:
    sender = factories.sender(factories.connection(factories.portal("alice")))
    charlies = factories.portal("charlie")
    address = at(charlies, path.format(sender=sender.uuid, account=sender.connection.uuid))
    response = getattr(factories.visitor(charlies), method)(address)
    assert response.status_code in (404, 405)
    sender.refresh_from_db()
    sender.connection.refresh_from_db()
    assert (sender.state, sender.connection.state) == (SenderState.REGISTERED, ConnectionState.ACTIVE)


def test_a_sender_gets_a_new_address_after_a_question(
    alice: Client, alpha: Portal, there: There, sender: Sender
) -> None:
    old = there.senders[sender.code].handler
    question = text(alice.get(at(alpha, f"{sender.uuid}/address/")))
    assert "Give “Front desk” a new address?" in question
    assert there.senders[sender.code].handler == old
    response = alice.post(at(alpha, f"{sender.uuid}/address/"))
    assert "The old one no longer works." in toast(response)
    assert there.senders[sender.code].handler != old
    sender.refresh_from_db()
    assert (sender.state, sender.generation, sender.oldest_generation) == (SenderState.REGISTERED, 2, 2)


def test_while_the_portal_does_not_answer_the_old_address_stays_and_the_page_says_so(
    alice: Client, alpha: Portal, there: There, sender: Sender
) -> None:
    old = there.senders[sender.code].handler
    there.switches.method_errors = [MethodError("*", "INTERNAL_SERVER_ERROR", status=500)]
    for path in (f"{sender.uuid}/address/", "addresses/"):
        said = toast(alice.post(at(alpha, path)))
        assert "Bitrix24 did not respond. The old address works until Bitrix24 has the new one." in said
    assert there.senders[sender.code].handler == old
    assert "Until then, the old one works." in text(alice.get(at(alpha)))


def test_all_senders_get_new_addresses_after_a_question(
    alice: Client, alpha: Portal, there: There, sender: Sender
) -> None:
    old = there.senders[sender.code].handler
    assert "Give all senders new addresses?" in text(alice.get(at(alpha, "addresses/")))
    assert "All senders have new addresses." in toast(alice.post(at(alpha, "addresses/")))
    assert there.senders[sender.code].handler != old
    assert factories.visitor(alpha, factories.BOB, is_admin=False).post(at(alpha, "addresses/")).status_code == 403


def test_a_removed_sender_gets_no_new_address(alice: Client, alpha: Portal, sender: Sender) -> None:
    Sender.objects.update(state=SenderState.REMOVED)
    assert alice.post(at(alpha, f"{sender.uuid}/address/")).status_code == 404
    assert Sender.objects.get().generation == 1


@pytest.mark.parametrize("path", ["", "compare/", *ACTIONS, *ACCOUNT_ACTIONS, *POSTS])
@pytest.mark.parametrize("method", ["get", "post"])
def test_bob_can_change_nothing(path: str, method: str) -> None:
    sender = factories.sender(factories.connection(factories.portal("alice"), title="Secret title"))
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    address = at(sender.portal, path.format(sender=sender.uuid, account=sender.connection.uuid))
    response = getattr(bob, method)(address)
    assert response.status_code == 403
    assert "Secret title" not in response.content.decode()
    sender.refresh_from_db()
    sender.connection.refresh_from_db()
    assert (sender.state, sender.connection.state) == (SenderState.REGISTERED, ConnectionState.ACTIVE)


def test_a_full_bucket_of_the_portal_costs_a_second_and_no_error(
    alice: Client, alpha: Portal, account: Connection, box: Sandbox
) -> None:
    there = box.portal("alpha")
    there.switches.method_errors = [
        MethodError("messageservice.sender.add", "QUERY_LIMIT_EXCEEDED", "Too many requests", 503, times=1)
    ]
    typed = {"sender-name_en": "Back office", "sender-signature": "+12025550142"}
    alice.post(at(alpha, f"accounts/{account.uuid}/new/"), typed)
    assert Sender.objects.get().state == SenderState.REGISTERED
    assert there.senders[Sender.objects.get().code].names["**"] == "Back office"


def test_a_signature_is_warned_of_while_it_is_typed(alice: Client, alpha: Portal) -> None:
    Portal.objects.filter(pk=alpha.pk).update(country="US")
    asked = at(alpha, "signature/")
    assert "Alphanumeric sender IDs are not supported in this country" in text(
        alice.post(asked, {"sender-signature": "Acme"})
    )
    assert "work in one country only" in text(alice.post(asked, {"sender-signature": "ACME", "sender-offer": "55501"}))
    assert text(alice.post(asked, {"sender-signature": "+12025550142"})).strip() == ""
    bob = factories.visitor(alpha, factories.BOB, is_admin=False)
    assert bob.post(asked, {"sender-signature": "Acme"}).status_code == 403


def test_a_language_is_added_and_what_was_typed_stays(alice: Client, alpha: Portal) -> None:
    typed = {"sender-name_en": "Front desk", "sender-name_ru": "", "add": "de"}
    page = alice.post(at(alpha, "languages/"), typed).content.decode()
    assert re.findall(r'name="sender-name_(\w+)"', page) == ["en", "ru", "de"]
    assert 'value="Front desk"' in page
    assert 'value="de"' not in page
    assert "aria-invalid" not in page
    for odd in ("", "xx", "\x00", "a" * 500):
        again = alice.post(at(alpha, "languages/"), {"add": odd}).content.decode()
        assert re.findall(r'name="sender-name_(\w+)"', again) == ["en"]


def test_the_entry_is_shown_as_bitrix24_will_while_it_is_typed(alice: Client, alpha: Portal) -> None:
    def entry(**typed: str) -> str:
        return text(alice.post(at(alpha, "entry/"), {f"sender-{name}": value for name, value in typed.items()})).strip()

    assert entry(name_en="Front desk", name_de="Empfang", description_en="Hotel") == "Provider Front desk Hotel"
    assert entry(name_de="Empfang") == "Provider Empfang"
    assert entry() == "Provider …"
    assert entry(name_en="<b>&") == "Provider &lt;b&gt;&amp;"
    bob = factories.visitor(alpha, BOB, is_admin=False)
    assert bob.post(at(alpha, "entry/"), {}).status_code == 403
    assert bob.post(at(alpha, "languages/"), {}).status_code == 403
