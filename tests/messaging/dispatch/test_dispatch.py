"""Step 2 against the sandbox's SMS service over real HTTP."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from queue import SimpleQueue
from typing import Any

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.utils import timezone

from b24app.exchange_log.models import Exchange
from b24app.messaging.actions import messages
from b24app.messaging.connections import lifecycle
from b24app.messaging.dispatch.completer import Batch, record_results
from b24app.messaging.dispatch.dispatcher import Dispatcher
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.models import Connection, DayTally, Message, Sender
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait
from b24app.messaging.send_results import SendResult
from b24app.sandbox import Sandbox
from providers.kit import errors
from providers.kit.contract import Accepted, Account
from providers.twilio import Twilio
from tests.messaging.steps import accept_message, age, drain

pytestmark = pytest.mark.django_db


def away_once(table: str) -> Callable[..., Any]:
    """Take the database away at the first query of a table, and bring it back at the next."""
    left = [OperationalError]

    def execute(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if f'FROM "{table}"' in sql and left:
            raise left.pop()
        return execute(sql, *rest)

    return execute


def test_a_due_message_is_accepted_and_sent(sms: Sandbox, sender: Sender) -> None:
    message = accept_message(sender)
    visit = drain(sender.connection_id)
    message.refresh_from_db()
    [entry] = sms.sms.entries()
    assert (message.status, message.phase, message.ref) == (Status.SENT, Phase.DONE, entry["sid"])
    assert (entry["to"], entry["body"], entry["sender"]) == ("+12025550100", "Your order is ready.", "+12025550142")
    assert (message.attempts, message.parts, message.push_at) == (1, 1, None)
    assert visit.next_at is None
    assert visit.poll_at is not None


def test_a_sender_that_saves_segments_sends_the_rewritten_text_and_keeps_the_portals(
    sms: Sandbox, sender: Sender
) -> None:
    Sender.objects.update(smart=True, latin=True)
    message = accept_message(sender)
    Message.objects.update(text="Заказ № 7 – готов")
    drain(sender.connection_id)
    message.refresh_from_db()
    [entry] = sms.sms.entries()
    assert (entry["body"], message.text) == ("Zakaz No 7 - gotov", "Заказ № 7 – готов")
    assert "gotov" not in "".join(one.request + one.response for one in Exchange.objects.all())


def test_what_was_sent_is_not_sent_again(sms: Sandbox, sender: Sender) -> None:
    accept_message(sender)
    for _ in range(3):
        drain(sender.connection_id)
    assert len(sms.sms.entries()) == 1


def test_a_rejected_number_fails_with_the_services_reason_and_a_push_is_due(sender: Sender) -> None:
    message = accept_message(sender, "+12025550199")
    drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.status, message.reason, message.service_code) == (Status.FAILED, Reason.INVALID_NUMBER, "21211")
    assert message.push_at == message.received_at + timedelta(seconds=5)


def test_throttling_reschedules_the_message_and_stops_the_connection(sms: Sandbox, sender: Sender) -> None:
    sms.sms.switches.throttle = -1
    first, second = accept_message(sender), accept_message(sender)
    Connection.objects.update(concurrency=1)
    drain(sender.connection_id)
    for message in (first, second):
        message.refresh_from_db()
    assert (first.phase, first.wait, first.attempts) == (Phase.WAITING, Wait.RATE, 1)
    assert first.due_at is not None
    assert first.due_at > timezone.now()
    assert second.attempts == 0
    assert sms.sms.entries() == []


def test_an_answer_lost_after_acceptance_is_unknown_and_never_repeated(sms: Sandbox, sender: Sender) -> None:
    sms.sms.switches.close = 1
    message = accept_message(sender)
    for _ in range(3):
        drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.status, message.phase, message.reason) == (Status.QUEUED, Phase.UNKNOWN, Reason.TIMED_OUT)
    assert (message.due_at, message.push_at) == (None, None)
    assert len(sms.sms.entries()) == 1


def test_a_service_that_cannot_be_reached_is_tried_again_later(sender: Sender) -> None:
    account = {**sender.connection.account, "base_url": "http://127.0.0.1:9"}
    sender.connection.account = account
    sender.connection.save()
    message = accept_message(sender)
    drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.phase, message.wait, message.attempts) == (Phase.WAITING, Wait.RETRY, 1)
    assert message.due_at is not None
    assert timedelta(seconds=2) < message.due_at - timezone.now() < timedelta(seconds=7)


def test_retries_end_when_the_message_expires_and_keep_the_last_error(sender: Sender) -> None:
    sender.connection.account = {**sender.connection.account, "base_url": "http://127.0.0.1:9"}
    sender.connection.save()
    message = accept_message(sender)
    drain(sender.connection_id)
    message.refresh_from_db()
    age(message, hours=25)
    drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.status, message.reason) == (Status.FAILED, Reason.EXPIRED)
    assert "127.0.0.1:9" in message.detail


def test_a_wrong_password_blocks_the_account_and_everything_waits_for_a_person(sms: Sandbox, sender: Sender) -> None:
    sender.connection.account = {**sender.connection.account, "auth_token": "wrong-token"}
    sender.connection.save()
    first, later = accept_message(sender), accept_message(sender)
    drain(sender.connection_id)
    connection = Connection.objects.get()
    assert (connection.state, connection.blocked_reason, connection.error_code) == ("blocked", "auth", "20003")
    latest = accept_message(sender)
    drain(sender.connection_id)
    for message in (first, later, latest):
        message.refresh_from_db()
        assert (message.phase, message.wait, message.due_at) == (Phase.WAITING, Wait.BLOCKED, message.expires_at)
    assert sms.sms.entries() == []
    lifecycle.rotate_credentials(connection, {**connection.account, "auth_token": "a-good-one"}, Account())
    drain(connection.pk)
    assert sorted(Message.objects.values_list("status", flat=True)) == [Status.SENT] * 3


def test_three_sends_without_an_answer_open_the_breaker_and_one_trial_closes_it(sms: Sandbox, sender: Sender) -> None:
    sms.sms.switches.close = 3
    Connection.objects.update(concurrency=1)
    messages = [accept_message(sender) for _ in range(5)]
    drain(sender.connection_id)
    connection = Connection.objects.get()
    assert connection.breaker_until is not None
    assert Message.objects.filter(phase=Phase.UNKNOWN).count() == 3
    assert Message.objects.filter(phase=Phase.WAITING).count() == 2
    Connection.objects.update(breaker_until=timezone.now())
    drain(sender.connection_id)
    assert Connection.objects.get().breaker_until is None
    assert Message.objects.filter(status=Status.SENT).count() == 2
    assert len(messages) == len(sms.sms.entries())


def test_a_message_found_on_the_wire_after_its_lease_is_unknown(sms: Sandbox, sender: Sender) -> None:
    message = accept_message(sender)
    past = timezone.now() - timedelta(seconds=1)
    Message.objects.update(phase=Phase.ON_WIRE, attempts=1, first_attempt_at=past, lease_until=past, due_at=None)
    drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.phase, message.reason) == (Phase.UNKNOWN, Reason.INTERRUPTED)
    assert sms.sms.entries() == []


def test_one_drain_at_a_time(sms: Sandbox, sender: Sender) -> None:
    accept_message(sender)
    Connection.objects.update(lease_until=timezone.now() + timedelta(seconds=30))
    assert drain(sender.connection_id) == Visit(sender.connection_id)
    assert sms.sms.entries() == []


def test_a_drain_releases_its_lease(sender: Sender) -> None:
    drain(sender.connection_id)
    connection = Connection.objects.get()
    assert (connection.lease_until, connection.lease_holder) == (None, None)


def test_an_uninstalled_portal_sends_nothing(sms: Sandbox, sender: Sender) -> None:
    message = accept_message(sender)
    sender.portal.uninstalled_at = timezone.now()
    sender.portal.save()
    drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.phase, sms.sms.entries()) == (Phase.WAITING, [])


def test_the_rate_of_the_account_holds_across_drains(sms: Sandbox, sender: Sender) -> None:
    Connection.objects.update(rate=1.0, paced_until=timezone.now() + timedelta(seconds=60))
    accept_message(sender)
    visit = drain(sender.connection_id)
    assert sms.sms.entries() == []
    assert visit.next_at is not None
    assert visit.next_at > timezone.now() + timedelta(seconds=50)


def test_ordinary_messages_go_before_bulk_ones(sms: Sandbox, sender: Sender) -> None:
    Connection.objects.update(concurrency=1)
    for number in range(3):
        accept_message(sender, f"+1202555010{number}")
    Message.objects.update(bulk=True)
    accept_message(sender, "+12025550109")
    drain(sender.connection_id)
    assert next(entry["to"] for entry in sms.sms.entries()) == "+12025550109"


def test_an_exchange_contains_neither_number_nor_text_nor_secret(sender: Sender) -> None:
    accept_message(sender)
    drain(sender.connection_id)
    exchange = Exchange.objects.get()
    kept = exchange.request + exchange.response + exchange.path + exchange.error
    assert (exchange.status, exchange.peer, exchange.message_id) == (201, "twilio", Message.objects.get().pk)
    for secret in ("2025550100", "Your order", "tokentokentoken", "/r/"):
        assert secret not in kept


def test_tallies_follow_the_status(sender: Sender) -> None:
    accept_message(sender)
    accept_message(sender, "+12025550199")
    drain(sender.connection_id)
    tallies = {(tally.status, tally.reason): tally.messages for tally in DayTally.objects.all()}
    assert tallies == {("sent", ""): 1, ("failed", "invalid_number"): 1}


@pytest.mark.django_db(transaction=True)
def test_the_database_lost_right_after_a_claim_leaves_nothing_unknown(sms: Sandbox, sender: Sender) -> None:
    message = accept_message(sender)
    Message.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    with database.execute_wrapper(away_once("messaging_sender")):
        drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.phase, message.status, len(sms.sms.entries())) == (Phase.DONE, Status.SENT, 1)
    assert message.attempts == 1  # what was never sent was no attempt


def test_a_worker_that_lost_its_lease_claims_nothing_more(sms: Sandbox, sender: Sender) -> None:
    dispatcher = Dispatcher(lambda _visit: None, inbox=SimpleQueue())
    dispatcher.inbox.put(sender.connection_id)
    dispatcher.run_once(5.0)
    Connection.objects.update(lease_holder=uuid.uuid4())
    accept_message(sender)
    dispatcher.run_once(0.0)
    assert (sms.sms.entries(), len(dispatcher.drains)) == ([], 1)
    dispatcher.leases.renew_at = 0.0
    dispatcher.run_once(0.0)
    assert dispatcher.drains == {}


def test_an_answer_under_way_does_not_lift_the_throttling(sender: Sender) -> None:
    throttled, accepted = accept_message(sender), accept_message(sender)
    Message.objects.update(phase=Phase.ON_WIRE, attempts=1)
    for message in (throttled, accepted):
        message.refresh_from_db()
    record_results([Batch(sender.connection, Twilio, [SendResult.of(throttled, errors.Throttled(after=1e12), [])])])
    record_results([Batch(sender.connection, Twilio, [SendResult.of(accepted, Accepted(ref="SM1"), [])])])
    until = Connection.objects.get().throttled_until
    assert until is not None
    assert timedelta(hours=23) < until - timezone.now() < timedelta(hours=25)


def test_messages_of_an_uninstalled_portal_are_not_enqueued_again_and_again(sender: Sender) -> None:
    accept_message(sender)
    sender.portal.uninstalled_at = timezone.now()
    sender.portal.save()
    assert drain(sender.connection_id).next_at is None


def test_an_unavailable_service_is_tried_again_before_its_messages_expire(sms: Sandbox, sender: Sender) -> None:
    message = accept_message(sender)
    Connection.objects.update(service="missing")
    drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.phase, message.wait) == (Phase.WAITING, Wait.UNAVAILABLE)
    assert message.due_at is not None
    assert message.due_at < timezone.now() + timedelta(minutes=10)
    Connection.objects.update(service="twilio")
    Message.objects.update(due_at=timezone.now())
    drain(sender.connection_id)
    assert len(sms.sms.entries()) == 1


def gateway(sender: Sender, sms: Sandbox) -> None:
    """Make the account one at a gateway that recognises our reference for an hour."""
    sender.connection.service = "http"
    sender.connection.account = {
        "url": f"{sms.sms_url}/gateway/send",
        "content": "json",
        "body": '{"to": "{to}", "text": "{text}", "reference": "{reference}", "report_url": "{report_url}"}',
        "recognises": "1",
    }
    sender.connection.save()


@pytest.mark.parametrize("how", ["no answer", "a killed worker"])
def test_a_repeat_that_waits_longer_than_the_service_remembers_becomes_unknown(
    sms: Sandbox, sender: Sender, how: str
) -> None:
    gateway(sender, sms)
    message = accept_message(sender)
    if how == "no answer":
        sms.sms.switches.close = 1
    else:
        past = timezone.now() - timedelta(seconds=1)
        Message.objects.update(phase=Phase.ON_WIRE, attempts=1, first_attempt_at=past, lease_until=past)
        sender.portal.uninstalled_at = None
        Connection.objects.update(throttled_until=timezone.now() + timedelta(hours=1))
    drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.phase, message.wait) == (Phase.WAITING, Wait.RETRY)
    before = len(sms.sms.entries())
    lifecycle.pause_connection(Connection.objects.get())
    age_of_attempt = {"first_attempt_at": message.first_attempt_at - timedelta(hours=2)}  # type: ignore[operator]
    if message.repeat_until:
        age_of_attempt["repeat_until"] = message.repeat_until - timedelta(hours=2)
    Message.objects.update(**age_of_attempt)
    lifecycle.resume_connection(Connection.objects.get())
    drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.phase, message.due_at, len(sms.sms.entries())) == (Phase.UNKNOWN, None, before)
    assert message.attempts == 1


@pytest.mark.parametrize(
    ("maybe_sent", "status", "reason"), [(True, Status.SENT, Reason.NONE), (False, Status.FAILED, Reason.DUPLICATE)]
)
def test_a_duplicate_proves_acceptance_only_of_an_attempt_that_may_have_been_accepted(
    sender: Sender, maybe_sent: bool, status: Status, reason: Reason
) -> None:
    """After a throttled try it speaks of another message with the same text, which some services refuse."""
    message, now = accept_message(sender), timezone.now()
    until = now + timedelta(hours=1) if maybe_sent else None
    Message.objects.update(phase=Phase.ON_WIRE, attempts=2, lease_until=now, repeat_until=until)
    message.refresh_from_db()
    record_results(
        [Batch(sender.connection, Twilio, [SendResult.of(message, errors.Rejected(reason="duplicate"), [])])]
    )
    message.refresh_from_db()
    assert (message.status, message.reason) == (status, reason)


def test_a_repeat_that_expires_is_unknown_and_not_failed(sms: Sandbox, sender: Sender) -> None:
    gateway(sender, sms)
    sms.sms.switches.close = 1
    message = accept_message(sender)
    drain(sender.connection_id)
    message.refresh_from_db()
    age(message, hours=25)
    drain(sender.connection_id)
    message.refresh_from_db()
    assert (message.phase, message.reason) == (Phase.UNKNOWN, Reason.TIMED_OUT)


def test_a_drain_opened_before_the_account_was_resumed_holds_no_message(sms: Sandbox, sender: Sender) -> None:
    stale = Connection.objects.get()
    lifecycle.pause_connection(stale)
    message = accept_message(sender)
    lifecycle.resume_connection(Connection.objects.get())
    assert lifecycle.hold_messages(stale) == 0
    drain(sender.connection_id)
    message.refresh_from_db()
    assert message.status == Status.SENT


def test_a_refusal_of_old_credentials_does_not_block_the_new_ones(sms: Sandbox, sender: Sender) -> None:
    message = accept_message(sender)
    Message.objects.update(phase=Phase.ON_WIRE, attempts=1)
    message.refresh_from_db()
    before = Connection.objects.get()
    lifecycle.rotate_credentials(Connection.objects.get(), before.account, Account())
    record_results([Batch(before, Twilio, [SendResult.of(message, errors.AccountBlocked("no"), [])])])
    assert Connection.objects.get().state == "active"
    drain(sender.connection_id)
    message.refresh_from_db()
    assert message.status == Status.SENT


def test_resend_pressed_twice_sends_once(sms: Sandbox, sender: Sender) -> None:
    message = accept_message(sender)
    Message.objects.update(phase=Phase.UNKNOWN, due_at=None)
    first, second = messages.resend_message(message, 1), messages.resend_message(message, 1)
    drain(sender.connection_id)
    assert first == second
    assert messages.resend_message(message, 1) == first
    assert len(sms.sms.entries()) == 1
