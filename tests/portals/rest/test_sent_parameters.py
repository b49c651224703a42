"""What our calls carry, through everything that calls a portal: no reserved name, and no text in a batch."""

import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.messaging.models import Message, Sender, SenderState
from b24app.messaging.models.statuses import Change, Origin, Status
from b24app.messaging.notices import delivery
from b24app.messaging.push import pusher, sender_registration, timeline
from b24app.portals import answering, employees, event_handlers, own_numbers, placements
from b24app.portals.crm import cards
from b24app.portals.crm_names import names
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from b24app.sandbox.state import Message as MessageThere
from b24app.sandbox.state import RestCall
from tests import factories
from tests.portals.launches import ALICE, BOB

RESERVED = {"token", "start", "state"}  # docs/bitrix24.md C.1
# What people write. A batch would read the macro, and replace it.
TEXT = "Dear-Emma $result[c0][c1]"
NAME = "Front-desk-of-Emma"
NUMBER = "+12025550142"


@pytest.fixture
def sender(portal: Portal) -> Sender:
    connection = factories.connection(portal, title=NAME)
    return factories.sender(
        connection, names={"en": NAME}, descriptions={"en": TEXT}, state=SenderState.REGISTERING, registered_as=""
    )


def write_message(there: There, sender: Sender, status: Status) -> Message:
    """Store a message that came from a card and has come to its end, here and in the portal."""
    received = timezone.now() - timedelta(seconds=60)
    links = timeline.links_with_entry(3, 1)
    message = factories.message(
        sender, message_id=uuid.uuid4().hex, to=NUMBER, text=TEXT, now=received, origin=Origin.CARD, links=links
    )
    there.messages.append(
        MessageThere(
            0, message.message_id or "", sender.code, NUMBER, TEXT, BOB, "crm", received.timestamp(), 0.0, status="sent"
        )
    )
    Message.objects.advance([Change(pk=message.pk, status=status)])
    Message.objects.filter(pk=message.pk).update(push_at=timezone.now() - timedelta(minutes=1))
    return message


@pytest.fixture
def calls(portal: Portal, alpha: There, sender: Sender) -> list[RestCall]:
    """Return all calls of a life: installation, senders, statuses, notes, notices, names and cards."""
    event_handlers.bind_handlers(portal)
    placements.bind_places(portal)
    sender_registration.register_sender(sender)
    sender.names = {"en": NAME, "de": NAME}
    sender_registration.register_sender(sender)
    sender_registration.reconcile_senders(portal)
    for status in (Status.DELIVERED, Status.UNDELIVERED, Status.FAILED):
        write_message(alpha, sender, status)
    pusher.push_due(portal.pk)
    timeline.write_entries(portal.pk)
    blocked = {"state": "blocked", "blocked_reason": "auth", "blocked_since": timezone.now() - timedelta(minutes=3)}
    type(sender.connection).objects.update(**blocked)
    delivery.send_due(portal.pk)
    employees.fetch_employees(portal, [ALICE, BOB])
    names.fetch_names(portal, names.ADMINISTRATORS, [(2, 1), (3, 1), (1030, 1)])
    cards.find_card(portal, alpha.issue_token(ALICE).access, "CRM_DEAL_DETAIL_TAB", {"ID": "1"})
    own_numbers.find_own_numbers(portal, ALICE)
    answering.ask_portal(portal)
    return alpha.rest_log


def test_everything_has_been_called(calls: list[RestCall]) -> None:
    done = {call.method for call in calls if call.outcome == "ok"}
    assert done >= {
        "event.bind",
        "placement.bind",
        "messageservice.sender.add",
        "messageservice.sender.update",
        "messageservice.sender.list",
        "messageservice.message.status.update",
        "crm.timeline.logmessage.add",
        "im.notify.system.add",
        "user.get",
        "crm.deal.list",
        "crm.deal.get",
        "app.info",
    }
    assert sum(call.method == "messageservice.message.status.update" and call.inner for call in calls) == 3


def test_no_call_carries_a_reserved_name(calls: list[RestCall]) -> None:
    for call in calls:
        assert RESERVED.isdisjoint(key.lower() for key in call.params), call.method


def test_no_batch_carries_what_people_have_written(calls: list[RestCall]) -> None:
    outer = [call for call in calls if not call.inner and call.method != "batch"]
    written = json.dumps([call.params for call in outer])
    assert "Dear-Emma" in written  # the entry in the timeline, and the sender's description
    assert NAME in written
    for call in calls:
        sent = json.dumps(call.params)
        for words in ("Dear-Emma", "$result", NAME, NUMBER[1:]):
            assert not (call.inner and words in sent), call.method
