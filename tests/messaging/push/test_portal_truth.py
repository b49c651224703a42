"""Statuses that the portal may show wrongly: counted, pushed once more, listed to whoever can do something about it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.console.frame.screen import address
from b24app.console.journal.links import messages_url
from b24app.messaging import sweep, tasks
from b24app.messaging.actions.messages import resend_message
from b24app.messaging.maintenance import due_jobs, runner
from b24app.messaging.models import MaintenanceJob, Message, Sender
from b24app.messaging.models.maintenance import JobKind
from b24app.messaging.models.statuses import Change, Phase, Status, Wait
from b24app.messaging.push import portal_truth
from b24app.portals.models import Portal
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as SandboxPortal
from tests import factories
from tests.messaging.push.statuses import UPDATE, many_sent_statuses, sent_status

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def age(message: Message, by: timedelta) -> None:
    """Make a message and all that happened to it that much older, what is still to come excepted."""
    message.refresh_from_db()
    past = {
        name: at - by for name in ("received_at", "sent_at", "final_at") if (at := getattr(message, name)) is not None
    }
    Message.objects.filter(pk=message.pk).update(**past)
    message.refresh_from_db()


def give_up(alpha: SandboxPortal, portal: Portal, sender: Sender, code: str = "ERROR_CORE") -> Message:
    """Return a message whose status the portal has refused until it was given up, hours ago."""
    message = sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError(UPDATE, code)]
    while message.push_at is not None:
        Message.objects.filter(pk=message.pk).update(push_at=timezone.now())
        tasks.push_statuses(portal.pk)
        message.refresh_from_db()
    alpha.switches.method_errors = []
    age(message, 2 * HOUR)
    return message


def heal(portal: Portal) -> None:
    """Let a day pass and do what the workers do then."""
    due_jobs.add_missing_jobs()
    MaintenanceJob.objects.filter(kind=JobKind.STATUSES).update(due_at=timezone.now())
    assert portal.pk in due_jobs.routine_portals()
    runner.run_due_jobs(portal.pk)
    for portal_id in sweep.to_push():
        tasks.push_statuses(portal_id)


# -- healed ------------------------------------------------------------------------------------------------------------


def test_a_status_that_was_given_up_is_pushed_again_a_day_later(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = give_up(alpha, live, sender)
    assert (alpha.messages[-1].status, portal_truth.count_doubtful(live)) == ("sent", 1)
    heal(live)
    message.refresh_from_db()
    assert (message.pushed, message.push_at, message.push_error) == (Status.DELIVERED, None, "")
    assert (alpha.messages[-1].status, portal_truth.count_doubtful(live)) == ("delivered", 0)
    live.refresh_from_db()
    assert live.statuses_given_up == 1


def test_it_is_pushed_again_once_and_stays_counted_where_that_is_refused(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = give_up(alpha, live, sender)
    alpha.switches.method_errors = [MethodError(UPDATE, "ERROR_CORE")]
    pushes = [call.method for call in alpha.rest_log].count(UPDATE)
    for _ in range(3):
        heal(live)
    message.refresh_from_db()
    assert [call.method for call in alpha.rest_log].count(UPDATE) == pushes + 1
    assert (message.push_at, message.push_error, portal_truth.count_doubtful(live)) == (None, "ERROR_CORE", 1)
    live.refresh_from_db()
    assert live.statuses_given_up == 1
    age(message, 14 * DAY)  # the portal has deleted it
    assert portal_truth.count_doubtful(live) == 0


def test_what_the_portal_does_not_find_twice_is_not_there_and_not_wrong(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = give_up(alpha, live, sender, "ERROR_MESSAGE_NOT_FOUND")
    assert portal_truth.count_doubtful(live) == 1
    alpha.state.messages.clear()
    heal(live)
    message.refresh_from_db()
    assert (message.push_at, message.push_error) == (None, "ERROR_MESSAGE_NOT_FOUND")
    assert portal_truth.count_doubtful(live) == 0


def test_a_final_status_that_nobody_was_to_push_is_found_and_pushed(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender)
    age(message, 2 * HOUR)
    Message.objects.update(push_at=None)  # by a defect of ours
    assert portal_truth.count_doubtful(live) == 1
    heal(live)
    assert (alpha.messages[-1].status, portal_truth.count_doubtful(live)) == ("delivered", 0)


def test_what_was_given_up_a_moment_ago_is_left_alone(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    give_up(alpha, live, sender)
    Message.objects.update(received_at=timezone.now() - 50 * MINUTE)
    heal(live)
    assert (portal_truth.count_doubtful(live), alpha.messages[-1].status) == (1, "sent")


def test_a_new_status_is_pushed_again_in_its_turn(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    message = give_up(alpha, live, sender)
    Message.objects.filter(pk=message.pk).update(status="undelivered", pushed_again_at=timezone.now())
    Message.objects.advance([Change(pk=message.pk, status=Status.DELIVERED)])
    message.refresh_from_db()
    assert message.pushed_again_at is None


# -- counted -----------------------------------------------------------------------------------------------------------


def make_late(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(push_at=timezone.now() - 20 * MINUTE)


def make_unconfirmed(message: Message) -> None:
    """Let it be acknowledged early, when the portal might still overwrite it, and never again."""
    Message.objects.filter(pk=message.pk).update(pushed=message.status, push_at=timezone.now() - 20 * MINUTE)


def make_refused_for_a_while(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(push_at=timezone.now() + DAY, push_tries=5, push_error="ERROR_CORE")


@pytest.mark.parametrize("make", [make_late, make_unconfirmed, make_refused_for_a_while])
def test_a_status_that_is_not_acknowledged_in_time_counts(
    alpha: SandboxPortal, live: Portal, sender: Sender, make: Callable[[Message], None]
) -> None:
    message = sent_status(alpha, sender)
    age(message, HOUR)
    make(message)
    assert portal_truth.find_doubtful(live) == [message.pk]


def test_what_is_on_its_way_or_unknown_or_told_does_not_count(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    sent_status(alpha, sender)  # due now
    told = sent_status(alpha, sender)
    age(told, HOUR)
    Message.objects.filter(pk=told.pk).update(pushed=Status.DELIVERED, push_at=None)
    sent_status(alpha, sender, status="sent")
    long_ago = timezone.now() - HOUR
    factories.message(sender, now=long_ago, status=Status.QUEUED, phase=Phase.UNKNOWN, push_at=long_ago)
    factories.message(sender, now=long_ago, wait=Wait.COPY, push_error="ERROR_MESSAGE_NOT_FOUND")
    factories.message(sender, now=long_ago, message_id=None, status=Status.DELIVERED)
    refused = sent_status(alpha, sender)  # a minute ago
    Message.objects.filter(pk=refused.pk).update(push_tries=1, push_error="ERROR_CORE", push_at=timezone.now() + MINUTE)
    assert portal_truth.count_doubtful(live) == 0


def test_a_message_whose_other_copy_was_delivered_is_shown_rightly(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    first = sent_status(alpha, sender, status="failed")
    other = resend_message(first, 1)
    Message.objects.advance([Change(pk=other.pk, status=Status.DELIVERED)])
    Message.objects.update(push_at=timezone.now())
    tasks.push_statuses(live.pk)
    for message in (first, other):
        age(message, HOUR)
    assert (alpha.messages[-1].status, first.pushed, first.push_at) == ("delivered", Status.SENT, None)
    assert portal_truth.count_doubtful(live) == 0


def test_there_is_a_limit_to_counting(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    many_sent_statuses(alpha, sender, 700)
    many_sent_statuses(alpha, sender, 700, seconds_ago=7200)
    Message.objects.update(push_at=timezone.now() - HOUR)
    lost = Message.objects.filter(received_at__lt=timezone.now() - HOUR)
    lost.update(push_at=None, push_error="ERROR_CORE", final_at=timezone.now() - HOUR)
    assert portal_truth.count_doubtful(live) == 1000
    assert portal_truth.push_again(live) == 700
    assert portal_truth.push_again(live) == 0


# -- shown -------------------------------------------------------------------------------------------------------------


def test_the_number_leads_administrators_to_the_messages_and_nobody_else(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    charlies = factories.portal("charlie")
    told = sent_status(alpha, sender)
    Message.objects.filter(pk=told.pk).update(pushed=Status.DELIVERED, push_at=None, to="+12025550111")
    alice, bob, charlie = (
        factories.visitor(live),
        factories.visitor(live, 7, is_admin=False),
        factories.visitor(charlies),
    )
    assert "may be wrong" not in alice.get(address(live, "home")).content.decode()
    lost = give_up(alpha, live, sender)
    Message.objects.filter(pk=lost.pk).update(to="+12025550177")
    listed = messages_url(live, status="doubtful")
    home = alice.get(address(live, "home")).content.decode()
    assert "Statuses that may be wrong, 14 days" in home
    assert f'<a href="{listed}">1</a>' in home
    page = alice.get(listed).content.decode()
    assert ("0177" in page, "0111" in page) == (True, False)
    assert "May be wrong in Bitrix24" in page  # the filter that is set
    assert "may be wrong" not in bob.get(address(live, "home")).content.decode()
    assert "0177" not in bob.get(listed).content.decode()
    assert "may be wrong" not in charlie.get(address(charlies, "home")).content.decode()
    assert "0177" not in charlie.get(messages_url(charlies, status="doubtful")).content.decode()
    assert charlie.get(listed).status_code == 401
