"""The books of a day balance, or the operator is told whose do not."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.db.models import F
from django.utils import timezone

from b24app.messaging.models import DayTally, Message, Sender
from b24app.messaging.models.statuses import Change, Phase, Reason, Status
from b24app.operations.models import Heartbeat
from tests import factories
from tests.commands import run_command

pytestmark = pytest.mark.django_db
NOON = (timezone.now() - timedelta(days=1)).replace(hour=12, minute=0)
DAY = NOON.date()
BALANCED = "the books balance"


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice"), "twilio"))


def advanced(sender: Sender, *statuses: Status, **fields: Any) -> Message:
    """Return a message that took these statuses one after the other, as the application writes them."""
    message = factories.message(sender, now=NOON, **fields)
    for status in statuses:
        Message.objects.advance([Change(pk=message.pk, status=status, reason=Reason.NONE)])
    return message


def told(*arguments: str) -> tuple[list[str], int]:
    return run_command("books", *arguments)


def test_messages_in_every_state_balance(sender: Sender) -> None:
    advanced(sender)
    advanced(sender, phase=Phase.ON_WIRE)
    advanced(sender, phase=Phase.UNKNOWN, due_at=None)
    advanced(sender, Status.SENT)
    advanced(sender, Status.SENT, Status.UNDELIVERED, Status.DELIVERED)
    advanced(sender, Status.FAILED)
    factories.message(sender, now=NOON + timedelta(days=1))  # another day's
    beat = {"process": uuid.uuid4(), "started_at": timezone.now(), "beat_at": timezone.now(), "spool": "s"}
    Heartbeat.objects.create(**beat, role="web", node="n", version="1", spool_records=3)
    states = "1 failed + 1 delivered + 1 sent, without a report + 1 waiting + 1 on the wire + 1 unknown"
    total = f"{DAY}, 1 accounts: accepted 6 = {states}"
    assert told() == ([total, "on the disks of nodes, not booked yet: 3", BALANCED], 0)


def test_a_row_that_is_gone_or_counted_twice_is_told_with_its_account(sender: Sender) -> None:
    charlie = factories.sender(factories.connection(factories.portal("charlie"), "twilio"))
    advanced(charlie, Status.SENT)
    lost = advanced(sender, Status.SENT)
    advanced(sender, Status.SENT, Status.DELIVERED)
    Message.objects.filter(pk=lost.pk).delete()
    DayTally.objects.filter(connection=sender.connection, status="delivered").update(messages=F("messages") + 1)
    lines, code = told("--day", f"{DAY}")
    wrong = f"portal {sender.portal_id}, account {sender.connection_id}: sent: 0 rows, 1 counted; delivered: 1 rows, 2"
    assert (lines[0], lines[-1], code) == (f"{wrong} counted", "the books of 1 accounts do not balance", 1)
    assert told("--portal", f"{charlie.portal_id}")[1] == 0
    assert told("--portal", f"{sender.portal_id}")[0][0].startswith(f"account {sender.connection_id}: accepted 1 = ")


def test_portals_that_keep_no_rows_of_the_day_or_are_being_erased_are_left_out(sender: Sender) -> None:
    message = advanced(sender, Status.SENT)
    Message.objects.filter(pk=message.pk).delete()
    assert told()[1] == 1
    sender.portal.keep_messages = timedelta(days=1)
    sender.portal.save()
    assert told()[1] == 0
    sender.portal.keep_messages = timedelta(days=365)
    sender.portal.uninstalled_at = sender.portal.erase_at = timezone.now()
    sender.portal.save()
    assert told()[1] == 0


def test_what_is_no_day_or_portal_is_refused() -> None:
    with pytest.raises(CommandError, match="is no day"):
        told("--day", "yesterday")
    with pytest.raises(CommandError, match="no such portal"):
        told("--portal", "0")
