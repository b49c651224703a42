"""Accounts that stay bound: messages sent over one connection, receipts that come back by it, and who binds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.utils import timezone
from pytest_django import Settings

from b24app.core import spool
from b24app.exchange_log.models import Exchange
from b24app.messaging import sweep
from b24app.messaging.connections import lifecycle
from b24app.messaging.dispatch.lease_queries import SMPP_SERVICES
from b24app.messaging.models import Connection, ConnectionState, DeliveryReport, Message, MessagePart, Sender
from b24app.messaging.models.dead_letters import DeadLetter
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait
from b24app.messaging.reports import applier
from b24app.messaging.smpp import pending, receipt_queue, receipts, session, smpp_drain
from b24app.messaging.smpp.smpp_dispatcher import SmppDispatcher
from b24app.webhooks import spool_replay
from providers.kit import registry
from providers.kit.contract import Account, Report
from providers.kit.contract import Status as Word
from tests import factories
from tests.messaging.steps import drain, reload
from tests.smsc import DATA, ENQUIRE, HANG_UP, RESPONSE, UNBIND, Smsc, listening

pytestmark = pytest.mark.django_db

PASSWORD = "hush-hush"
RECEIPT = "id:{} sub:001 dlvrd:001 submit date:2611250300 done date:2611250301 stat:{} err:000 text:Your order"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(smpp_drain, "PART_RETRY_PAUSES", (0.05, 0.05))
    monkeypatch.setattr("b24app.messaging.smpp.bind_leases.SCAN_EVERY", 0.05)
    monkeypatch.setattr(receipt_queue, "PARKED_FOR", 0.4)


@pytest.fixture
def smsc() -> Iterator[Smsc]:
    with listening() as there:
        yield there


def account(smsc: Smsc, **given: str) -> dict[str, str]:
    return {"host": "127.0.0.1", "port": str(smsc.port), "system_id": "acme", "password": PASSWORD, **given}


def a_sender(smsc: Smsc, **given: str) -> Sender:
    connection = factories.connection(factories.portal(), "smpp", account=account(smsc, **given), rate=1000.0)
    return factories.sender(connection, signature="Acme")


@pytest.fixture
def sender(smsc: Smsc) -> Sender:
    return a_sender(smsc)


@contextmanager
def running() -> Iterator[SmppDispatcher]:
    """Yield a process's dispatcher, run by the test; whatever happens its binds and sends end."""
    dispatcher = SmppDispatcher()
    try:
        yield dispatcher
    finally:
        sessions = dispatcher._open_sessions()
        for one in sessions:
            one.stop()
        for one in sessions:
            one.join(5.0)
        dispatcher.threads.shutdown()


