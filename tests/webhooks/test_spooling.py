"""What the webhooks spool while the database is unavailable: only what is used, and no owner fills the spool."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone
from pytest_django import Settings

from b24app.core import spool
from b24app.messaging.models import DeliveryReport, Message, Sender
from b24app.messaging.models.statuses import Reason, Status
from b24app.portals.models import Portal
from b24app.webhooks.spool_replay import HANDLERS
from tests import factories
from tests.handler_calls import fields, post
from tests.webhooks import twilio_reports

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _small(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.SPOOL_DIR, settings.SPOOL_MAX_MB = tmp_path, 1
    spool._capacity.__init__()  # type: ignore[misc]  # how full it is, is known for some seconds
    yield
    spool._away_until = 0.0
    spool._capacity.__init__()  # type: ignore[misc]


@contextmanager
def outage() -> Iterator[None]:
    """Move the database's socket away; once it is back, replay the spool."""
    port = database.settings_dict["PORT"]
    database.close()
    database.settings_dict["PORT"] = "1"
    try:
        yield
    finally:
        database.settings_dict["PORT"] = port
    spool._away_until = 0.0
    spool.replay_records(HANDLERS)


def another(of: Sender) -> Sender:
    """Charlie's sender, in a portal of his own."""
    charlie = factories.portal()
    account = {"account_sid": "AC1", "auth_token": twilio_reports.TOKEN}
    return factories.sender(factories.connection(charlie, "twilio", account=account), code=of.code)


def test_a_text_reaches_the_disk_no_longer_than_it_is_kept(sender: Sender) -> None:
    long = {"message_body": "x" * 400_000, "properties[message_text]": "y" * 400_000, "module_id": "z" * 100_000}
    with outage():
        assert post(sender, fields(**long)) == 200
        assert spool.size_in_bytes() < 80_000
    message = Message.objects.get()
    assert (message.text, message.module) == ("x" * 20_000, "z" * 40)
    assert (message.status, message.reason) == (Status.FAILED, Reason.TEXT_TOO_LONG)


def test_fields_that_nobody_reads_do_not_reach_the_disk(sender: Sender) -> None:
    wide = {f"properties[extra{number}]": "x" * 4_000 for number in range(90)}
    deep = {f"bindings[{number}][OWNER_ID]": "x" * 4_000 for number in range(90)}
    with outage():
        assert post(sender, fields(**wide, **deep)) == 200
        assert spool.size_in_bytes() < 10_000
    message = Message.objects.get()
    assert (message.text, message.links) == ("Hello", {})


def until_refused(call: Callable[[int], int]) -> int:
    """Return how many calls were spooled until one was refused."""
    return next(number for number in range(2_000) if call(number) != 200)


def test_one_senders_calls_leave_room_for_anothers(sender: Sender) -> None:
    charlies = another(sender)
    with outage():
        kept = until_refused(
            lambda number: post(sender, fields(message_id=f"alpha{number}", message_body="x" * 20_000))
        )
        assert post(sender, fields(message_id="one more", message_body="x" * 20_000)) == 503
        assert [post(charlies, fields(message_id=f"beta{number}")) for number in range(20)] == [200] * 20
    assert kept > 4
    assert Message.objects.filter(sender=sender).count() == kept
    assert Message.objects.filter(sender=charlies).count() == 20


def test_whoever_is_alone_has_a_fifth_of_the_room(sender: Sender) -> None:
    with outage():
        until_refused(lambda number: post(sender, fields(message_id=f"alpha{number}")))
        assert 0.19 * spool.capacity_in_bytes() < spool.size_in_bytes() <= 0.2 * spool.capacity_in_bytes()


def test_many_senders_leave_room_for_one_more(sender: Sender) -> None:
    senders, charlies = [another(sender) for _ in range(10)], another(sender)
    with outage():
        for one in senders:
            until_refused(lambda number, one=one: post(one, fields(message_id=f"alpha{number}")))  # type: ignore[misc]
        assert post(charlies, fields()) == 200


def test_one_connections_reports_leave_room_for_anothers(message: Message, sender: Sender) -> None:
    with outage():
        kept = until_refused(lambda number: twilio_reports.report(message, MessageSid=f"SM{number}", Note="x" * 20_000))
        assert [post(sender, fields(message_id=f"beta{number}")) for number in range(20)] == [200] * 20
    assert kept > 4
    assert DeliveryReport.objects.count() == kept


HALF = '"\\ud83d"'  # of a pair: JSON may say it, no column holds it
CALL = {
    "message_id": "m1",
    "message_to": "+12025550147",
    "message_body": "Hello",
    "module_id": "crm",
    "ts": 5,
    "properties": {"phone_number": "+12025550147", "message_text": "Hello"},
    "bindings": [{"OWNER_ID": "42"}],
    "workflow_id": "w",
    "auth": {"user_id": "7", "access_token": "a", "expires": "0"},
}


@pytest.mark.parametrize("field", [name for name in CALL if name not in {"properties", "bindings", "auth"}])
def test_half_a_surrogate_pair_in_a_field_is_no_poison(sender: Sender, field: str) -> None:
    assert_taken(sender, {**CALL, field: "HALF"})


@pytest.mark.parametrize("field", ["user_id", "access_token", "expires", "HALF"])
def test_half_a_surrogate_pair_in_the_authorisation_is_no_poison(sender: Sender, field: str) -> None:
    expires = str(int(timezone.now().timestamp()) + 3600)
    assert_taken(sender, {**CALL, "auth": {"user_id": "7", "access_token": "a", "expires": expires, field: "HALF"}})


@pytest.mark.parametrize("bindings", ["HALF", ["HALF"], [{"HALF": "1"}], [{"OWNER_ID": "HALF"}]])
def test_half_a_surrogate_pair_in_a_link_is_no_poison(sender: Sender, bindings: object) -> None:
    assert_taken(sender, {**CALL, "bindings": bindings, "properties": {"message_text": "HALF", "HALF": "x"}})


def assert_taken(sender: Sender, call: dict[str, Any]) -> None:
    """Check that it is accepted while the portal lacks a token, and in an outage, without poisoning a record."""
    Portal.objects.update(no_token_since=timezone.now())
    body = json.dumps(call).replace('"HALF"', HALF)
    assert post(sender, body, "application/json") == 200
    assert (Message.objects.count(), spool.waiting_records(), spool.poisoned_records()) == (1, [], [])
    Message.objects.all().delete()
    with outage():
        assert post(sender, body, "application/json") == 200
    assert (Message.objects.count(), spool.waiting_records(), spool.poisoned_records()) == (1, [], [])
