"""Handler calls in the REST log: those that became a message by its row, the others by a row of their own."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Message, Sender
from b24app.portals.models import Portal
from b24app.portals.rest import exchange_records
from b24app.webhooks import portal_messages
from tests import factories
from tests.handler_calls import fields, post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_records, "_refused", type(exchange_records._refused)(60.0, 100))


def recorded() -> list[tuple[str, str, int, str, str]]:
    rows = Exchange.objects.order_by("pk")
    return [(one.method, one.name, one.status, one.error, one.request) for one in rows]


def test_a_call_that_becomes_a_message_costs_no_further_statement(sender: Sender) -> None:
    assert post(sender, fields(message_id="first")) == 200  # reads the sender's settings
    with CaptureQueriesContext(connection) as queries:
        assert post(sender, fields(message_id="second")) == 200
    tables = [one["sql"] for one in queries.captured_queries if "exchange" in one["sql"]]
    assert tables == []
    assert Message.objects.count() == 2
    assert recorded() == []


def test_a_refused_call_is_recorded_with_its_reason_and_its_id(sender: Sender) -> None:
    Portal.objects.update(generation=2)
    Sender.objects.update(installation=1)
    assert post(sender, fields(message_id="m-1")) == 403
    assert recorded() == [("CALL", "handler", 403, "earlier installation", "MESSAGE_ID=m-1")]
    assert Exchange.objects.get().portal_id == sender.portal_id
    assert not Message.objects.exists()


def test_an_id_that_is_none_stays_out_of_the_record(sender: Sender) -> None:
    Portal.objects.update(generation=2)
    Sender.objects.update(installation=1)
    assert post(sender, fields(message_id="Hello, +1 202 555 0147")) == 403
    assert recorded() == [("CALL", "handler", 403, "earlier installation", "")]


def test_what_is_no_message_or_too_large_is_recorded(sender: Sender) -> None:
    assert post(sender, b"") == 400
    assert post(sender, fields(message_body="x" * (1024 * 1024))) == 413
    assert recorded() == [
        ("CALL", "handler", 400, "not a message", ""),
        ("CALL", "handler", 413, "too large", ""),
    ]


def test_a_flood_of_refused_calls_fills_no_log_and_no_other_portals_budget(sender: Sender) -> None:
    for _ in range(exchange_records.REFUSED_A_MINUTE + 5):
        assert post(sender, b"") == 400
    assert Exchange.objects.count() == exchange_records.REFUSED_A_MINUTE
    charlies = factories.sender(factories.connection(factories.portal("charlie")), code="s1")
    assert post(charlies, b"") == 400
    assert Exchange.objects.filter(portal_id=charlies.portal_id).count() == 1


def test_a_call_that_waited_on_the_disk_and_is_refused_then_was_answered_200(sender: Sender) -> None:
    record = {
        "sender": sender.uuid.hex,
        "generation": 1,
        "payload": {"message_id": "m-2", "auth": {}},
        "received_at": timezone.now().isoformat(),
    }
    Sender.objects.update(oldest_generation=2, previous_until=timezone.now() - timedelta(days=1))
    portal_messages.replay_message(record)
    assert recorded() == [("CALL", "handler", 200, "address replaced", "MESSAGE_ID=m-2")]


def test_a_portal_that_is_being_erased_gets_no_new_row(sender: Sender) -> None:
    Portal.objects.update(uninstalled_at=timezone.now(), erase_at=timezone.now())
    assert post(sender, fields()) == 403
    assert recorded() == []
