"""A refused status is retried for days, then given up with its reason; a refused batch makes the portal wait."""

from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.messaging import sweep, tasks
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Change, Status
from b24app.messaging.push import answers
from b24app.portals.errors import PortalRefused
from b24app.portals.models import Portal
from b24app.portals.rest.client import BatchResult
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as SandboxPortal
from tests import factories
from tests.messaging.push.statuses import UPDATE, batches, many_sent_statuses, sent_status

REFUSALS = [
    "METHOD_CONFIRM_WAITING",
    "METHOD_CONFIRM_DENIED",
    "ERROR_CORE",
    "ACCESS_ERROR",
    "ERROR_ARGUMENT",
    "INVALID_ARG_VALUE",
    "INVALID_CREDENTIALS",
    "WRONG_AUTH_TYPE",
    "ALLOWED_ONLY_INTRANET_USER",
    "ERROR_METHOD_NOT_FOUND",
]


def push_again(portal: Portal, message: Message) -> timedelta:
    """Let the wait of a refused status pass and push it; return the wait that follows."""
    assert sweep.to_push() == []
    Message.objects.filter(pk=message.pk).update(push_at=timezone.now())
    tasks.push_statuses(portal.pk)
    message.refresh_from_db()
    return message.push_at - timezone.now() if message.push_at else timedelta()


@pytest.mark.parametrize("code", REFUSALS)
def test_a_final_status_is_not_given_up_at_the_first_refusal(
    alpha: SandboxPortal, live: Portal, sender: Sender, code: str
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError(UPDATE, code, status=403, times=2)]
    tasks.push_statuses(live.pk)
    message.refresh_from_db()
    assert (message.pushed, message.push_error, message.push_tries) == (Status.SENT, code, 1)
    assert message.push_at is not None
    assert push_again(live, message) > timedelta(minutes=9)
    assert push_again(live, message) == timedelta()
    assert (message.pushed, message.push_error, message.push_tries) == (Status.DELIVERED, "", 0)
    assert alpha.messages[-1].status == "delivered"


def test_a_status_refused_for_days_is_given_up_with_its_reason(
    alpha: SandboxPortal, live: Portal, sender: Sender, capfd: pytest.CaptureFixture[str]
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError(UPDATE, "METHOD_CONFIRM_WAITING", status=401)]
    waited = timedelta()
    tasks.push_statuses(live.pk)
    message.refresh_from_db()
    while message.push_at is not None:
        waited += message.push_at - timezone.now()
        push_again(live, message)
    live.refresh_from_db()
    assert timedelta(days=3) < waited < timedelta(days=4)
    assert [call.method for call in alpha.rest_log].count(UPDATE) == 7
    assert (message.push_error, message.pushed, live.statuses_given_up) == ("METHOD_CONFIRM_WAITING", Status.SENT, 1)
    page = factories.visitor(live).get(f"/p/{live.uuid.hex}/journal/{message.reference}/").content.decode()
    assert "Bitrix24 did not accept the status “Delivered”" in page
    assert "METHOD_CONFIRM_WAITING" in page


def test_a_status_that_is_wrong_by_our_own_mistake_is_given_up_at_once(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError(UPDATE, "ERROR_SENDER_VALIDATION_FAILURE")]
    tasks.push_statuses(live.pk)
    message.refresh_from_db()
    live.refresh_from_db()
    assert (message.push_at, message.push_error) == (None, "ERROR_SENDER_VALIDATION_FAILURE")
    assert live.statuses_given_up == 1


def test_a_later_status_does_not_wait_for_the_refused_one_before_it(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender, status="undelivered")
    alpha.switches.method_errors = [MethodError(UPDATE, "ERROR_CORE", times=1)]
    tasks.push_statuses(live.pk)
    Message.objects.advance([Change(pk=message.pk, status=Status.DELIVERED)])
    message.refresh_from_db()
    assert message.push_error == ""
    tasks.push_statuses(live.pk)
    assert alpha.messages[-1].status == "delivered"


def test_a_status_that_climbs_while_it_is_being_refused_is_due_as_it_was(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    stale = sent_status(alpha, sender, status="undelivered")
    Message.objects.advance([Change(pk=stale.pk, status=Status.DELIVERED)])
    answers.record_answers([stale], [BatchResult(error=PortalRefused("ERROR_MESSAGE_STATUS_INCORRECT"))])
    message = Message.objects.get()
    live.refresh_from_db()
    assert (message.status, message.push_error, live.statuses_given_up) == (Status.DELIVERED, "", 0)
    assert message.push_at is not None


def test_a_refused_status_does_not_hold_up_the_others_of_its_batch(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    many_sent_statuses(alpha, sender, 3)
    alpha.switches.method_errors = [MethodError(UPDATE, "ERROR_CORE", times=1)]
    tasks.push_statuses(live.pk)
    assert sorted(one.status for one in alpha.messages) == ["delivered", "delivered", "sent"]
    assert Message.objects.filter(push_error="ERROR_CORE").count() == 1


def test_a_command_that_breaks_down_each_time_is_given_up_too(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.method_errors = [MethodError(UPDATE, "INTERNAL_SERVER_ERROR", status=500)]
    tasks.push_statuses(live.pk)
    message.refresh_from_db()
    while message.push_at is not None:
        assert message.push_error == ""
        push_again(live, message)
    assert message.push_error == "INTERNAL_SERVER_ERROR"
    assert [call.method for call in alpha.rest_log].count(UPDATE) == 7


@pytest.mark.parametrize("code", ["ERROR_CORE", "INVALID_REQUEST", "insufficient_scope"])
def test_a_portal_that_refuses_batches_waits_longer_each_time_and_loses_no_status(
    alpha: SandboxPortal, live: Portal, sender: Sender, code: str
) -> None:
    many_sent_statuses(alpha, sender, 60)
    alpha.switches.method_errors = [MethodError("batch", code, times=6)]
    waits = []
    for _ in range(6):
        assert sweep.to_push() == [live.pk]
        tasks.push_statuses(live.pk)
        assert sweep.to_push() == []
        live.refresh_from_db()
        assert live.push_after is not None
        waits.append(live.push_after - timezone.now())
        Portal.objects.update(push_after=timezone.now())
    assert waits[0] > timedelta(minutes=7)
    assert waits[-1] > timedelta(hours=3)
    tasks.push_statuses(live.pk)
    assert {one.status for one in alpha.messages} == {"delivered"}
    assert not Message.objects.exclude(push_at=None).exists()


def test_a_missing_permission_makes_the_portal_wait_and_not_each_status(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    many_sent_statuses(alpha, sender, 60)
    alpha.switches.insufficient_scope = True
    tasks.push_statuses(live.pk)
    assert batches(alpha) == 1
    assert sweep.to_push() == []
    alpha.switches.insufficient_scope = False
    Portal.objects.update(push_after=timezone.now())
    tasks.push_statuses(live.pk)
    assert {one.status for one in alpha.messages} == {"delivered"}
