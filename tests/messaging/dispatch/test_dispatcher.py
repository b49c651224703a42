"""The thread that drains all connections: many at once, some of them in trouble, and asked to stop."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.utils import timezone
from pytest_django import Settings

from b24app.core import spool
from b24app.core.sealing import unseal
from b24app.messaging.dispatch import completer
from b24app.messaging.dispatch import dispatcher as dispatcher_module
from b24app.messaging.dispatch import drain as sending
from b24app.messaging.dispatch.dispatcher import Dispatcher
from b24app.messaging.models import Connection, Message, Sender, SenderState
from b24app.messaging.models.statuses import Phase, Reason, Status
from b24app.messaging.send_results import SendResult
from b24app.sandbox import Sandbox
from b24app.webhooks import spool_replay
from providers.kit.contract import Accepted
from providers.kit.errors import Uncertain
from providers.twilio import Twilio
from tests import factories
from tests.messaging.steps import accept_message, drain

pytestmark = pytest.mark.django_db


def a_sender(sms: Sandbox) -> Sender:
    """Return the sender of another portal, with an account of its own."""
    account = {"account_sid": "AC" + "1" * 32, "auth_token": "tokentokentoken", "base_url": sms.sms_url}
    portal = factories.portal()
    connection = Connection.objects.create(portal=portal, service="twilio", title="Other", account=account)
    return Sender.objects.create(
        portal=portal,
        connection=connection,
        code="sendline-1",
        names={"en": "Other"},
        signature="+12025550142",
        state=SenderState.REGISTERED,
    )


def a_dispatcher(**options: Any) -> Dispatcher:
    return Dispatcher(lambda _visit: None, inbox=SimpleQueue(), **options)


def run_until(dispatcher: Dispatcher, happened: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"not within {seconds} s"
        dispatcher.run_once(0.02)


def are_sent(*messages: Message) -> bool:
    return set(Message.objects.filter(pk__in=[one.pk for one in messages]).values_list("status", flat=True)) == {"sent"}


def test_what_many_services_say_at_once_is_one_transaction(sms: Sandbox) -> None:
    senders = [a_sender(sms) for _ in range(5)]
    messages = [accept_message(sender) for sender in senders]
    dispatcher = a_dispatcher()
    for sender in senders:
        dispatcher.inbox.put(sender.connection_id)
    dispatcher.run_once(5.0)
    end = time.monotonic() + 30
    while dispatcher.inbox.qsize() < 5 and time.monotonic() < end:
        time.sleep(0.02)
    statements: list[str] = []

    def listen(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with database.execute_wrapper(listen):
        dispatcher.run_once(5.0)
    assert are_sent(*messages)
    assert sum("UPDATE messaging_message m SET" in sql and "status = c.status" in sql for sql in statements) == 1


def test_a_leased_connection_is_drained_without_being_notified(sms: Sandbox, sender: Sender) -> None:
    first = accept_message(sender)
    dispatcher = a_dispatcher(linger=60.0)
    dispatcher.inbox.put(sender.connection_id)
    run_until(dispatcher, lambda: are_sent(first))
    second = accept_message(sender)
    run_until(dispatcher, lambda: are_sent(second))
    assert list(dispatcher.drains) == [sender.connection_id]


def test_an_unresponsive_service_gets_nothing_more_and_holds_up_no_other(
    sms: Sandbox, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "UNRESPONSIVE_AFTER", 0.5)
    sms.sms.switches.hold, sms.sms.switches.hold_seconds = 2, 6.0
    hanging = [accept_message(sender), accept_message(sender)]
    dispatcher = a_dispatcher(linger=60.0)
    dispatcher.inbox.put(sender.connection_id)
    run_until(dispatcher, lambda: sms.sms.switches.hold == 0)
    run_until(dispatcher, lambda: dispatcher.drains[sender.connection_id].is_unresponsive)
    waiting, neighbours = accept_message(sender), accept_message(a_sender(sms))
    dispatcher.inbox.put(neighbours.connection_id)
    dispatcher.leases.renew_at = 0.0
    run_until(dispatcher, lambda: are_sent(neighbours))
    waiting.refresh_from_db()
    assert waiting.attempts == 0
    assert Connection.objects.get(pk=sender.connection_id).slow
    run_until(dispatcher, lambda: are_sent(*hanging, waiting))
    assert not Connection.objects.get(pk=sender.connection_id).slow


def test_asked_to_stop_it_does_not_wait_for_a_service_for_long(
    sms: Sandbox, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "STOP_TIMEOUT", 0.5)
    sms.sms.switches.hold, sms.sms.switches.hold_seconds = 1, 20.0
    message = accept_message(sender)
    dispatcher = a_dispatcher(linger=60.0)
    dispatcher.inbox.put(sender.connection_id)
    run_until(dispatcher, lambda: sms.sms.switches.hold == 0)
    started = time.monotonic()
    dispatcher.stop()
    assert time.monotonic() - started < 15
    message.refresh_from_db()
    assert (message.phase, message.reason) == (Phase.UNKNOWN, Reason.TIMED_OUT)
    assert "stopped before the service had answered" in message.detail
    assert Connection.objects.get().lease_until is None


@pytest.mark.django_db(transaction=True)
def test_asked_to_stop_without_a_database_it_leaves_its_results_on_disk(
    sms: Sandbox, sender: Sender, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    settings.SPOOL_DIR = tmp_path
    monkeypatch.setattr(dispatcher_module, "STOP_TIMEOUT", 4.0)
    sms.sms.switches.hold, sms.sms.switches.hold_seconds = 1, 1.5
    message = accept_message(sender)
    dispatcher = a_dispatcher(linger=60.0)
    dispatcher.inbox.put(sender.connection_id)
    run_until(dispatcher, lambda: sms.sms.switches.hold == 0)

    def away(*_: Any) -> Any:
        raise OperationalError

    with database.execute_wrapper(away):
        dispatcher.stop()
    message.refresh_from_db()
    assert message.phase == Phase.ON_WIRE
    [kept] = spool.waiting_records()
    completer.replay_results(json.loads(unseal(kept.read_bytes())))
    message.refresh_from_db()
    assert (message.status, message.ref) == (Status.SENT, sms.sms.entries()[0]["sid"])


def test_an_account_that_cannot_be_decrypted_holds_up_no_other(sms: Sandbox, sender: Sender) -> None:
    broken, well = accept_message(a_sender(sms)), accept_message(sender)
    with database.cursor() as cursor:
        cursor.execute("UPDATE messaging_connection SET account = 'gone' WHERE id = %s", [broken.connection_id])
    dispatcher = a_dispatcher(linger=0.0)
    for message in (broken, well):
        dispatcher.inbox.put(message.connection_id)
    run_until(dispatcher, lambda: are_sent(well))
    broken.refresh_from_db()
    assert (broken.phase, broken.attempts) == (Phase.WAITING, 0)


@pytest.mark.django_db(transaction=True)
def test_results_are_written_once_the_database_is_back(sms: Sandbox, sender: Sender) -> None:
    message = accept_message(sender)
    left = [OperationalError] * 2

    def away_twice(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "WITH change AS" in sql and left:
            raise left.pop()
        return execute(sql, *rest)

    with database.execute_wrapper(away_twice):
        drain(sender.connection_id)
    assert are_sent(message)
    assert (len(sms.sms.entries()), left) == (1, [])


def test_a_result_that_cannot_be_written_costs_no_other(sms: Sandbox, sender: Sender) -> None:
    odd, well = accept_message(sender), accept_message(sender)
    Message.objects.update(phase=Phase.ON_WIRE, attempts=1)
    results = []
    for message, price in ((odd, Decimal("9" * 30)), (well, None)):
        message.refresh_from_db()
        result = SendResult.of(message, Accepted(ref=f"SM{message.pk}"), [])
        results.append(replace(result, price=str(price)) if price else result)
    completer.record_isolated([completer.Batch(sender.connection, Twilio, results)])
    assert are_sent(well)
    odd.refresh_from_db()
    assert odd.phase == Phase.ON_WIRE  # and unknown when its lease has run out


def test_a_result_that_waited_on_disk_is_read_with_the_keys_of_older_versions() -> None:
    message = Message(pk=1, attempts=2, repeat_until=timezone.now(), expires_at=timezone.now())
    result = SendResult.of(message, Uncertain("No answer", code="7"), [])
    record = json.loads(json.dumps(result.to_json()))
    assert (record["doubted"], record["words"]) == (True, "No answer")
    assert record.keys().isdisjoint({"maybe_sent", "detail"})
    assert SendResult.from_json(record) == result


class Ending(ThreadPoolExecutor):
    """A pool as in an interpreter that ends: after some sends it takes no more."""

    def __init__(self, sends: int, *, queues_anyway: bool = False) -> None:
        super().__init__(4)
        self.left, self.queues_anyway = sends, queues_anyway

    def submit(self, *arguments: Any, **more: Any) -> Any:
        if self.left <= 0:
            if self.queues_anyway:  # as where the send is queued, and no thread can be started for it
                super().submit(*arguments, **more)
                time.sleep(0.3)
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        self.left -= 1
        return super().submit(*arguments, **more)


def test_claimed_messages_without_a_thread_wait_again_and_those_in_flight_are_sent_once(
    sms: Sandbox, sender: Sender
) -> None:
    in_flight, waits = accept_message(sender), accept_message(sender)
    other = accept_message(a_sender(sms))
    dispatcher = a_dispatcher(linger=60.0)
    dispatcher.threads.shutdown()
    dispatcher.threads = Ending(1)
    for message in (in_flight, other):
        dispatcher.inbox.put(message.connection_id)
    with pytest.raises(RuntimeError):
        dispatcher.run_once(5.0)
    dispatcher.stop()
    assert are_sent(in_flight)
    for message in (waits, other):
        message.refresh_from_db()
        assert (message.phase, message.attempts, message.first_attempt_at) == (Phase.WAITING, 0, None)
    assert [entry["to"] for entry in sms.sms.entries()] == [in_flight.to]
    assert not Connection.objects.exclude(lease_until=None).exists()


def test_a_send_that_started_although_the_pool_refused_it_is_not_undone(sms: Sandbox, sender: Sender) -> None:
    message = accept_message(sender)
    dispatcher = a_dispatcher(linger=60.0)
    dispatcher.threads.shutdown()
    dispatcher.threads = Ending(0, queues_anyway=True)
    dispatcher.inbox.put(sender.connection_id)
    run_until(dispatcher, lambda: are_sent(message))
    dispatcher.stop()
    assert len(sms.sms.entries()) == 1


def test_a_send_refused_before_any_thread_was_free_never_starts(sms: Sandbox, sender: Sender) -> None:
    message = accept_message(sender)
    dispatcher = a_dispatcher(linger=60.0)
    dispatcher.threads.shutdown()
    dispatcher.threads = Ending(0, queues_anyway=True)
    free = threading.Event()
    for _ in range(4):
        ThreadPoolExecutor.submit(dispatcher.threads, free.wait)
    dispatcher.inbox.put(sender.connection_id)
    with pytest.raises(RuntimeError):
        dispatcher.run_once(5.0)
    free.set()
    dispatcher.stop()
    dispatcher.threads.shutdown(wait=True)
    message.refresh_from_db()
    assert (message.phase, message.attempts) == (Phase.WAITING, 0)
    assert sms.sms.entries() == []


@pytest.mark.django_db(transaction=True)
def test_claims_to_undo_wait_on_disk_while_the_database_is_away(
    sms: Sandbox, sender: Sender, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    settings.SPOOL_DIR = tmp_path
    monkeypatch.setattr(dispatcher_module, "STOP_TIMEOUT", 1.0)
    in_flight, waits = accept_message(sender), accept_message(sender)
    dispatcher = a_dispatcher(linger=60.0)
    dispatcher.threads.shutdown()
    dispatcher.threads = Ending(1)
    dispatcher.inbox.put(sender.connection_id)
    with pytest.raises(RuntimeError):
        dispatcher.run_once(5.0)
    turn = time.monotonic() + 30
    while not dispatcher.inbox.qsize() and time.monotonic() < turn:
        time.sleep(0.02)

    def away(*_: Any) -> Any:
        raise OperationalError

    with database.execute_wrapper(away):
        dispatcher.stop()
    assert spool.replay_records(spool_replay.HANDLERS) == 2
    assert are_sent(in_flight)
    waits.refresh_from_db()
    assert (waits.phase, waits.attempts) == (Phase.WAITING, 0)
