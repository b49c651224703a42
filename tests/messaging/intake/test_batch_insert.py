"""Messages and reports of concurrent calls: inserted together, each once, and none at another's expense."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
import pytest
from django.db import connection, connections
from django.utils import timezone

from b24app.messaging.intake import acceptance, batch_insert
from b24app.messaging.intake import payload as wishes
from b24app.messaging.models import DeliveryReport, Message, Sender
from b24app.messaging.models.statuses import Status
from b24app.messaging.reports import acceptance as reports
from b24app.messaging.reports import batch_insert as keeping
from providers.kit import contract
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
Answer = TypeVar("Answer")
AT_ONCE, PATIENCE = 8, 120.0
SAID = contract.Report(ref="SM1", status=None, word="sent")


@pytest.fixture
def sender(db: None) -> Sender:
    return factories.sender(factories.connection(factories.portal()))


def payload(message_id: str) -> Mapping[str, Any]:
    return {"message_id": message_id, "message_to": "+12025550147", "message_body": "Hello", "auth": {}}


def at_once(work: Callable[[int], Answer], count: int) -> list[Answer]:
    """In threads that leave no connection behind."""

    def one(number: int) -> Answer:
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(count), timeout=PATIENCE))


def test_concurrent_calls_are_each_stored_once_and_every_connection_is_enqueued(sender: Sender) -> None:
    other = factories.sender(factories.connection(factories.portal("charlie")))
    senders = [sender, other]

    def accept(number: int) -> acceptance.AcceptedCall | None:
        wish = payload(f"m{number // 4}")  # each comes twice to each of the two
        return acceptance.accept_call(senders[number % 2].uuid.hex, wish, timezone.now())

    taken = [one for one in at_once(accept, 80) if one]
    assert len(taken) == 80
    assert Message.objects.filter(sender=sender).count() == Message.objects.filter(sender=other).count() == 20
    assert {pk for one in taken for pk in one.to_drain} == {sender.connection_id, other.connection_id}


def test_a_message_that_cannot_be_inserted_does_not_affect_others(sender: Sender) -> None:
    terms = batch_insert.sender_settings(sender.uuid)
    assert terms is not None
    now = timezone.now()
    good, bad = (wishes.read_message(payload(message_id), terms, now) for message_id in ("good", "bad"))
    bad = wishes.IncomingMessage({**bad.values, "author_id": 10**30}, None)
    assert batch_insert._insert_batch([good, bad]) == [None, None]
    assert not Message.objects.exists()
    taken = acceptance.accept_call(sender.uuid.hex, payload("good"), now)
    assert taken is not None
    assert not taken.failed
    assert Message.objects.get().message_id == "good"


def test_a_message_of_a_removed_sender_is_skipped_in_a_batch(sender: Sender) -> None:
    removed = factories.sender(sender.connection)
    known = [batch_insert.sender_settings(one.uuid) for one in (sender, removed)]
    Sender.objects.filter(pk=removed.pk).update(state="removing")
    both = [wishes.read_message(payload("m"), one, timezone.now()) for one in known if one]
    assert [one is not None for one in batch_insert._insert_batch(both)] == [True, False]
    assert list(Message.objects.values_list("sender", "status")) == [(sender.pk, Status.QUEUED)]


def test_concurrent_reports_are_each_stored_once(sender: Sender) -> None:
    def keep(number: int) -> None:
        told = contract.Report(ref=f"SM{number // 2}", status=contract.Status.DELIVERED, word="delivered")
        reports.insert_reports(sender.connection_id, [told])

    at_once(keep, 40)
    assert DeliveryReport.objects.filter(connection=sender.connection).count() == 20


def test_a_report_that_cannot_be_inserted_does_not_affect_others(sender: Sender) -> None:
    good = reports._report_row(sender.connection_id, SAID, None, timezone.now())
    bad = {**good, "reference": "no uuid", "fingerprint": "other"}
    assert keeping._insert_calls([[good], [bad]]) == [None, None]
    assert not DeliveryReport.objects.exists()


def test_a_report_for_a_deleted_connection_is_skipped_in_a_batch(sender: Sender) -> None:
    here = reports._report_row(sender.connection_id, SAID, None, timezone.now())
    assert keeping._insert_calls([[here], [{**here, "connection_id": 10**9}]]) == [sender.connection_id, None]
    assert DeliveryReport.objects.count() == 1
    with pytest.raises(reports.NoSuchConnection):
        reports.insert_reports(10**9, [SAID])


@pytest.fixture
def locked(sender: Sender) -> Iterator[Sender]:
    """Create a neighbour's sender, whose portal somebody has locked, and its connection."""
    neighbour = factories.sender(factories.connection(factories.portal("charlie")))
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        other.execute("SELECT FROM portals_portal WHERE id = %s FOR UPDATE", [neighbour.portal_id])
        other.execute("SELECT FROM messaging_connection WHERE id = %s FOR UPDATE", [neighbour.connection_id])
        let_go = threading.Timer(30, other.close)  # whoever waits for it must fail then, not hang
        let_go.start()
        yield neighbour
        let_go.cancel()


def test_a_lock_on_another_portals_rows_delays_nobody(sender: Sender, locked: Sender) -> None:
    terms = [batch_insert.sender_settings(one.uuid) for one in (sender, locked)]
    both = [wishes.read_message(payload("m"), one, timezone.now()) for one in terms if one]
    told = [[reports._report_row(one.connection_id, SAID, None, timezone.now())] for one in (sender, locked)]
    assert [one is not None for one in batch_insert._insert_batch(both)] == [True, False]
    assert keeping._insert_calls(told) == [sender.connection_id, None]


def test_an_unknown_sender_or_account_has_no_settings(db: None) -> None:
    assert batch_insert.sender_settings(uuid.uuid4()) is None
    assert keeping.cached_verifier(uuid.uuid4()) is None
