"""A person's number and texts are erased everywhere, nobody else's are, and the tallies stay."""

import re
from collections.abc import Iterator
from datetime import timedelta
from hashlib import blake2s
from typing import Any

import pytest
from django.apps import apps
from django.db import connection as database
from django.utils import timezone

from b24app.audit import models as audit
from b24app.audit import removed_numbers
from b24app.exchange_log.models import Exchange
from b24app.messaging import sweep, tasks
from b24app.messaging.guards import stop_list
from b24app.messaging.models import Connection, DayTally, DeliveryReport, Message, Sender
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.guards import CapUse, StoppedNumber, StopSource
from b24app.messaging.models.statuses import Change, Phase, Reason, Status
from b24app.messaging.privacy import number_erasure
from b24app.messaging.reports import applier
from b24app.portals.crm_names import names
from b24app.portals.models import CrmName, Portal
from tests import factories
from tests.factories import ALICE

pytestmark = pytest.mark.django_db

NUMBER, TEXT = "+12025550147", "Your order 4711 is ready."
TRACES = (NUMBER.removeprefix("+"), "0147", "4711", "Jane Doe")
AN_ID = re.compile("[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")  # of chance, and so may have these digits
ROOMS = ("messaging", "journal", "portals", "console")


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice")))


@pytest.fixture
def portal(sender: Sender) -> Portal:
    return sender.portal


def to_jane(sender: Sender, **fields: object) -> Message:
    values = {"to": NUMBER, "raw_to": "(202) 555-0147", "text": TEXT, "links": {"CONTACT": "Jane Doe"}}
    return factories.message(sender, **{"status": Status.DELIVERED, "parts": 1, **values, **fields})


def report(message: Message | None, sender: Sender, **fields: object) -> DeliveryReport:
    values = {"fingerprint": f"of {message and message.pk}", "word": "delivered", "recipient": NUMBER, "due_at": None}
    return DeliveryReport.objects.create(
        **{"connection": sender.connection, "message": message, "detail": f"{NUMBER} got it", **values, **fields}
    )


def exchange(message: Message) -> Exchange:
    return Exchange.objects.create(
        at=timezone.now(), portal_id=message.portal_id, message_id=message.pk, peer="demo", method="POST", host="h",
        path="/", request=f"To={NUMBER}",
    )  # fmt: skip


def written() -> Iterator[tuple[str, str, str]]:
    """Table, column and value of every text that the house keeps."""
    with database.cursor() as cursor:
        for model in [model for room in ROOMS for model in apps.get_app_config(room).get_models()]:
            table = model._meta.db_table
            columns = [field.column for field in model._meta.concrete_fields]
            wanted = ", ".join(f'"{one}"::text' for one in columns)
            cursor.execute(f"SELECT {wanted} FROM {table}")  # noqa: S608 - our own tables
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    yield table, str(column), AN_ID.sub("", str(value or ""))


def traces() -> list[tuple[str, str]]:
    return [(table, column) for table, column, value in written() for trace in TRACES if trace in value]


def forget(portal: Portal, *, keep: bool = False, why: str = "") -> Erasure:
    erasure = number_erasure.request_erasure(portal, NUMBER, ALICE, keep_stopped=keep, why=why)
    while number_erasure.run_erasure(erasure.pk):
        Erasure.objects.update(due_at=timezone.now())
    erasure.refresh_from_db()
    return erasure


def test_nothing_of_the_number_or_the_texts_is_left_in_any_column(sender: Sender, portal: Portal) -> None:
    delivered = to_jane(sender, detail=f"{NUMBER} is fine", note="Jane Doe")
    failed = to_jane(sender, status=Status.FAILED, reason=Reason.OPT_OUT)
    unknown = to_jane(sender, status=Status.QUEUED, phase=Phase.UNKNOWN, due_at=None)
    for message in (delivered, failed, unknown):
        report(message, sender)
        exchange(message)
    report(None, sender, recipient=NUMBER.removeprefix("+"))
    digest = blake2s(NUMBER.encode(), digest_size=16).hexdigest()
    CapUse.objects.create(portal=portal, kind="recipient_hour", key=digest, since=timezone.now(), used=1)
    Connection.objects.update(error_words=f"{NUMBER} is not allowed")
    stop_list.add_numbers(portal, {NUMBER: "Jane Doe asked on the phone"}, StopSource.HAND, ALICE)
    assert len(traces()) > 10
    erasure = forget(portal)
    assert traces() == []
    assert not CapUse.objects.exists()
    assert not Exchange.objects.exists()
    assert (erasure.found, erasure.erased, erasure.number, erasure.due_at) == (3, 3, "", None)
    assert erasure.finished_at is not None
    assert [one.status for one in Message.objects.order_by("pk")] == [Status.DELIVERED, Status.FAILED, Status.QUEUED]
    assert Message.objects.filter(phase=Phase.UNKNOWN).count() == 1
    assert DeliveryReport.objects.filter(word="delivered").count() == 4


