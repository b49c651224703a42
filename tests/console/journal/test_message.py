"""One message: its history, the explanations, and what a person can do about it."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.journal.crm_links import crm_links
from b24app.console.journal.message_history import HistoryStep, build_history
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import DeliveryReport, Message, Sender
from b24app.messaging.models.statuses import Origin, Phase, Reason, Status, Wait
from b24app.portals.crm_names.names import digest_phone
from b24app.portals.models import CrmName, Employee, Portal
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice"), "twilio", title="Main"))


def at(message: Message, path: str = "") -> str:
    return f"/p/{message.portal.uuid.hex}/journal/{message.reference}/{path}"


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def exchange(message: Message, **fields: Any) -> Exchange:
    values = {"at": timezone.now(), "portal_id": message.portal_id, "message_id": message.pk, "peer": "twilio"}
    spoken = {"method": "POST", "host": "api.twilio.com", "path": "/Messages.json", "status": 201, "ms": 312}
    return Exchange.objects.create(**{**values, **spoken, **fields})


def report(message: Message, word: str, **fields: Any) -> DeliveryReport:
    values = {"connection": message.connection, "fingerprint": word, "message": message, "word": word}
    return DeliveryReport.objects.create(**{**values, "status": word, **fields})


def line(message: Message) -> list[tuple[str, str]]:
    """Mark and title of each step."""
    exchanges = Exchange.objects.filter(message_id=message.pk).order_by("at")
    steps: list[HistoryStep] = build_history(message, exchanges, message.reports.order_by("received_at"))
    return [(step.mark, str(step.title)) for step in steps]


# -- the life line


def test_a_message_that_arrived(sender: Sender) -> None:
    start = timezone.now() - timedelta(minutes=1)
    message = factories.message(
        sender,
        now=start,
        status=Status.DELIVERED,
        attempts=1,
        sent_at=start + timedelta(seconds=2),
        final_at=start + timedelta(seconds=9),
        ref="SM1",
        pushed=Status.DELIVERED,
    )
    exchange(message, at=start + timedelta(seconds=1))
    report(message, "sent", received_at=start + timedelta(seconds=5))
    report(message, "delivered", received_at=start + timedelta(seconds=9))
    assert line(message) == [
        ("ok", "Received from Bitrix24"),
        ("ok", "Accepted by Twilio"),
        ("info", "Sent by Twilio"),
        ("ok", "Delivered"),
        ("info", "Status in Bitrix24: “Delivered”"),
    ]


def test_tries_that_failed_stand_before_the_one_that_worked(sender: Sender) -> None:
    start = timezone.now() - timedelta(minutes=1)
    message = factories.message(
        sender, now=start, status=Status.SENT, attempts=3, sent_at=start + timedelta(seconds=30), message_id=None
    )
    exchange(message, at=start + timedelta(seconds=1), status=0, error="no connection within 5 s")
    exchange(message, at=start + timedelta(seconds=9), status=429, ms=96)
    exchange(message, at=start + timedelta(seconds=29))
    exchange(message, at=start + timedelta(seconds=50), method="GET", status=200)
    assert line(message) == [
        ("ok", "Received from Bitrix24"),
        ("warn", "Attempt 1: no response from Twilio"),
        ("warn", "Attempt 2: rejected by Twilio"),
        ("ok", "Accepted by Twilio"),
        ("info", "Status requested from Twilio"),
        ("spin", "Waiting for delivery"),
    ]


def test_a_message_that_waits_shows_its_next_try(sender: Sender) -> None:
    message = factories.message(sender, wait=Wait.RETRY, attempts=1, first_attempt_at=timezone.now())
    assert line(message)[-1] == ("wait", "Next attempt")


def test_a_message_that_is_held_shows_how_long_at_most(sender: Sender) -> None:
    message = factories.message(sender, wait=Wait.PAUSED)
    assert line(message) == [("ok", "Received from Bitrix24"), ("wait", "Waiting, expires")]


def test_a_message_on_the_wire_and_one_of_unknown_outcome(sender: Sender) -> None:
    on_wire = factories.message(sender, phase=Phase.ON_WIRE, due_at=None, first_attempt_at=timezone.now(), attempts=1)
    assert line(on_wire)[-1] == ("spin", "Sending to Twilio")
    unknown = factories.message(sender, phase=Phase.UNKNOWN, due_at=None, reason=Reason.TIMED_OUT)
    assert line(unknown)[-1] == ("warn", "Unknown")


def test_a_word_we_do_not_know_is_shown_and_not_guessed(sender: Sender) -> None:
    message = factories.message(sender, status=Status.SENT, sent_at=timezone.now())
    report(message, "teleported", status="")
    assert ("wait", "Twilio reported “teleported”") in line(message)


@pytest.mark.parametrize(("word", "quoted"), [("delivered", False), ("Delivered", False), ("DELIVRD", True)])
def test_a_service_s_word_is_quoted_only_where_it_says_more_than_the_status(
    sender: Sender, word: str, quoted: bool
) -> None:
    message = factories.message(sender, status=Status.DELIVERED, sent_at=timezone.now())
    report(message, word, status="delivered")
    alice = factories.visitor(sender.portal)
    page = alice.get(f"/p/{sender.portal.uuid.hex}/journal/{message.reference}/").content.decode()
    assert (f"Twilio reported “{word}”" in page) is quoted


def test_what_the_portal_did_not_take_is_shown_with_its_code(sender: Sender) -> None:
    message = factories.message(
        sender,
        status=Status.FAILED,
        final_at=timezone.now(),
        reason=Reason.REJECTED,
        push_at=timezone.now(),
        push_error="ERROR_MESSAGE_NOT_FOUND",
    )
    assert line(message)[-1] == ("warn", "Bitrix24 did not accept the status “Failed”")


def test_a_test_message_has_nothing_to_tell_the_portal(sender: Sender) -> None:
    message = factories.message(
        sender, origin=Origin.TEST, message_id=None, status=Status.DELIVERED, final_at=timezone.now()
    )
    assert line(message) == [("ok", "Accepted by Sendline"), ("ok", "Delivered")]


# -- the page


def test_a_failure_is_explained_with_the_service_s_code_and_a_link(alice: Client, sender: Sender) -> None:
    message = factories.message(
        sender,
        status=Status.FAILED,
        reason=Reason.INVALID_NUMBER,
        service_code="21614",
        detail="'To' number is not a valid mobile number",
        final_at=timezone.now(),
    )
    response = alice.get(at(message))
    assert re.search(r"This number cannot receive messages\.[ ?]+This is not a mobile number\.", words(response))
    assert "Code 21614" in words(response)
    assert "is not a valid mobile number" in words(response)
    assert "https://www.twilio.com/docs/api/errors/21614" in response.content.decode()


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason])
def test_every_reason_has_its_words(alice: Client, sender: Sender, reason: Reason) -> None:
    message = factories.message(sender, status=Status.FAILED, reason=reason, final_at=timezone.now())
    page = words(alice.get(at(message)))
    assert "gave no reason" not in page
    assert "{" not in page


@pytest.mark.parametrize("wait", [wait for wait in Wait if wait])
def test_every_wait_has_its_words(alice: Client, sender: Sender, wait: Wait) -> None:
    page = words(alice.get(at(factories.message(sender, wait=wait))))
    assert "Expires:" in page
    assert "{" not in page


def test_facts_segments_price_and_links(alice: Client, sender: Sender) -> None:
    message = factories.message(
        sender,
        text="Привет",
        status=Status.DELIVERED,
        final_at=timezone.now(),
        price=Decimal("0.0079"),
        currency="USD",
        parts=1,
        links={"bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "1184"}]},
    )
    response = alice.get(at(message))
    assert "1 segment, 64 characters left, Unicode (UCS-2)" in words(response)
    assert "0.0079" in words(response)
    page = re.sub(r">\s+", ">", response.content.decode())
    assert """data-with='{"path": "/crm/deal/details/1184/"}'>Deal 1184<""" in page


def test_people_and_items_are_named_where_their_names_are_known(alice: Client, sender: Sender) -> None:
    links = {"bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "1"}, {"OWNER_TYPE_ID": "3", "OWNER_ID": "1"}]}
    message = factories.message(sender, links=links, status=Status.DELIVERED)
    assert "Deal 1" in words(alice.get(at(message)))
    for type_id, name, phones in ((2, "Website order", []), (3, "Emma Evans", [message.to])):
        CrmName.objects.create(
            portal=sender.portal, viewer=0, type_id=type_id, item_id=1, name=name, asked_at=timezone.now(),
            phones=[digest_phone(sender.portal, one) for one in phones],
        )  # fmt: skip
    shown = words(alice.get(at(message)))
    assert "Message to Emma Evans" in shown
    assert "CRM items Website order Deal Emma Evans Contact" in shown
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    Message.objects.update(author_id=factories.BOB)
    assert "Emma" not in words(bob.get(at(message)))


def test_a_cancellation_names_who_did_it_and_says_so_once(alice: Client, sender: Sender) -> None:
    Employee.objects.create(portal=sender.portal, user_id=factories.ALICE, name="Alice Adams", asked_at=timezone.now())
    message = factories.message(sender, author_id=factories.BOB)
    alice.post(at(message, "cancel/"))
    shown = words(alice.get(at(message)))
    assert "Canceled by Alice Adams before sending." in shown
    assert shown.count("Canceled before sending") == 1  # in the timeline
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    assert "Alice" not in words(bob.get(at(message)))


def test_a_message_that_waits_for_a_retry_can_be_sent_at_once(alice: Client, sender: Sender) -> None:
    later = timezone.now() + timedelta(hours=1)
    message = factories.message(sender, wait=Wait.RETRY, attempts=3, due_at=later)
    assert "Retry now" in words(alice.get(at(message)))
    assert "Retrying" in alice.post(at(message, "retry/"))["HX-Trigger"]
    message.refresh_from_db()
    assert message.due_at is not None
    assert (message.due_at <= timezone.now(), message.attempts) == (True, 3)


@pytest.mark.parametrize("wait", [Wait.RATE, Wait.PAUSED, Wait.BLOCKED, Wait.QUIET_HOURS, Wait.CAP])
def test_what_waits_for_something_else_is_not_retried(alice: Client, sender: Sender, wait: Wait) -> None:
    later = timezone.now() + timedelta(hours=1)
    message = factories.message(sender, wait=wait, due_at=later)
    assert "Retry now" not in words(alice.get(at(message)))
    assert "no longer waiting" in alice.post(at(message, "retry/"))["HX-Trigger"]
    message.refresh_from_db()
    assert message.due_at == later


def test_an_attempt_without_an_answer_is_told_without_names_of_ours(alice: Client, sender: Sender) -> None:
    message = factories.message(sender, wait=Wait.RETRY, attempts=1)
    exchange(message, status=0, error="Uncertain")
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    Message.objects.update(author_id=factories.BOB)
    assert "Attempt 1: no response from Twilio" in words(bob.get(at(message)))
    assert "Uncertain" not in words(bob.get(at(message)))


def test_a_failure_is_told_once(alice: Client, sender: Sender) -> None:
    message = factories.message(
        sender, status=Status.UNDELIVERED, reason=Reason.UNREACHED, service_code="30003", detail="Unreachable handset",
        final_at=timezone.now(), sent_at=timezone.now(),
    )  # fmt: skip
    report(message, "undelivered", code="30003", detail="Unreachable handset")
    shown = words(alice.get(at(message)))
    assert (shown.count("The phone could not be reached."), shown.count("Unreachable handset")) == (1, 1)
    assert shown.count("30003") == 1


def test_the_text_can_be_copied(alice: Client, sender: Sender) -> None:
    message = factories.message(sender, text="Line 1\n<b>Line 2</b>")
    page = alice.get(at(message)).content.decode()
    assert re.search(r'<textarea class="sr"[^>]*>Line 1\s<b>|<textarea class="sr"[^>]*>Line 1\s&lt;b&gt;', page)
    assert "Copy text" in page


def test_conversations_are_for_administrators_and_escaped(alice: Client, sender: Sender) -> None:
    message = factories.message(sender, author_id=factories.BOB)
    exchange(message, request="<b>To=•••</b>", status=500)
    assert "&lt;b&gt;To=•••&lt;/b&gt;" in alice.get(at(message)).content.decode()
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    page = bob.get(at(message))
    assert page.status_code == 200
    assert "To=•••" not in page.content.decode()
    assert "2025550147" not in page.content.decode()
    assert "202-555-0147" not in page.content.decode()
    assert "Resend" not in words(page)


def test_the_poll_is_told_nothing_until_something_changes_and_ends_with_the_message(
    alice: Client, sender: Sender
) -> None:
    message = factories.message(sender)
    token = re.findall(r'"seen": "([0-9a-f]+)"', alice.get(at(message)).content.decode())[0]
    assert alice.get(at(message), {"seen": token}).status_code == 204
    Message.objects.filter(pk=message.pk).update(
        status=Status.DELIVERED, phase=Phase.DONE, due_at=None, final_at=timezone.now()
    )
    changed = alice.get(at(message), {"seen": token})
    assert changed.status_code == 200
    assert "every 2s" not in changed.content.decode()


# -- what a person can do


@pytest.fixture
def unknown(sender: Sender) -> Message:
    return factories.message(sender, phase=Phase.UNKNOWN, due_at=None, reason=Reason.TIMED_OUT, attempts=1)


def test_resending_asks_first_and_names_the_risk(alice: Client, unknown: Message) -> None:
    question = words(alice.get(at(unknown, "resend/")))
    assert (
        "This message may already have been sent. The recipient could get it twice, and you could be charged twice."
    ) in question
    assert Message.objects.count() == 1


def test_a_resend_is_a_new_message_and_the_original_stays(alice: Client, unknown: Message) -> None:
    response = alice.post(at(unknown, "resend/"))
    again = Message.objects.get(resend_of=unknown)
    assert at(again) in response["HX-Location"]
    assert (again.to, again.text, again.status, again.origin) == (unknown.to, unknown.text, "queued", "resend")
    unknown.refresh_from_db()
    assert unknown.phase == Phase.UNKNOWN
    assert ("info", "Resent manually") in line(unknown)


def test_a_message_is_not_resent_twice_while_its_repeat_is_under_way(alice: Client, unknown: Message) -> None:
    alice.post(at(unknown, "resend/"))
    alice.post(at(unknown, "resend/"))
    assert Message.objects.filter(resend_of=unknown).count() == 1
    assert "Resend" not in words(alice.get(at(unknown))).replace("Resend", "")


@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED])
def test_what_is_well_cannot_be_resent(alice: Client, sender: Sender, status: Status) -> None:
    message = factories.message(sender, status=status)
    alice.post(at(message, "resend/"))
    assert Message.objects.count() == 1


def test_marking_as_sent_settles_an_unknown_outcome(alice: Client, unknown: Message) -> None:
    assert "Mark as sent? Bitrix24 will show it as sent." in words(alice.get(at(unknown, "mark-sent/")))
    alice.post(at(unknown, "mark-sent/"))
    unknown.refresh_from_db()
    assert (unknown.status, unknown.phase) == (Status.SENT, Phase.DONE)
    assert "The status is already known." in str(alice.post(at(unknown, "mark-sent/"))["HX-Trigger"])


def test_what_waits_can_be_stopped_and_what_has_left_cannot(alice: Client, sender: Sender) -> None:
    waiting, gone = factories.message(sender), factories.message(sender, phase=Phase.ON_WIRE, due_at=None)
    alice.post(at(waiting, "cancel/"))
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == (Status.FAILED, Reason.CANCELLED)
    assert "Too late" in str(alice.post(at(gone, "cancel/"))["HX-Trigger"])
    gone.refresh_from_db()
    assert gone.status == Status.QUEUED


@pytest.mark.parametrize("path", ["", "resend/", "mark-sent/", "cancel/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_charlie_finds_nothing_of_alice_s(unknown: Message, path: str, method: str) -> None:
    charlies = factories.portal("charlie")
    address = at(unknown, path).replace(unknown.portal.uuid.hex, charlies.uuid.hex)
    assert getattr(factories.visitor(charlies), method)(address).status_code in (404, 405)
    assert Message.objects.get().phase == Phase.UNKNOWN


@pytest.mark.parametrize("path", ["resend/", "mark-sent/", "cancel/"])
def test_bob_can_do_nothing_even_with_his_own(sender: Sender, path: str) -> None:
    own = factories.message(sender, phase=Phase.UNKNOWN, due_at=None, author_id=factories.BOB)
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    assert bob.post(at(own, path)).status_code == 403
    assert Message.objects.get().phase == Phase.UNKNOWN


def test_bob_does_not_find_alice_s_message(unknown: Message) -> None:
    bob = factories.visitor(unknown.portal, factories.BOB, is_admin=False)
    assert bob.get(at(unknown)).status_code == 404


# -- links into the CRM


@pytest.mark.parametrize(
    ("links", "paths"),
    [
        ({"bindings": [{"OWNER_TYPE_ID": "3", "OWNER_ID": "42"}]}, ["/crm/contact/details/42/"]),
        ({"bindings": {"0": {"OWNER_TYPE_ID": "1", "OWNER_ID": "7"}}}, ["/crm/lead/details/7/"]),
        ({"bindings": [{"OWNER_TYPE_ID": "180", "OWNER_ID": "5"}]}, ["/crm/type/180/details/5/"]),
        ({"document_id": ["crm", "CCrmDocumentDeal", "DEAL_123"]}, ["/crm/deal/details/123/"]),
        ({"bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "../../admin"}]}, []),
        ({"bindings": [{"OWNER_TYPE_ID": "14", "OWNER_ID": "9"}]}, []),
        ({"bindings": "nonsense", "document_id": {"0": "crm"}}, []),
        ({"bindings": ["nonsense", 5, None]}, []),
        ({}, []),
    ],
)
def test_only_links_that_the_portal_opens_are_offered(links: dict[str, Any], paths: list[str]) -> None:
    assert [link.path for link in crm_links(links)] == paths


def test_the_portal_is_named_in_no_exchange_of_others(alice: Client, sender: Sender) -> None:
    foreign: Portal = factories.portal("charlie")
    message = factories.message(sender)
    exchange(message, portal_id=foreign.pk, request="foreign words")
    assert "foreign words" not in alice.get(at(message)).content.decode()


def test_what_was_said_to_bitrix24_is_in_the_rest_log_alone(alice: Client, sender: Sender) -> None:
    message = factories.message(sender)
    exchange(message)
    exchange(message, peer="bitrix24", host="alice.bitrix24.example", path="/rest/crm.timeline.logmessage.add.json")
    page = words(alice.get(at(message)))
    assert "POST api.twilio.com" in page
    assert "bitrix24.example" not in page
