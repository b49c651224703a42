"""What a dispatcher's process counts of the messages it sends, and the lines it writes."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from b24app.messaging.models import Connection, LeaseTakeover, Message, Sender
from b24app.messaging.models.statuses import Phase, Reason
from b24app.sandbox import Sandbox
from tests import factories
from tests.core.monitoring.counted import counted
from tests.messaging.steps import accept_message, drain

pytestmark = pytest.mark.django_db


def test_an_accepted_message_is_counted_by_service_and_result(
    sender: Sender, django_capture_on_commit_callbacks: Any
) -> None:
    accept_message(sender)
    with counted() as counts, django_capture_on_commit_callbacks(execute=True):
        drain(sender.connection_id)
    assert counts["sendline_sends_total", "result=accepted,service=twilio"] == 1
    assert counts["sendline_send_seconds_count", "service=twilio"] == 1
    assert counts["sendline_statuses_total", "reason=,service=twilio,status=sent"] == 1
    assert counts["sendline_claim_lag_seconds_count", ""] == 1
    assert counts["sendline_loop_seconds_count", "loop=dispatcher"] >= 1
    assert ("sendline_lease_takeovers_total", "") not in counts


def test_a_rejected_number_is_counted_with_its_reason(sender: Sender, django_capture_on_commit_callbacks: Any) -> None:
    accept_message(sender, "+12025550199")
    with counted() as counts, django_capture_on_commit_callbacks(execute=True):
        drain(sender.connection_id)
    assert counts["sendline_sends_total", "result=rejected,service=twilio"] == 1
    assert counts["sendline_statuses_total", "reason=invalid_number,service=twilio,status=failed"] == 1


def test_a_lost_answer_is_counted_as_unknown(sms: Sandbox, sender: Sender) -> None:
    sms.sms.switches.close = 1
    accept_message(sender)
    with counted() as counts:
        drain(sender.connection_id)
    assert counts["sendline_messages_unknown_total", "reason=timed_out,service=twilio"] == 1


def test_a_process_that_died_is_taken_over_and_that_is_counted_logged_and_kept(sender: Sender) -> None:
    message = accept_message(sender)
    gone, ended = uuid.uuid4(), timezone.now() - timedelta(seconds=5)
    Connection.objects.update(lease_holder=gone, lease_until=ended)
    stranded = {"phase": Phase.ON_WIRE, "lease_until": ended, "first_attempt_at": ended, "attempts": 1, "due_at": None}
    Message.objects.update(**stranded)
    with counted() as counts, capture_logs() as lines:
        drain(sender.connection_id)
    assert counts["sendline_lease_takeovers_total", ""] == 1
    assert counts["sendline_messages_unknown_total", "reason=interrupted,service=twilio"] == 1
    message.refresh_from_db()
    assert (message.phase, message.reason) == (Phase.UNKNOWN, Reason.INTERRUPTED)
    [line] = [one for one in lines if one["event"] == "lease_taken_over"]
    assert (line["connection"], line["previous"], line["stranded"]) == (sender.connection_id, str(gone), True)
    takeover = LeaseTakeover.objects.get()
    assert (takeover.previous_holder, takeover.ended_at, str(takeover.holder)) == (gone, ended, line["holder"])
    assert takeover.connection_id == sender.connection_id


def test_a_message_keeps_who_claimed_it_last(sender: Sender) -> None:
    message = accept_message(sender)
    drain(sender.connection_id)
    message.refresh_from_db()
    assert isinstance(message.claimed_by, uuid.UUID)
    assert not LeaseTakeover.objects.exists()


def test_a_hold_is_a_line_with_the_message_and_why(sender: Sender) -> None:
    factories.rules(sender.portal, paused_at=timezone.now())
    message = accept_message(sender)
    with capture_logs() as lines:
        drain(sender.connection_id)
    [line] = [one for one in lines if one["event"] == "messages_held"]
    assert (line["connection"], line["why"], line["messages"]) == (sender.connection_id, "paused", [message.pk])
    assert "+1202" not in str(lines)
