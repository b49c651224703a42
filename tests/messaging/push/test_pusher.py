"""Step 4: statuses are pushed to the portal, over real HTTPS against the sandbox portal."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from b24app.messaging.actions import messages
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Change, Origin, Phase, Reason, Status
from b24app.messaging.push import answers, batching, pusher
from b24app.portals.models import Portal
from b24app.portals.rest.client import BatchResult
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as SandboxPortal
from tests.messaging.push.statuses import UPDATE, batches, many_sent_statuses, sent_status


def test_a_final_status_is_pushed_and_acknowledged(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    message = sent_status(alpha, sender)
    pusher.push_due(live.pk)
    message.refresh_from_db()
    assert alpha.messages[-1].status == "delivered"
    assert (message.pushed, message.push_at) == (Status.DELIVERED, None)


def test_an_early_status_is_pushed_once_more_forty_seconds_after_receipt(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender, seconds_ago=6)
    pusher.push_due(live.pk)
    assert Message.objects.get().push_at == message.received_at + timedelta(seconds=40)
    alpha.messages[-1].status = "sent"  # the portal overwrote it
    Message.objects.update(
        received_at=timezone.now() - timedelta(seconds=61), push_at=timezone.now() - batching.MAX_WAIT
    )
    pusher.push_due(live.pk)
    message.refresh_from_db()
    assert (alpha.messages[-1].status, message.push_at) == ("delivered", None)


def test_sent_is_what_the_portal_shows_anyway_so_it_is_not_pushed(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender, status="sent")
    assert message.push_at is None
    pusher.push_due(live.pk)
    assert batches(alpha) == 0


def test_a_long_wait_is_pushed_as_queued_and_its_end_as_sent(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender, status="sent")
    Message.objects.update(status=Status.QUEUED, phase=Phase.WAITING, due_at=timezone.now(), push_at=timezone.now())
    pusher.push_due(live.pk)
    assert alpha.messages[-1].status == "queued"
    Message.objects.advance([Change(pk=message.pk, status=Status.SENT)])
    pusher.push_due(live.pk)
    message.refresh_from_db()
    assert (alpha.messages[-1].status, message.pushed, message.push_at) == ("sent", Status.SENT, None)


def test_an_unknown_outcome_is_never_pushed_as_queued(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    sent_status(alpha, sender, status="sent")
    Message.objects.update(status=Status.QUEUED, phase=Phase.UNKNOWN, push_at=timezone.now())
    pusher.push_due(live.pk)
    assert batches(alpha) == 0
    assert Message.objects.get().push_at is None


def test_a_thousand_final_statuses_cost_twenty_calls(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    many_sent_statuses(alpha, sender, 1000)
    pusher.push_due(live.pk)
    assert batches(alpha) == 20
    assert {message.status for message in alpha.messages} == {"delivered"}
    assert not Message.objects.exclude(push_at=None).exists()
    assert "QUERY_LIMIT_EXCEEDED" not in {call.outcome for call in alpha.rest_log}


def test_many_thousand_statuses_leave_room_in_the_portals_bucket(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    many_sent_statuses(alpha, sender, 21 * batching.BATCH_SIZE)
    again = pusher.push_due(live.pk)
    pusher.push_due(live.pk)  # rung for again, but too early
    assert batches(alpha) == 20
    assert again is not None
    assert timedelta(seconds=5) < again - timezone.now() <= pusher.REFILL
    Portal.objects.update(push_after=timezone.now())
    pusher.push_due(live.pk)
    assert (batches(alpha), Message.objects.exclude(push_at=None).count()) == (21, 0)


def test_confirming_a_thousand_early_statuses_costs_twenty_more(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    many_sent_statuses(alpha, sender, 1000, seconds_ago=6)
    pusher.push_due(live.pk)
    assert (batches(alpha), Message.objects.exclude(push_at=None).count()) == (20, 1000)
    Message.objects.update(received_at=timezone.now() - timedelta(seconds=41), push_at=timezone.now())
    Portal.objects.update(push_after=None)
    pusher.push_due(live.pk)
    assert (batches(alpha), Message.objects.exclude(push_at=None).count()) == (40, 0)
    assert "QUERY_LIMIT_EXCEEDED" not in {call.outcome for call in alpha.rest_log}


def under_way(sender: Sender) -> None:
    """One more message of the portal that its service has just taken."""
    now = timezone.now()
    more = Message(portal=sender.portal, connection=sender.connection, sender=sender, message_id=uuid.uuid4().hex)
    more.day, more.expires_at = now.date(), now + timedelta(hours=24)
    more.save()
    Message.objects.advance([Change(pk=more.pk, status=Status.SENT)])


def test_a_status_waits_for_a_fuller_batch_while_more_are_expected(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    sent_status(alpha, sender)
    under_way(sender)
    again = pusher.push_due(live.pk)
    assert batches(alpha) == 0
    assert again is not None
    assert again <= timezone.now() + batching.CHECK_EVERY


def test_a_status_waits_for_a_fuller_batch_for_a_limited_time(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender)
    under_way(sender)
    Message.objects.filter(pk=message.pk).update(push_at=timezone.now() - batching.MAX_WAIT)
    pusher.push_due(live.pk)
    assert (batches(alpha), alpha.messages[-1].status) == (1, "delivered")


def test_a_full_batch_waits_for_nobody(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    many_sent_statuses(alpha, sender, batching.BATCH_SIZE + 1)
    under_way(sender)
    pusher.push_due(live.pk)
    assert (batches(alpha), Message.objects.exclude(push_at=None).count()) == (1, 1)


def test_a_message_the_portal_does_not_have_yet_is_retried_a_moment_later(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender, seconds_ago=10)
    alpha.messages[-1].row_at = float("inf")
    pusher.push_due(live.pk)
    message.refresh_from_db()
    assert (message.push_tries, message.pushed) == (1, Status.SENT)
    assert message.push_at is not None
    assert message.push_at > timezone.now()


def test_a_message_the_portal_has_deleted_is_given_up(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    message = sent_status(alpha, sender, seconds_ago=3600)
    alpha.messages.clear()
    pusher.push_due(live.pk)
    message.refresh_from_db()
    assert (message.push_at, message.push_error) == (None, "ERROR_MESSAGE_NOT_FOUND")


def test_a_batch_without_an_answer_is_in_doubt_and_pushed_again_after_a_while(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.down = True
    again = pusher.push_due(live.pk)
    message.refresh_from_db()
    assert message.pushed == Status.SENT
    assert again is not None
    assert timedelta(seconds=1) < again - timezone.now() < timedelta(seconds=15)
    alpha.switches.down = False
    pusher.push_due(live.pk)
    assert alpha.messages[-1].status == "sent"  # not before that
    Portal.objects.update(push_after=timezone.now())
    pusher.push_due(live.pk)
    live.refresh_from_db()
    assert (alpha.messages[-1].status, live.push_failures, live.push_after) == ("delivered", 0, None)


def test_a_portal_that_does_not_answer_fails_once_however_many_statuses_are_due(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    many_sent_statuses(alpha, sender, 3 * batching.BATCH_SIZE)
    alpha.switches.down = True
    for _ in range(5):
        pusher.push_due(live.pk)
    live.refresh_from_db()
    assert live.push_failures == 1
    assert Message.objects.filter(push_at__lte=timezone.now()).count() == 3 * batching.BATCH_SIZE


@pytest.mark.parametrize("code", ["QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT", "OVERLOAD_LIMIT", "PAYMENT_REQUIRED"])
def test_a_limit_acknowledges_nothing_and_stops_the_portal(
    alpha: SandboxPortal, live: Portal, sender: Sender, code: str
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError("batch", code, status=503)]
    pusher.push_due(live.pk)
    pusher.push_due(live.pk)
    message.refresh_from_db()
    live.refresh_from_db()
    assert message.pushed == Status.SENT
    assert live.may_be_called(timezone.now()) is (code == "OPERATION_TIME_LIMIT")  # which is one method's
    assert sum(call.outcome == code or call.method == "batch" for call in alpha.rest_log) <= 1


def test_a_status_the_portal_calls_incorrect_is_not_repeated(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError(UPDATE, "ERROR_MESSAGE_STATUS_INCORRECT")]
    pusher.push_due(live.pk)
    message.refresh_from_db()
    assert (message.push_at, message.push_error) == (None, "ERROR_MESSAGE_STATUS_INCORRECT")


def test_a_resends_delivery_is_pushed_under_the_originals_id_and_the_originals_is_not(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    original = sent_status(alpha, sender, status="failed")
    again = Message.objects.create(
        portal=live,
        connection=sender.connection,
        sender=sender,
        origin=Origin.RESEND,
        resend_of=original,
        message_id=original.message_id,
        to=original.to,
        text="Hi",
        day=original.day,
        received_at=original.received_at,
        expires_at=original.expires_at,
        due_at=original.received_at,
    )
    Message.objects.advance([Change(pk=again.pk, status=Status.DELIVERED)])
    pusher.push_due(live.pk)
    original.refresh_from_db()
    assert alpha.messages[-1].status == "delivered"
    assert (original.status, original.push_at) == (Status.FAILED, None)


def test_an_uninstalled_portal_is_not_called(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    sent_status(alpha, sender)
    live.uninstalled_at = timezone.now()
    live.save()
    assert pusher.push_due(live.pk) is None
    assert batches(alpha) == 0


def test_alices_statuses_are_not_pushed_to_charlies_portal(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    sent_status(alpha, sender)
    other = Portal.objects.create(member_id="f" * 32, domain="b.example", client_endpoint="https://b.example/rest/")
    pusher.push_due(other.pk)
    assert batches(alpha) == 0
    assert Message.objects.get().reason == Reason.NONE


def test_a_command_that_broke_in_the_portal_waits_a_minute(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError(UPDATE, "INTERNAL_SERVER_ERROR", status=500)]
    pusher.push_due(live.pk)
    message.refresh_from_db()
    assert (message.pushed, message.push_error) == (Status.SENT, "")
    assert message.push_at is not None
    assert message.push_at > timezone.now() + timedelta(seconds=40)


def test_statuses_that_no_token_may_push_wait_for_one_that_may(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    mine, another = many_sent_statuses(alpha, sender, 2)
    alpha.set_user(1, active=True, admin=False)
    alpha.messages[-1].author = 2
    pusher.push_due(live.pk)
    for message in (mine, another):
        message.refresh_from_db()
    assert (mine.pushed, mine.push_at) == (Status.DELIVERED, None)
    assert (another.pushed, another.push_error) == (Status.SENT, "")
    assert another.push_at is not None


def test_queued_that_may_have_arrived_is_taken_back_when_the_message_is_sent(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender, status="sent")
    Message.objects.update(status=Status.QUEUED, phase=Phase.WAITING, due_at=timezone.now(), push_at=timezone.now())
    alpha.switches.down = True
    pusher.push_due(live.pk)
    Message.objects.advance([Change(pk=message.pk, status=Status.SENT)])
    message.refresh_from_db()
    assert message.push_at is not None


def test_a_visit_that_lost_its_lease_pushes_nothing_more(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    many_sent_statuses(alpha, sender, 2 * batching.BATCH_SIZE)

    def taken_over(execute: Any, sql: str, *rest: Any) -> Any:
        found = execute(sql, *rest)
        if sql == answers.RECORD_PUSHED:
            Portal.objects.update(push_lease_until=timezone.now() + timedelta(seconds=300))
        return found

    with database.execute_wrapper(taken_over):
        pusher.push_due(live.pk)
    live.refresh_from_db()
    assert batches(alpha) == 1
    assert live.push_lease_until is not None


def test_a_resend_that_fails_does_not_speak_over_an_original_that_arrived_after_all(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    original = sent_status(alpha, sender)
    pusher.push_due(live.pk)
    again = messages.resend_message(original, author_id=1)
    Message.objects.filter(pk=again.pk).update(received_at=original.received_at)
    Message.objects.advance([Change(pk=again.pk, status=Status.FAILED)])
    Message.objects.filter(pk=again.pk).update(push_at=timezone.now())
    pusher.push_due(live.pk)
    assert alpha.messages[-1].status == "delivered"
    assert Message.objects.get(pk=again.pk).push_at is None


def test_a_message_sent_while_queued_was_being_told_is_told_as_sent(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender, status="sent")
    Message.objects.update(status=Status.QUEUED, phase=Phase.WAITING, due_at=timezone.now())
    stale = Message.objects.get()
    Message.objects.advance([Change(pk=message.pk, status=Status.SENT)])
    answers.record_answers([stale], [BatchResult(True)])
    message.refresh_from_db()
    assert message.pushed == Status.QUEUED
    assert message.push_at is not None
