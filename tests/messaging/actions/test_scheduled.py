"""Messages that wait for the time their author chose."""

import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from b24app.messaging.actions import messages, pauses
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Origin, Phase, Reason, Status, Wait
from tests import factories
from tests.messaging.steps import drain, reload

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
HERS = "+12025550142"


def schedule(sender: Sender, send_at: datetime, reference: uuid.UUID | None = None) -> Message:
    return messages.compose_message(
        sender.portal, sender, HERS, "Your order is ready.", origin=Origin.CARD, author_id=7, reference=reference,
        send_at=send_at,
    )  # fmt: skip


def move(message: Message, ago: timedelta) -> None:
    """Let time pass for one message."""
    names = ("received_at", "scheduled_at", "due_at", "expires_at")
    Message.objects.filter(pk=message.pk).update(**{name: getattr(message, name) - ago for name in names})


def test_it_waits_until_its_time_and_its_validity_counts_from_there(front: Sender) -> None:
    at = timezone.now() + 3 * HOUR
    message = schedule(front, at)
    assert (message.phase, message.wait, message.due_at, message.scheduled_at) == (Phase.WAITING, "scheduled", at, at)
    assert message.expires_at == at + front.max_age
    drain(front.connection_id)
    assert reload(message).attempts == 0

    move(message, 3 * HOUR)
    drain(front.connection_id)
    assert (reload(message).status, message.attempts) == (Status.SENT, 1)
    drain(front.connection_id)
    assert reload(message).attempts == 1


def test_the_tallies_count_it_on_the_day_it_was_written_as_the_list_does(front: Sender) -> None:
    message = schedule(front, timezone.now() + timedelta(days=2))
    assert message.day == timezone.localdate(message.received_at, front.portal.zone)


@pytest.mark.parametrize("ahead", [-HOUR, timedelta(), messages.MAX_AHEAD + timedelta(minutes=1)])
def test_a_time_past_or_too_far_ahead_is_refused(front: Sender, ahead: timedelta) -> None:
    with pytest.raises(messages.BadTime):
        schedule(front, timezone.now() + ahead)
    assert not Message.objects.exists()


def test_one_reference_is_one_message(front: Sender) -> None:
    at, reference = timezone.now() + HOUR, uuid.uuid4()
    assert schedule(front, at, reference).pk == schedule(front, at, reference).pk
    assert Message.objects.count() == 1


def test_it_is_canceled_until_it_leaves(front: Sender) -> None:
    message = schedule(front, timezone.now() + HOUR)
    assert messages.cancel_message(message)
    assert (reload(message).status, message.reason) == (Status.FAILED, Reason.CANCELLED)
    assert not messages.cancel_message(message)

    sent = schedule(front, timezone.now() + HOUR)
    move(sent, HOUR)
    drain(front.connection_id)
    assert not messages.cancel_message(sent)
    assert reload(sent).status == Status.SENT


def test_a_pause_and_its_end_do_not_bring_it_forward(front: Sender) -> None:
    message = schedule(front, timezone.now() + 3 * HOUR)
    due = message.due_at
    assert pauses.pause_sender(front) == 0
    assert pauses.resume_sender(front) == 0
    lifecycle.pause_connection(front.connection)
    lifecycle.resume_connection(front.connection)
    assert (reload(message).due_at, message.wait) == (due, Wait.SCHEDULED)
    drain(front.connection_id)
    assert reload(message).attempts == 0


def test_a_pause_at_its_time_holds_it_and_the_end_of_the_pause_sends_it(front: Sender) -> None:
    message = schedule(front, timezone.now() + HOUR)
    pauses.pause_sender(front)
    move(message, HOUR)
    drain(front.connection_id)
    assert (reload(message).phase, message.wait, message.attempts) == (Phase.WAITING, Wait.PAUSED, 0)
    pauses.resume_sender(front)
    drain(front.connection_id)
    assert reload(message).status == Status.SENT


def test_an_account_that_is_paused_at_its_time_holds_it_and_the_end_of_the_pause_sends_it(front: Sender) -> None:
    message = schedule(front, timezone.now() + HOUR)
    lifecycle.pause_connection(front.connection)
    move(message, HOUR)
    drain(front.connection_id)
    assert (reload(message).phase, message.wait, message.attempts) == (Phase.WAITING, Wait.PAUSED, 0)
    assert message.due_at == message.expires_at
    lifecycle.resume_connection(front.connection)
    drain(front.connection_id)
    assert reload(message).status == Status.SENT


def test_it_expires_when_it_is_held_for_longer_than_its_validity(front: Sender) -> None:
    message = schedule(front, timezone.now() + HOUR)
    move(message, HOUR + front.max_age + timedelta(minutes=1))
    drain(front.connection_id)
    assert (reload(message).status, message.reason, message.attempts) == (Status.FAILED, Reason.EXPIRED, 0)


def test_quiet_hours_that_were_set_after_it_was_written_hold_it_at_its_time(front: Sender) -> None:
    Sender.objects.filter(pk=front.pk).update(transactional=False)
    message = schedule(front, timezone.now() + HOUR)
    now = timezone.now().astimezone(ZoneInfo("America/New_York"))  # where the number is
    factories.rules(front.portal, quiet_from=(now - HOUR).time(), quiet_until=(now + HOUR).time())
    pauses.reconsider_waiting(front.portal)
    assert reload(message).wait == Wait.SCHEDULED
    move(message, HOUR)
    drain(front.connection_id)
    assert (reload(message).phase, message.wait, message.attempts) == (Phase.WAITING, Wait.QUIET_HOURS, 0)
    assert message.due_at is not None
    assert message.due_at > timezone.now()