def run_until(dispatcher: SmppDispatcher, happened: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"not within {seconds} s"
        dispatcher.run_once(0.01)


def run_for(dispatcher: SmppDispatcher, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        dispatcher.run_once(0.01)


def is_sent(*messages: Message) -> Callable[[], bool]:
    pks = [one.pk for one in messages]
    return lambda: Message.objects.filter(pk__in=pks, status=Status.SENT).count() == len(pks)


def test_every_service_without_http_is_kept_bound() -> None:
    assert [code for code, one in registry.services().items() if one.speaks != "http"] == list(SMPP_SERVICES)


# --- sending -------------------------------------------------------------------------------------------------------


def test_a_message_is_sent_and_its_receipt_delivers_it(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender)
    smsc.answers = lambda _: "8a3f"
    with running() as dispatcher:
        run_until(dispatcher, is_sent(message))
        receipt = smsc.deliver(RECEIPT.format("8a3f", "DELIVRD"))
        run_until(dispatcher, lambda: smsc.has_answer(receipt))
    applier.apply_due()

    assert smsc.answered(receipt) == 0
    assert (reload(message).status, message.ref, message.parts) == (Status.DELIVERED, "8a3f", 1)
    (submit,) = smsc.submits
    assert (submit.source, submit.dest, submit.body) == ((5, 0, "Acme"), (1, 1, "12025550147"), b"Your order is ready.")
    assert Connection.objects.get().last_report_at is not None


def test_a_long_text_has_an_id_for_each_part_and_is_delivered_with_the_last(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender, text="a" * 400)
    with running() as dispatcher:
        run_until(dispatcher, is_sent(message))
        refs = list(MessagePart.objects.order_by("pk").values_list("ref", flat=True))
        for ref in refs[:2]:
            smsc.deliver(RECEIPT.format(ref, "DELIVRD"))
        run_until(dispatcher, lambda: DeliveryReport.objects.count() == 2)
        applier.apply_due()
        assert reload(message).status == Status.SENT
        smsc.deliver(RECEIPT.format(refs[2], "DELIVRD"))
        run_until(dispatcher, lambda: DeliveryReport.objects.count() == 3)
    DeliveryReport.objects.update(due_at=timezone.now())
    applier.apply_due()

    assert (reload(message).status, message.parts, message.ref) == (Status.DELIVERED, 3, refs[0])
    assert [submit.body[:6] for submit in smsc.submits] == [
        b"\x05\x00\x03" + bytes((message.reference.bytes[0], 3, number)) for number in (1, 2, 3)
    ]


def test_a_part_that_fails_after_others_leaves_the_message_unknown(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender, text="a" * 400)
    smsc.answers = lambda submit: 0x0B if submit.body[5] == 2 else ""
    with running() as dispatcher:
        run_until(dispatcher, lambda: reload(message).phase == Phase.UNKNOWN)

    assert (message.reason, message.service_code) == (Reason.TIMED_OUT, "0x0B")
    assert len(smsc.submits) == 2


def test_a_first_part_that_fails_fails_the_message(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender, text="a" * 400)
    smsc.answers = lambda _: 0x0B
    with running() as dispatcher:
        run_until(dispatcher, lambda: reload(message).status == Status.FAILED)

    assert (message.reason, message.service_code) == (Reason.INVALID_NUMBER, "0x0B")
    assert len(smsc.submits) == 1


def test_a_later_part_that_was_surely_not_accepted_is_submitted_again(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender, text="a" * 400)
    said: Iterator[int | str] = iter(["", 0x58, 0x14, "", ""])
    smsc.answers = lambda _: next(said)
    with running() as dispatcher:
        run_until(dispatcher, is_sent(message))

    assert [submit.body[5] for submit in smsc.submits] == [1, 2, 2, 2, 3]
    assert MessagePart.objects.count() == 3


def test_answers_are_matched_by_their_sequence(smsc: Smsc, sender: Sender) -> None:
    messages = [factories.message(sender, to=f"+120255501{number:02}") for number in range(2)]
    smsc.answers = lambda _: None
    with running() as dispatcher:
        run_until(dispatcher, lambda: len(smsc.submits) == 2)
        for submit in reversed(smsc.submits):
            smsc.accept(submit, ref=f"of-{submit.dest[2]}")
        run_until(dispatcher, is_sent(*messages))

    assert [reload(one).ref for one in messages] == ["of-12025550100", "of-12025550101"]


def test_no_more_are_in_flight_than_the_window_is_wide(smsc: Smsc) -> None:
    sender = a_sender(smsc, window="3")
    first = [factories.message(sender) for _ in range(6)]
    with running() as dispatcher:
        run_until(dispatcher, is_sent(*first))
        smsc.answers = lambda _: None
        for _ in range(8):
            factories.message(sender)
        run_until(dispatcher, lambda: len(smsc.submits) == 9)
        run_for(dispatcher, 0.3)
        assert len(smsc.submits) == 9
        assert Message.objects.filter(phase=Phase.ON_WIRE).count() == 3


def test_a_rejection_fails_the_message(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender)
    smsc.answers = lambda _: 0x0A
    with running() as dispatcher:
        run_until(dispatcher, lambda: reload(message).status == Status.FAILED)

    assert (message.reason, message.service_code) == (Reason.INVALID_REQUEST, "0x0A")


def test_a_throttled_account_waits_without_unbinding(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender)
    smsc.answers = lambda _: 0x58
    with running() as dispatcher:
        run_until(dispatcher, lambda: reload(message).wait == Wait.RATE)
        run_for(dispatcher, 0.3)
        assert (len(smsc.submits), smsc.count(UNBIND), smsc.bound) == (1, 0, 1)
    assert reload(message).phase == Phase.WAITING


def test_what_cannot_be_encoded_never_leaves(smsc: Smsc, sender: Sender) -> None:
    Sender.objects.update(signature="Привет")
    message = factories.message(sender)
    with running() as dispatcher:
        run_until(dispatcher, lambda: reload(message).status == Status.FAILED)
    assert (message.reason, smsc.submits) == (Reason.INVALID_REQUEST, [])


def test_a_message_that_nobody_answers_is_unknown(smsc: Smsc, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "ANSWER_TIMEOUT", 0.2)
    message = factories.message(sender)
    smsc.answers = lambda _: None
    with running() as dispatcher:
        run_until(dispatcher, lambda: reload(message).phase == Phase.UNKNOWN)


def test_messages_in_flight_when_the_connection_broke_are_unknown_and_the_rest_goes_by_the_next(
    smsc: Smsc, sender: Sender
) -> None:
    lost = factories.message(sender)
    smsc.answers = lambda _: HANG_UP
    with running() as dispatcher:
        run_until(dispatcher, lambda: reload(lost).phase == Phase.UNKNOWN)
        smsc.answers = lambda _: ""
        later = factories.message(sender)
        run_until(dispatcher, is_sent(later))

    assert len(smsc.binds) >= 2
    assert reload(lost).reason == Reason.TIMED_OUT
    assert len(smsc.submits) == 2


def test_a_message_too_old_ends_though_nothing_is_bound(smsc: Smsc, sender: Sender) -> None:
    smsc.stop()
    message = factories.message(sender)
    with running() as dispatcher:
        run_until(dispatcher, lambda: bool(dispatcher.drains))
        Message.objects.update(expires_at=timezone.now())
        dispatcher.leases.renew_at = 0.0
        run_until(dispatcher, lambda: reload(message).status == Status.FAILED)
    assert message.reason == Reason.EXPIRED


def test_its_exchanges_and_logs_contain_no_secret_number_or_text(smsc: Smsc, sender: Sender, caplog: Any) -> None:
    message = factories.message(sender)
    smsc.answers = lambda _: "8a3f"
    with running() as dispatcher:
        run_until(dispatcher, is_sent(message))
    sent = Exchange.objects.get(message_id=message.pk)
    bind = Exchange.objects.get(message_id=None)

    assert (sent.method, sent.host, sent.path, sent.status) == ("SMPP", f"127.0.0.1:{smsc.port}", "/submit_sm", 200)
    assert "destination_addr=[number]" in sent.request
    assert "octets=20" in sent.request
    assert sent.response == "submit_sm_resp 0x00 message_id=8a3f"
    assert (bind.path, bind.connection_id) == ("/bind_transceiver", sender.connection_id)
    for needle in (PASSWORD, "2025550147", "Your order"):
        assert needle not in sent.request + sent.response + bind.request + bind.response + caplog.text


# --- binds ---------------------------------------------------------------------------------------------------------


def test_a_wrong_password_blocks_the_account(smsc: Smsc, sender: Sender) -> None:
    smsc.bind_status = 0x0E
    message = factories.message(sender)
    with running() as dispatcher:
        run_until(dispatcher, lambda: Connection.objects.get().state == ConnectionState.BLOCKED)
        run_until(dispatcher, lambda: not dispatcher.drains)
        run_for(dispatcher, 0.3)
        assert len(smsc.binds) == 1
    connection = Connection.objects.get()
    assert (connection.blocked_reason, connection.error_code) == ("auth", "0x0E")
    assert (reload(message).wait, message.attempts) == (Wait.BLOCKED, 0)


def test_new_credentials_are_used_to_bind(smsc: Smsc, sender: Sender) -> None:
    smsc.bind_status = 0x0E
    with running() as dispatcher:
        run_until(dispatcher, lambda: Connection.objects.get().state == ConnectionState.BLOCKED)
        smsc.bind_status = 0
        found = Connection.objects.get()
        lifecycle.rotate_credentials(found, account(smsc, password="new"), Account(label="acme"))
        run_until(dispatcher, lambda: smsc.bound == 1)
    assert [password for _id, password, *_ in smsc.binds][-1] == "new"


def test_an_account_that_cannot_bind_is_in_trouble_and_tries_again(smsc: Smsc, sender: Sender) -> None:
    smsc.bind_status = 0x0D
    message = factories.message(sender)
    with running() as dispatcher:
        run_until(dispatcher, lambda: len(smsc.binds) >= 4)
        run_until(dispatcher, lambda: Connection.objects.get().breaker_until is not None)
        troubled = Connection.objects.get()
        smsc.bind_status = 0
        run_until(dispatcher, is_sent(message))
    healed = Connection.objects.get()

    assert (troubled.state, troubled.error_code) == (ConnectionState.ACTIVE, "0x0D")
    assert (healed.error_code, healed.breaker_until, healed.troubles_in_a_row) == ("", None, 0)
    assert reload(message).attempts == 1
    assert Exchange.objects.filter(path="/bind_transceiver").count() == 2


def test_enquire_links_of_the_peer_are_answered(smsc: Smsc, sender: Sender) -> None:
    with running() as dispatcher:
        run_until(dispatcher, lambda: smsc.bound == 1)
        enquiry = smsc.say(ENQUIRE)
        assert smsc.answered(enquiry) == 0


def test_pdus_in_the_same_packet_as_the_bind_answer_are_not_lost(smsc: Smsc, sender: Sender) -> None:
    smsc.enquires_at_once = True
    with running() as dispatcher:
        run_until(dispatcher, lambda: smsc.bound == 1)
        assert smsc.answered(7001) == 0


def test_a_silent_peer_is_enquired_and_then_given_up(
    smsc: Smsc, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ENQUIRE_AFTER", 0.1)
    monkeypatch.setattr(session, "ENQUIRE_TIMEOUT", 0.1)
    monkeypatch.setattr(session, "READ_FOR", 0.02)
    with running() as dispatcher:
        run_until(dispatcher, lambda: smsc.count(ENQUIRE) >= 3)
        assert len(smsc.binds) == 1
        smsc.answers_enquiries = False
        run_until(dispatcher, lambda: len(smsc.binds) >= 2)


def test_an_unbind_of_the_peer_is_answered_and_bound_again(smsc: Smsc, sender: Sender) -> None:
    with running() as dispatcher:
        run_until(dispatcher, lambda: smsc.bound == 1)
        unbind = smsc.say(UNBIND)
        assert smsc.answered(unbind) == 0
        run_until(dispatcher, lambda: len(smsc.binds) == 2)


def test_a_paused_account_is_unbound_and_bound_again_when_resumed(smsc: Smsc, sender: Sender) -> None:
    connection = sender.connection
    with running() as dispatcher:
        run_until(dispatcher, lambda: smsc.bound == 1)
        lifecycle.pause_connection(connection)
        dispatcher.leases.renew_at = 0.0
        run_until(dispatcher, lambda: smsc.count(UNBIND) == 1)
        lifecycle.resume_connection(connection)
        run_until(dispatcher, lambda: smsc.bound == 1)
    assert smsc.most_bound == 1


def test_only_the_holder_of_the_lease_binds(smsc: Smsc, sender: Sender) -> None:
    with running() as one, running() as other:
        run_until(one, lambda: smsc.bound == 1)
        run_for(other, 0.3)
        assert (len(one.drains), len(other.drains), smsc.connections) == (1, 0, 1)


def test_accounts_are_shared_among_the_running_processes(smsc: Smsc) -> None:
    senders = [a_sender(smsc) for _ in range(4)]
    with running() as one, running() as other:
        run_until(one, lambda: smsc.bound == 4)
        run_for(other, 0.05)
        one.leases.renew_at = 0.0
        run_until(one, lambda: len(one.drains) == 2)
        run_until(other, lambda: len(other.drains) == 2 and smsc.bound == 4)
        messages = [factories.message(sender) for sender in senders]
        run_until(one, lambda: Message.objects.filter(status=Status.SENT).count() == 2)
        run_until(other, is_sent(*messages))


def an_account_of(sender: Sender, smsc: Smsc) -> Connection:
    """One more of the same portal."""
    return factories.connection(sender.portal, "smpp", account=account(smsc))


def who_is_bound(dispatcher: SmppDispatcher) -> set[int]:
    return {
        pk
        for pk, drain in dispatcher.drains.items()
        if isinstance(drain, smpp_drain.SmppDrain) and drain.session.is_bound
    }


def test_where_files_are_short_the_first_account_of_each_portal_comes_first(smsc: Smsc, sender: Sender) -> None:
    others = [an_account_of(sender, smsc) for _ in range(3)]
    charlie = a_sender(smsc)
    with running() as dispatcher:
        dispatcher.bind_leases.max_binds = 2
        run_until(dispatcher, lambda: who_is_bound(dispatcher) == {sender.connection_id, charlie.connection_id})
        run_for(dispatcher, 0.3)
        assert (smsc.most_bound, len(dispatcher.drains)) == (2, 2)
        dispatcher.bind_leases.max_binds = 100
        run_until(dispatcher, lambda: who_is_bound(dispatcher) >= {one.pk for one in others})


def test_a_portal_with_many_accounts_gives_way_to_one_that_has_none_bound(smsc: Smsc, sender: Sender) -> None:
    second, _third = an_account_of(sender, smsc), an_account_of(sender, smsc)
    with running() as dispatcher:
        dispatcher.bind_leases.max_binds = 2
        run_until(dispatcher, lambda: who_is_bound(dispatcher) == {sender.connection_id, second.pk})
        charlie = a_sender(smsc)
        message = factories.message(charlie)
        dispatcher.leases.renew_at = 0.0
        run_until(dispatcher, is_sent(message))
        dispatcher.leases.renew_at = 0.0
        run_for(dispatcher, 0.3)
        assert who_is_bound(dispatcher) == {sender.connection_id, charlie.connection_id}


def test_an_account_without_files_has_an_error_until_it_is_bound(
    smsc: Smsc, sender: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("b24app.messaging.smpp.bind_leases.NOTIFY_AFTER", 0.0)
    waiting = an_account_of(sender, smsc)
    with running() as dispatcher:
        dispatcher.bind_leases.max_binds = 1
        run_until(dispatcher, lambda: smsc.bound == 1)
        dispatcher.leases.renew_at = 0.0
        run_until(dispatcher, lambda: Connection.objects.get(pk=waiting.pk).error_code == "no_room")
        words = Connection.objects.get(pk=waiting.pk).error_words
        dispatcher.bind_leases.max_binds = 2
        run_until(dispatcher, lambda: Connection.objects.get(pk=waiting.pk).error_code == "")
    assert words == "All SMPP connections of this installation are in use. Contact Sendline support."
    assert "accounts_wait_for_files" in caplog.text
    assert Connection.objects.get(pk=sender.connection_id).error_code == ""


def test_the_worker_leaves_smpp_accounts_alone(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender)
    assert list(sweep.to_drain()) == []
    drain(sender.connection_id)

    assert (reload(message).phase, message.attempts, smsc.connections) == (Phase.WAITING, 0, 0)
    assert Connection.objects.get().lease_holder is None


def test_without_accounts_it_idles(db: None) -> None:
    factories.message(factories.sender(factories.connection(factories.portal(), "demo")))
    with running() as dispatcher:
        run_for(dispatcher, 0.1)
        assert (dispatcher.drains, dispatcher._seconds_to_wait()) == ({}, 1.0)


# --- the end -------------------------------------------------------------------------------------------------------


def test_asked_to_stop_it_records_what_was_not_answered_and_unbinds(
    smsc: Smsc, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("b24app.messaging.dispatch.dispatcher.STOP_TIMEOUT", 0.3)
    silent, waiting = factories.message(sender), factories.message(sender, due_at=None, phase=Phase.UNKNOWN)
    smsc.answers = lambda _: None
    with running() as dispatcher:
        run_until(dispatcher, lambda: len(smsc.submits) == 1)
        began = time.monotonic()
        dispatcher.stop()
        assert time.monotonic() - began < 5.0

    assert reload(silent).phase == Phase.UNKNOWN
    assert reload(waiting).phase == Phase.UNKNOWN
    assert (smsc.count(UNBIND), Connection.objects.get().lease_holder) == (1, None)
    assert not [one for one in threading.enumerate() if one.name == "bind"]


def test_asked_to_stop_it_waits_for_answers(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender)
    smsc.answers = lambda _: None
    with running() as dispatcher:
        run_until(dispatcher, lambda: len(smsc.submits) == 1)
        threading.Timer(0.3, lambda: smsc.accept(smsc.submits[0], "late")).start()
        dispatcher.stop()
    assert (reload(message).status, message.ref) == (Status.SENT, "late")


# --- receipts ------------------------------------------------------------------------------------------------------


def test_an_id_may_be_written_in_another_base(smsc: Smsc, sender: Sender) -> None:
    written = {
        "8a30": "8A30",
        "8a31": "35377",
        "00008A32": "35378",
        "35379": "8a33",
        "35380": "00008A34",
        "0000035381": "35381",
        "35382": "0000035382",
        "aa-01.x": "aa-01.x",
    }
    messages = [factories.message(sender, to=f"+120255501{number:02}") for number in range(len(written))]
    given = dict(zip([one.to[1:] for one in messages], written, strict=True))
    smsc.answers = lambda submit: given[submit.dest[2]]
    with running() as dispatcher:
        run_until(dispatcher, is_sent(*messages))
        told = [smsc.deliver(RECEIPT.format(written[ref], "DELIVRD"), source=number) for number, ref in given.items()]
        run_until(dispatcher, lambda: all(map(smsc.has_answer, told)))
    applier.apply_due()
    assert {reload(one).status for one in messages} == {Status.DELIVERED}


def test_the_number_tells_ids_apart_that_are_each_others_digits(smsc: Smsc, sender: Sender) -> None:
    """12 is the id of one and, in hexadecimal, 18: the id of the other."""
    twelve, eighteen = factories.message(sender, to="+12025550112"), factories.message(sender, to="+12025550118")
    refs = {"12025550112": "12", "12025550118": "18"}
    smsc.answers = lambda submit: refs[submit.dest[2]]
    with running() as dispatcher:
        run_until(dispatcher, is_sent(twelve, eighteen))
        receipt = smsc.deliver(RECEIPT.format("12", "DELIVRD"), source="12025550118")
        run_until(dispatcher, lambda: smsc.has_answer(receipt))
    applier.apply_due()
    assert (reload(twelve).status, reload(eighteen).status) == (Status.SENT, Status.DELIVERED)


def test_a_receipt_may_come_before_the_answer_with_its_id(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender)
    smsc.answers = lambda _: None
    with running() as dispatcher:
        run_until(dispatcher, lambda: len(smsc.submits) == 1)
        receipt = smsc.deliver(RECEIPT.format("35391", "DELIVRD"))
        run_for(dispatcher, 0.1)
        assert not smsc.has_answer(receipt)
        smsc.accept(smsc.submits[0], "8a3f")
        run_until(dispatcher, lambda: smsc.has_answer(receipt) and is_sent(message)())
    applier.apply_due()
    assert reload(message).status == Status.DELIVERED


def test_a_receipt_of_an_unknown_message_is_stored_as_it_came(smsc: Smsc, sender: Sender) -> None:
    with running() as dispatcher:
        run_until(dispatcher, lambda: smsc.bound == 1)
        receipt = smsc.deliver(RECEIPT.format("8A3F", "DELIVRD"))
        run_until(dispatcher, lambda: smsc.has_answer(receipt))
    assert (DeliveryReport.objects.get().ref, smsc.answered(receipt)) == ("8A3F", 0)


def test_a_receipt_by_data_sm_is_answered_in_kind(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender)
    smsc.answers = lambda _: "17"
    with running() as dispatcher:
        run_until(dispatcher, is_sent(message))
        receipt = smsc.deliver("", command=DATA, esm_class=0, tlvs={0x001E: b"17\0", 0x0427: b"\x08"})
        run_until(dispatcher, lambda: smsc.has_answer(receipt))
    applier.apply_due()
    assert (reload(message).status, message.service_code) == (Status.FAILED, "REJECTD")
    assert smsc.count(DATA | RESPONSE) == 1


def test_a_receipt_is_stored_once_however_often_it_comes(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender)
    smsc.answers = lambda _: "17"
    with running() as dispatcher:
        run_until(dispatcher, is_sent(message))
        twice = [smsc.deliver(RECEIPT.format("17", "DELIVRD")) for _ in range(2)]
        run_until(dispatcher, lambda: all(map(smsc.has_answer, twice)))
    assert DeliveryReport.objects.count() == 1


def test_a_message_from_a_phone_is_answered_and_is_no_receipt(smsc: Smsc, sender: Sender) -> None:
    message = factories.message(sender)
    smsc.answers = lambda _: "17"
    with running() as dispatcher:
        run_until(dispatcher, is_sent(message))
        written = smsc.deliver(RECEIPT.format("17", "DELIVRD"), esm_class=0)
        run_until(dispatcher, lambda: smsc.has_answer(written))
    assert (smsc.answered(written), DeliveryReport.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_receipt_waits_on_the_disk_while_the_database_is_away(
    smsc: Smsc, sender: Sender, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SPOOL_DIR = tmp_path
    message = factories.message(sender)
    smsc.answers = lambda _: "8a3f"

    def away(*_: object) -> None:
        raise OperationalError

    with running() as dispatcher:
        run_until(dispatcher, is_sent(message))
        with database.execute_wrapper(away), monkeypatch.context() as patched:
            patched.setattr("b24app.messaging.reports.acceptance.insert_reports", away)
            receipt = smsc.deliver(RECEIPT.format("35391", "DELIVRD"))
            run_until(dispatcher, lambda: smsc.has_answer(receipt))
    assert (smsc.answered(receipt), DeliveryReport.objects.count()) == (0, 0)
    [waits] = spool.waiting_records()
    assert (waits.suffix, waits.name.count("-")) == (".receipts", 2)  # in the share of its account
    assert spool_replay.replay_spool() == 1
    applier.apply_due()
    assert reload(message).status == Status.DELIVERED
    spool._away_until = 0.0


def test_a_receipt_that_cannot_be_stored_anywhere_is_asked_for_again(
    smsc: Smsc, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise spool.SpoolFull

    monkeypatch.setattr(spool, "write_or_spool", full)
    with running() as dispatcher:
        run_until(dispatcher, lambda: smsc.bound == 1)
        receipt = smsc.deliver(RECEIPT.format("17", "DELIVRD"))
        run_until(dispatcher, lambda: smsc.has_answer(receipt))
    assert smsc.answered(receipt) == 0x64


def test_a_receipt_is_read_from_disk_as_it_was_written() -> None:
    told = [
        Report(ref="1", recipient="+1", status=Word.FAILED, word="REJECTD", code="REJECTD", detail="err:1"),
        Report(ref="2", status=None, word="UNKNOWN"),
    ]
    sender = factories.sender(factories.connection(factories.portal(), "smpp"))
    receipts.replay_receipts(receipts.to_json(sender.connection_id, told))
    kept = DeliveryReport.objects.order_by("ref").values_list("ref", "status", "word", "code", "detail")
    assert list(kept) == [("1", "failed", "REJECTD", "REJECTD", "err:1"), ("2", "", "UNKNOWN", "", "")]


# --- what cannot be written ------------------------------------------------------------------------------------------


@contextmanager
def refusing(table: str, condition: str) -> Iterator[None]:
    """Let PostgreSQL raise for some rows that are to be written."""
    with database.cursor() as cursor:
        cursor.execute(f"""
            CREATE FUNCTION refuse_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
              IF {condition} THEN RAISE 'poison' USING ERRCODE = 'numeric_value_out_of_range'; END IF; RETURN NEW;
            END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_row();
        """)
    try:
        yield
    finally:
        with database.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse_row CASCADE")


@pytest.mark.django_db(transaction=True)
def test_a_receipt_that_cannot_be_stored_costs_no_other(smsc: Smsc, sender: Sender) -> None:
    with running() as dispatcher, refusing("messaging_deliveryreport", "NEW.ref = 'poison'"):
        run_until(dispatcher, lambda: smsc.bound == 1)
        told = smsc.deliver_all(RECEIPT.format(ref, "DELIVRD") for ref in ("one", "poison", "two"))
        run_until(dispatcher, lambda: len(smsc.answers_to(told)) == 3)

    assert [smsc.answers_to(told)[number] for number in told] == [0, 0x64, 0]
    assert set(DeliveryReport.objects.values_list("ref", flat=True)) == {"one", "two"}


@pytest.mark.django_db(transaction=True)
def test_a_bind_that_cannot_be_recorded_costs_no_other_account(smsc: Smsc, sender: Sender) -> None:
    with listening() as odd:
        poison = a_sender(odd)
        with running() as dispatcher, refusing("journal_exchange", f"NEW.connection_id = {poison.connection_id}"):
            run_until(dispatcher, lambda: (smsc.bound, odd.bound) == (1, 1))
            message = factories.message(sender)
            run_until(dispatcher, is_sent(message))
            told = smsc.deliver(RECEIPT.format(reload(message).ref, "DELIVRD"))
            run_until(dispatcher, lambda: smsc.has_answer(told))
    assert DeliveryReport.objects.count() == 1
    assert set(DeadLetter.objects.values_list("kind", "key")) == {("account", str(poison.connection_id))}


def test_receipts_beyond_what_may_be_parked_are_asked_for_again(smsc: Smsc, sender: Sender) -> None:
    with running() as dispatcher:
        run_until(dispatcher, lambda: smsc.bound == 1)
        told = smsc.deliver_all(RECEIPT.format(f"nobody-{number}", "DELIVRD") for number in range(400))
        run_until(dispatcher, lambda: len(smsc.answers_to(told)) == 400)
    statuses = list(smsc.answers_to(told).values())
    assert set(statuses) == {0, 0x64}
    assert DeliveryReport.objects.count() == statuses.count(0) >= receipt_queue.MAX_PARKED


def test_of_many_receipts_at_once_all_with_known_ids_are_stored(smsc: Smsc, sender: Sender) -> None:
    for number in range(400):
        factories.message(sender, status=Status.SENT, ref=f"ours-{number}")
    with running() as dispatcher:
        run_until(dispatcher, lambda: smsc.bound == 1)
        told = smsc.deliver_all(RECEIPT.format(f"ours-{number}", "DELIVRD") for number in range(400))
        run_until(dispatcher, lambda: len(smsc.answers_to(told)) == 400)
    assert set(smsc.answers_to(told).values()) == {0}
    assert DeliveryReport.objects.count() == 400


def test_submits_that_nobody_waits_for_any_more_are_dropped(smsc: Smsc, sender: Sender) -> None:
    smsc.answers = lambda _: None
    with running() as dispatcher:
        factories.message(sender)
        run_until(dispatcher, lambda: len(smsc.submits) == 1)
        (drain,) = dispatcher.leases._smpp_drains()  # type: ignore[attr-defined]
        parts = [pending.PendingSubmit({"short_message": b"x"}) for _ in range(session.MAX_IN_FLIGHT + 5)]
        drain.session._enqueue(*parts)
        run_until(dispatcher, lambda: len(smsc.submits) == len(parts) + 1)
        assert len(drain.session._in_flight) == session.MAX_IN_FLIGHT
        assert parts[0].answer.exception() is not None
