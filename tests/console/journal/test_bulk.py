"""Acting on many messages at once: what is counted and asked, what is done, once, and to whose."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.journal import pagination
from b24app.console.journal.bulk import bulk_job
from b24app.core.redis import redis_client
from b24app.messaging.actions import messages
from b24app.messaging.actions.bulk import BulkAction
from b24app.messaging.models import DayTally, Message, Sender
from b24app.messaging.models.statuses import Change, Phase, Reason, Status
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    redis_client().flushdb()
    return factories.sender(factories.connection(factories.portal("alice"), title="Acme"))


@pytest.fixture
def house(sender: Sender) -> dict[str, Message]:
    """One of each, all in one portal."""
    return {
        "waiting": factories.message(sender, text="waiting"),
        "on wire": factories.message(sender, text="on wire", phase=Phase.ON_WIRE, due_at=None),
        "unknown": factories.message(sender, text="unknown", phase=Phase.UNKNOWN, due_at=None, reason=Reason.TIMED_OUT),
        "sent": factories.message(sender, text="sent", status=Status.SENT),
        "delivered": factories.message(sender, text="delivered", status=Status.DELIVERED),
        "undelivered": factories.message(sender, text="undelivered", status=Status.UNDELIVERED),
        "failed": factories.message(sender, text="failed " * 30, status=Status.FAILED),
        "emptied": factories.message(sender, text="", status=Status.FAILED),
    }


def at(sender: Sender, name: str = "many") -> str:
    return f"/p/{sender.portal.uuid.hex}/journal/{name}/"


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def sealed(response: Any) -> str:
    [job] = set(re.findall(r'"job": "([^"]*)"', response.content.decode()))
    return str(job)


def question(client: Client, sender: Sender, act: str, query: str = "", ticked: list[Message] | None = None) -> Any:
    """Press the button, and go on as the page does until something is asked or said."""
    body: dict[str, Any] = {"act": act, "query": query, "m": [one.reference.hex for one in ticked or []]}
    response: Any = client.post(at(sender), body if ticked else {**body, "all": "1"})
    while 'hx-trigger="load"' in response.content.decode():
        response = client.post(at(sender), {"job": sealed(response)})
    return response


def confirm(client: Client, sender: Sender, job: str) -> Any:
    response: Any = client.post(at(sender), {"job": job, "sure": "1"})
    while 'hx-trigger="load"' in response.content.decode():
        response = client.post(at(sender), {"job": sealed(response)})
    return response


def test_the_bar_says_what_can_be_done_with_the_ticked(
    alice: Client, sender: Sender, house: dict[str, Message]
) -> None:
    ticked = [house[name].reference.hex for name in ("waiting", "unknown", "failed", "delivered", "emptied")]
    shown = words(alice.post(at(sender, "chosen"), {"m": ticked}))
    assert "5 selected" in shown
    assert "Resend (2)" in shown
    assert "Mark as sent (1)" in shown
    assert "Cancel sending (1)" in shown


@pytest.mark.parametrize(
    ("query", "acts"),
    [
        ("", ["Resend", "Mark as sent", "Cancel sending"]),
        ("status=unknown", ["Resend", "Mark as sent"]),
        ("status=waiting", ["Cancel sending"]),
        ("status=failed", ["Resend"]),
        ("status=delivered", []),
    ],
)
def test_all_that_match_are_a_choice_of_their_own_with_what_the_filters_may_find(
    alice: Client, sender: Sender, query: str, acts: list[str]
) -> None:
    shown = words(alice.post(at(sender, "chosen"), {"query": query, "all": "1"}))
    assert [act for act in ("Resend", "Mark as sent", "Cancel sending") if act in shown] == acts


def test_nothing_can_be_done_while_nothing_is_selected(
    alice: Client, sender: Sender, house: dict[str, Message]
) -> None:
    page = alice.get(f"/p/{sender.portal.uuid.hex}/journal/").content.decode()
    [bar] = re.findall(r'<form class="bulk".*?</form>', page, flags=re.DOTALL)
    assert ("hidden" in bar.split(">")[0], "<button" in bar) == (True, False)
    for act in ("resend", "mark_sent", "cancel"):
        response = alice.post(at(sender), {"act": act})
        assert ("alertdialog" in response.content.decode(), '"job"' in response.content.decode()) == (False, False)
    assert Message.objects.count() == len(house)


def test_a_selection_offers_to_take_all_that_match(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    ticked = [house["failed"].reference.hex]
    assert "1 selected Select all 2 matching" in words(
        alice.post(at(sender, "chosen"), {"m": ticked, "query": "status=failed"})
    )
    both = [*ticked, house["emptied"].reference.hex]
    assert "Select all" not in words(alice.post(at(sender, "chosen"), {"m": both, "query": "status=failed"}))
    shown = words(alice.post(at(sender, "chosen"), {"query": "status=failed", "all": "1"}))
    assert "All 2 matching messages selected" in shown
    assert "Clear selection" in shown


def test_the_question_names_the_price_as_it_has_been_lately(
    alice: Client, sender: Sender, house: dict[str, Message]
) -> None:
    assert "The price is unknown." in words(question(alice, sender, "resend"))
    tally(sender, parts=100, money="0.79", currency="USD")
    assert "Uses 4 segments. Estimated price: USD 0.0316 ." in words(question(alice, sender, "resend"))
    other = factories.sender(sender.connection)
    factories.message(other, status=Status.FAILED)
    assert "Estimated price: at least USD 0.0316 ." in words(question(alice, sender, "resend"))
    tally(other, parts=10, money="30", currency="EUR")
    assert "Estimated price: EUR 3.00 and USD 0.0316 ." in words(question(alice, sender, "resend"))


def tally(sender: Sender, **fields: Any) -> None:
    DayTally.objects.create(
        portal=sender.portal, connection=sender.connection, sender=sender, day=timezone.localdate(),
        status=Status.DELIVERED, messages=1, **fields,
    )  # fmt: skip


def test_resending_names_how_many_what_it_costs_and_the_risk_and_does_nothing_yet(
    alice: Client, sender: Sender, house: dict[str, Message]
) -> None:
    shown = words(question(alice, sender, "resend"))
    assert "Resend 3 messages?" in shown
    assert "Uses 4 segments." in shown
    assert "1 of them may already have been sent; the recipient could get it twice." in shown
    assert Message.objects.count() == len(house)


def test_all_that_match_are_resent_as_one_is(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    response = confirm(alice, sender, sealed(question(alice, sender, "resend")))
    assert "Sending 3 messages" in response["HX-Trigger"]
    again = Message.objects.exclude(resend_of=None)
    assert {one.resend_of_id for one in again} == {house[name].pk for name in ("unknown", "undelivered", "failed")}
    assert {(one.origin, one.status, one.author_id) for one in again} == {("resend", "queued", factories.ALICE)}
    house["unknown"].refresh_from_db()
    assert house["unknown"].phase == Phase.UNKNOWN


def test_only_the_ticked_are_meant_when_some_are(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    asked = question(alice, sender, "resend", ticked=[house["failed"], house["delivered"]])
    assert "Resend 1 message?" in words(asked)
    confirm(alice, sender, sealed(asked))
    assert [one.resend_of_id for one in Message.objects.exclude(resend_of=None)] == [house["failed"].pk]


def test_pressed_twice_it_is_done_once(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    job = sealed(question(alice, sender, "resend"))
    confirm(alice, sender, job)
    assert "Sending 0 messages" in confirm(alice, sender, job)["HX-Trigger"]
    assert Message.objects.exclude(resend_of=None).count() == 3


def test_pressed_twice_it_is_done_once_even_if_the_repeats_have_failed(
    alice: Client, sender: Sender, house: dict[str, Message]
) -> None:
    job = sealed(question(alice, sender, "resend", "status=failed"))
    confirm(alice, sender, job)
    [again] = Message.objects.exclude(resend_of=None)
    Message.objects.advance([Change(pk=again.pk, status=Status.FAILED)])
    confirm(alice, sender, job)
    assert Message.objects.exclude(resend_of=None).count() == 1


def test_of_a_chain_of_repeats_only_the_last_is_repeated(
    alice: Client, sender: Sender, house: dict[str, Message]
) -> None:
    again = messages.resend_message(house["failed"], None)
    Message.objects.advance([Change(pk=again.pk, status=Status.FAILED)])
    asked = question(alice, sender, "resend", "status=failed")
    assert "Resend 1 message?" in words(asked)
    confirm(alice, sender, sealed(asked))
    assert Message.objects.latest("pk").resend_of_id == again.pk


def test_what_fails_after_the_question_is_not_meant(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    job = sealed(question(alice, sender, "resend", "status=failed"))
    late = factories.message(sender, now=timezone.now() + timedelta(seconds=5), status=Status.FAILED)
    confirm(alice, sender, job)
    assert not late.resends.exists()


def test_never_more_are_done_than_were_named(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    job = sealed(question(alice, sender, "resend", "status=failed"))
    Message.objects.filter(pk=house["sent"].pk).update(status=Status.FAILED)
    confirm(alice, sender, job)
    assert Message.objects.exclude(resend_of=None).count() == 1


def test_unknown_ones_are_marked_as_sent(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    asked = question(alice, sender, "mark_sent")
    assert "Mark 1 message as sent? Bitrix24 will show it as sent." in words(asked)
    assert "1 message marked as sent" in confirm(alice, sender, sealed(asked))["HX-Trigger"]
    house["unknown"].refresh_from_db()
    assert (house["unknown"].status, house["unknown"].phase) == (Status.SENT, Phase.DONE)


def test_several_are_asked_about_as_several(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    factories.message(sender, phase=Phase.UNKNOWN, due_at=None)
    asked = words(question(alice, sender, "mark_sent"))
    assert "Mark 2 messages as sent? Bitrix24 will show them as sent." in asked


def test_waiting_ones_are_stopped_and_those_on_the_wire_are_not(
    alice: Client, sender: Sender, house: dict[str, Message]
) -> None:
    asked = question(alice, sender, "cancel")
    assert "Cancel 1 queued message?" in words(asked)
    assert "1 message canceled" in confirm(alice, sender, sealed(asked))["HX-Trigger"]
    house["waiting"].refresh_from_db()
    assert (house["waiting"].status, house["waiting"].reason) == (Status.FAILED, Reason.CANCELLED)
    house["on wire"].refresh_from_db()
    assert house["on wire"].phase == Phase.ON_WIRE


@pytest.mark.parametrize("act", ["resend", "mark_sent", "cancel"])
def test_many_steps_do_what_one_does_without_gap_or_repeat(
    alice: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    for name, value in {"STEP_SECONDS": 0, "COUNT_BATCH": 3, "RUN_BATCH": 2}.items():
        monkeypatch.setattr(bulk_job, name, value)
    monkeypatch.setattr(pagination, "MAX_SCANNED", 4)
    now = timezone.now()
    for age in range(11):
        wanted = {} if act == "cancel" else {"phase": Phase.UNKNOWN, "due_at": None}
        factories.message(sender, now=now - timedelta(seconds=age // 3), **wanted)
        factories.message(sender, now=now - timedelta(seconds=age // 3), status=Status.DELIVERED)
    monkeypatch.setattr(bulk_job, "STEP_SECONDS", 0.000001)
    first = alice.post(at(sender), {"act": act, "all": "1"})
    assert "2 found so far" in words(first)
    response = question(alice, sender, act)
    assert "11" in words(response)
    monkeypatch.setattr(bulk_job, "STEP_SECONDS", 0.001)
    response = confirm(alice, sender, sealed(response))
    assert re.search(r'"words": ".*11 messages', response["HX-Trigger"])


def test_after_it_the_page_that_was_open_is_shown(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    job = sealed(question(alice, sender, "cancel"))
    there = f"https://sendline.example/p/{sender.portal.uuid.hex}/journal/?status=waiting&before=abc"
    response = alice.post(at(sender), {"job": job, "sure": "1"}, headers={"HX-Current-URL": there})
    assert f"/p/{sender.portal.uuid.hex}/journal/?status=waiting&before=abc" in response["HX-Location"]


def test_where_nothing_can_be_done_it_says_so(alice: Client, sender: Sender) -> None:
    assert "None of the selected messages allows this action." in words(question(alice, sender, "cancel"))


@pytest.mark.parametrize("body", [{"act": "delete"}, {"job": "nonsense"}, {"job": "nonsense", "sure": "1"}, {}])
def test_nonsense_is_answered_with_the_bar(
    alice: Client, sender: Sender, house: dict[str, Message], body: dict[str, str]
) -> None:
    response = alice.post(at(sender), body)
    assert response.status_code == 200
    assert 'id="bulk"' in response.content.decode()
    assert "alertdialog" not in response.content.decode()
    assert Message.objects.count() == len(house)


def test_what_was_not_counted_to_the_end_cannot_be_confirmed(
    alice: Client, sender: Sender, house: dict[str, Message]
) -> None:
    job = bulk_job.start_job(BulkAction.CANCEL, "", ()).seal_for(sender.portal, factories.ALICE)
    alice.post(at(sender), {"job": job, "sure": "1"})
    house["waiting"].refresh_from_db()
    assert house["waiting"].phase == Phase.WAITING


def test_charlie_can_neither_tick_nor_use_alice_s(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    charlies = factories.sender(factories.connection(factories.portal("charlie")))
    charlie = factories.visitor(charlies.portal)
    ticked = [house["waiting"]]
    assert "None of the selected messages allows this action." in words(
        question(charlie, charlies, "cancel", ticked=ticked)
    )
    bar = words(charlie.post(at(charlies, "chosen"), {"m": [ticked[0].reference.hex]}))
    assert "1 selected" not in bar
    assert "(1)" not in bar
    job = sealed(question(alice, sender, "cancel"))
    confirm(charlie, charlies, job)
    assert charlie.post(at(sender), {"job": job, "sure": "1"}).status_code == 401
    house["waiting"].refresh_from_db()
    assert house["waiting"].phase == Phase.WAITING


@pytest.mark.parametrize("name", ["chosen", "many"])
def test_bob_can_do_nothing(alice: Client, sender: Sender, house: dict[str, Message], name: str) -> None:
    job = sealed(question(alice, sender, "cancel"))
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    assert bob.post(at(sender, name), {"job": job, "sure": "1", "act": "cancel"}).status_code == 403
    house["waiting"].refresh_from_db()
    assert house["waiting"].phase == Phase.WAITING


def test_a_job_is_the_one_s_who_asked(alice: Client, sender: Sender, house: dict[str, Message]) -> None:
    job = sealed(question(alice, sender, "cancel"))
    other = factories.visitor(sender.portal, 99)
    other.post(at(sender), {"job": job, "sure": "1"})
    house["waiting"].refresh_from_db()
    assert house["waiting"].phase == Phase.WAITING


def test_ticks_live_through_a_poll_and_only_what_can_be_acted_on_has_a_box(
    alice: Client, sender: Sender, house: dict[str, Message]
) -> None:
    page = alice.get(at(sender, "").replace("//", "/"), {"m": house["failed"].reference.hex}).content.decode()
    boxes = re.findall(r'name="m" value="([0-9a-f]+)"\s+id="[^"]*"\s*(checked)?', page)
    wanted = ("failed", "undelivered", "unknown", "waiting")
    assert boxes == [(house[name].reference.hex, "checked" if name == "failed" else "") for name in wanted]


def test_bob_s_rows_have_no_boxes(sender: Sender) -> None:
    factories.message(sender, author_id=factories.BOB)
    bob = factories.visitor(sender.portal, factories.BOB, is_admin=False)
    page = bob.get(f"/p/{sender.portal.uuid.hex}/journal/").content.decode()
    assert 'type="checkbox"' not in page
    assert "journal/many" not in page
