"""Why a message was late: the operator reads it in one command."""

import uuid
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from b24app.audit.models import Action, Change, Kind
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Connection, DeliveryReport, LeaseTakeover, Message, Sender
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait
from b24app.operations.models import Heartbeat
from tests import factories

pytestmark = pytest.mark.django_db
START = timezone.now() - timedelta(hours=1)
DEAD, ALIVE = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice"), "twilio"))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(message: Message | str) -> list[str]:
    """Return the lines without their times."""
    out = StringIO()
    call_command("why", message.reference.hex if isinstance(message, Message) else message, stdout=out)
    return [line[24:] if line[:2] == "20" else line for line in out.getvalue().splitlines()]


def exchange(message: Message, seconds: float, **fields: object) -> None:
    row = {"peer": "twilio", "method": "POST", "host": "api.example", "path": "/", "status": 200, "ms": 85}
    ids = {"portal_id": message.portal_id, "connection_id": message.connection_id, "message_id": message.pk}
    Exchange.objects.create(at=at(seconds), **{**row, **ids, **fields})


def test_a_message_whose_worker_was_killed_says_who_lost_it_and_who_took_over(sender: Sender) -> None:
    seen = {"started_at": START, "spool": "s", "version": "1"}
    beaten = at(1)
    Heartbeat.objects.create(process=DEAD, role="worker", node="node-1", holder=DEAD, beat_at=beaten, **seen)
    Heartbeat.objects.create(process=ALIVE, role="worker", node="node-2", holder=ALIVE, beat_at=timezone.now(), **seen)
    message = factories.message(
        sender, now=START, status=Status.DELIVERED, attempts=1, claimed_by=ALIVE, first_attempt_at=at(37),
        sent_at=at(37.3), final_at=at(41.4), pushed=Status.DELIVERED,
    )  # fmt: skip
    takeover = {"connection_id": message.connection_id, "previous_holder": DEAD, "holder": ALIVE}
    LeaseTakeover.objects.create(ended_at=at(31), at=at(36), **takeover)
    exchange(message, 37.1)
    DeliveryReport.objects.create(
        connection=message.connection, message=message, fingerprint="f", status="delivered", word="delivered",
        received_at=at(41),
    )  # fmt: skip
    exchange(message, 42, peer="bitrix24", message_id=None, messages=[message.pk], path="/rest/batch.json")
    head, *lines, times = told(message)
    assert head.startswith(f"message {message.reference} ({message.pk}) of portal {message.portal_id}, alice")
    previous = f"worker on node-1 (last heartbeat {beaten:%Y-%m-%d %H:%M:%S})"
    assert lines == [
        "received from Bitrix24",
        f"its account's lease, held by {previous}, ended without a release",
        "its account was taken over by worker on node-2",
        "claimed by worker on node-2",
        "twilio: HTTP 200 after 85 ms",
        "accepted by twilio at attempt 1",
        "the service reported delivered",
        "ended as delivered",
        "its status was pushed to the portal: HTTP 200 after 85 ms",
        "delivered; the portal shows delivered",
    ]
    assert times == "waited 37.0 s, attempts 0.3 s, report 4.1 s"
    assert told(str(message.pk)) == told(message)


def test_a_message_that_waits_says_what_for_and_who_did_it(sender: Sender) -> None:
    message = factories.message(sender, now=START, wait=Wait.PAUSED)
    own = {"portal": sender.portal, "kind": Kind.ACCOUNT, "object_id": message.connection_id, "at": at(2)}
    Change.objects.create(user_id=factories.ALICE, action=Action.PAUSED, **own)
    Change.objects.create(user_id=None, action=Action.BLOCKED, **{**own, "at": at(3)})
    Change.objects.create(user_id=9, action=Action.PAUSED, **{**own, "object_id": 0})
    lines = told(message)[1:-1]
    assert lines[:3] == ["received from Bitrix24", "user 1: account paused", "Sendline: account blocked"]
    assert lines[3].startswith("waits: an administrator paused sending; it expires ")
    assert len(lines) == 4


def test_trouble_of_the_account_and_messages_ahead_are_told_but_not_another_tenants(sender: Sender) -> None:
    charlie = factories.sender(factories.connection(factories.portal("charlie"), "twilio"))
    ahead = [factories.message(one, now=at(-5), first_attempt_at=at(8)) for one in (sender, sender, charlie)]
    message = factories.message(
        sender,
        now=START,
        first_attempt_at=at(20),
        attempts=2,
        phase=Phase.UNKNOWN,
        due_at=None,
        reason=Reason.TIMED_OUT,
    )
    exchange(ahead[0], 8, status=503, error="the words of the service about +12025550147")
    exchange(ahead[2], 8, status=500)
    exchange(message, 20, status=0, ms=20_000)
    assert told(message)[1:-1] == [
        "received from Bitrix24",
        "the account had trouble with another message: HTTP 503 after 85 ms",
        "2 messages of the same account that had come before were tried while it waited",
        "first claimed",
        "twilio: no answer after 20000 ms",
        "unknown (timed out): a look-up or a person decides",
    ]
    assert "+1202" not in str(told(message))


def test_one_on_the_wire_says_who_has_it(sender: Sender) -> None:
    until = at(180)
    message = factories.message(
        sender, now=START, phase=Phase.ON_WIRE, lease_until=until, claimed_by=DEAD, first_attempt_at=at(1), attempts=1
    )
    Connection.objects.update(lease_holder=DEAD, lease_until=until)
    last = told(message)[-2]
    assert last.startswith(f"on the wire until {until:%Y-%m-%d %H:%M:%S}, claimed by dispatcher {DEAD}")


@pytest.mark.parametrize(
    ("named", "why"), [("0f8b1c2d3e4f5a6b7c8d9e0f1a2b3c4d", "no such message"), ("lately", "neither a UUID")]
)
def test_what_is_no_message_is_refused(named: str, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        told(named)