def test_other_numbers_and_portals_are_not_touched(sender: Sender, portal: Portal) -> None:
    neighbour = to_jane(sender, to="+12025550148", raw_to="", text="hello neighbour", links={})
    charlies = to_jane(factories.sender(factories.connection(factories.portal("charlie"))))
    reported = report(charlies, charlies.sender)
    exchange(charlies)
    stop_list.add_numbers(charlies.portal, {NUMBER: "his"}, StopSource.HAND, ALICE)
    mine = to_jane(sender)
    forget(portal)
    for message in (neighbour, charlies, mine):
        message.refresh_from_db()
    reported.refresh_from_db()
    assert (neighbour.to, neighbour.text) == ("+12025550148", "hello neighbour")
    assert (charlies.to, charlies.text, reported.recipient) == (NUMBER, TEXT, NUMBER)
    assert (mine.to, mine.text) == ("", "")
    assert Exchange.objects.count() == 1
    assert StoppedNumber.objects.get().note == "his"


def test_waiting_messages_are_cancelled_first_and_the_tallies_stay(sender: Sender, portal: Portal) -> None:
    waiting = to_jane(sender, status=Status.QUEUED)
    sent = to_jane(sender, status=Status.QUEUED)
    Message.objects.advance([Change(pk=sent.pk, status=Status.DELIVERED, parts=1)])
    before = {(one.status, one.messages) for one in DayTally.objects.filter(messages__gt=0)}
    assert ("delivered", 1) in before
    forget(portal)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason, waiting.to, waiting.text) == (Status.FAILED, Reason.CANCELLED, "", "")
    assert waiting.push_at is not None  # the portal is told
    after = {(one.status, one.reason): one.messages for one in DayTally.objects.filter(messages__gt=0)}
    assert after["delivered", ""] == 1
    assert after["failed", "cancelled"] == 1


def test_messages_on_the_wire_are_waited_for(sender: Sender, portal: Portal) -> None:
    flying = to_jane(sender, status=Status.QUEUED, phase=Phase.ON_WIRE, due_at=None)
    done = to_jane(sender)
    erasure = number_erasure.request_erasure(portal, NUMBER, ALICE, keep_stopped=False, why="")
    again = number_erasure.run_erasure(erasure.pk)
    assert again is not None
    assert number_erasure.run_erasure(erasure.pk) is None  # not before its time
    flying.refresh_from_db()
    done.refresh_from_db()
    assert (flying.to, done.to) == (NUMBER, "")
    Message.objects.advance([Change(pk=flying.pk, status=Status.SENT, ref="r1")])
    Erasure.objects.update(due_at=timezone.now())
    assert number_erasure.run_erasure(erasure.pk) is None
    erasure.refresh_from_db()
    assert (erasure.erased, erasure.due_at) == (2, None)
    assert traces() == []


def test_a_late_report_does_not_bring_the_number_back(sender: Sender, portal: Portal) -> None:
    to_jane(sender, status=Status.SENT, ref="r1")
    forget(portal)
    report(None, sender, ref="r1", status="delivered", due_at=timezone.now())
    applier.apply_due()
    assert Message.objects.get().status == Status.DELIVERED
    assert traces() == []


def test_messages_after_the_request_are_not_erased(sender: Sender, portal: Portal) -> None:
    erasure = number_erasure.request_erasure(portal, NUMBER, ALICE, keep_stopped=False, why="")
    new = to_jane(sender, now=timezone.now() + timedelta(seconds=1))
    number_erasure.run_erasure(erasure.pk)
    new.refresh_from_db()
    assert (new.to, new.text) == (NUMBER, TEXT)
    assert Erasure.objects.get().due_at is None


def test_the_stop_list_keeps_the_number_only_on_request_and_with_a_reason(sender: Sender, portal: Portal) -> None:
    stop_list.add_numbers(portal, {NUMBER: "Jane Doe"}, StopSource.HAND, ALICE)
    forget(portal, keep=True, why="she wants no more messages")
    entry = StoppedNumber.objects.get()
    assert (entry.number, entry.note) == (NUMBER, "she wants no more messages")
    assert {table for table, _column in traces()} == {"messaging_stoppednumber"}
    forget(portal)
    assert not StoppedNumber.objects.exists()


def test_an_erased_number_does_not_come_back_by_undoing_its_removal(
    portal: Portal, django_capture_on_commit_callbacks: Any
) -> None:
    stop_list.add_numbers(portal, {NUMBER: ""}, StopSource.HAND, ALICE)
    with django_capture_on_commit_callbacks(execute=True):
        assert stop_list.remove_number(portal, StoppedNumber.objects.get().pk)
    removal = audit.Change.objects.get(action=audit.Action.REMOVED)
    assert removed_numbers.read_number(removal.uuid) is not None
    with django_capture_on_commit_callbacks(execute=True):
        forget(portal)
    assert removed_numbers.read_number(removal.uuid) is None
    assert not stop_list.restore_number(portal, removal.uuid)
    assert not StoppedNumber.objects.exists()


def test_the_same_request_twice_is_one(portal: Portal) -> None:
    first, second = (
        number_erasure.request_erasure(portal, NUMBER, ALICE, keep_stopped=False, why="") for _ in range(2)
    )
    assert first == second
    another = number_erasure.request_erasure(portal, "+12025550148", ALICE, keep_stopped=False, why="")
    assert another != first


def test_many_are_erased_in_batches_and_the_sweep_resumes(
    sender: Sender, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(number_erasure, "BATCH_SIZE", 2)
    for _ in range(5):
        to_jane(sender)
    erasure = number_erasure.request_erasure(portal, NUMBER, ALICE, keep_stopped=False, why="")
    assert sweep.to_erase() == [erasure.pk]
    assert number_erasure.run_erasure(erasure.pk, seconds=0) is not None
    assert Message.objects.filter(to=NUMBER).count() == 5
    Erasure.objects.update(due_at=timezone.now())
    assert sweep.to_erase() == [erasure.pk]
    tasks.erase_number(erasure.pk)
    assert not Message.objects.filter(to=NUMBER).exists()
    assert Erasure.objects.get().erased == 5
    assert sweep.to_erase() == []


def test_an_export_has_everything_of_a_number_oldest_first_and_nothing_else(
    sender: Sender, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(number_erasure, "BATCH_SIZE", 2)
    now = timezone.now()
    mine = [to_jane(sender, now=now - timedelta(hours=hours)) for hours in (5, 4, 4, 4, 1)]
    reported = report(mine[3], sender)
    to_jane(sender, to="+12025550148")
    to_jane(factories.sender(factories.connection(factories.portal("charlie"))))
    told = list(number_erasure.export_number(portal, NUMBER))
    assert [one.message for one in told] == mine
    assert [list(one.reports) for one in told] == [[], [], [], [reported], []]
    known = number_erasure.summarize_number(portal, NUMBER)
    assert (known.messages, known.oldest, known.stopped) == (5, mine[0].received_at, None)


def test_the_person_s_name_in_the_crm_is_forgotten_and_nobody_else_s(portal: Portal, sender: Sender) -> None:
    to_jane(sender)
    for number, phone in ((1, NUMBER), (2, "+12025550148")):
        CrmName.objects.create(
            portal=portal, viewer=number, type_id=3, item_id=number, name=f"Person {number}",
            phones=[names.digest_phone(portal, phone)], asked_at=timezone.now(),
        )  # fmt: skip
    erasure = number_erasure.request_erasure(portal, NUMBER, ALICE, keep_stopped=False, why="")
    tasks.erase_number(erasure.pk)
    assert list(CrmName.objects.values_list("name", flat=True)) == ["Person 2"]
