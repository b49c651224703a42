"""Step 3: reports change a message's status, in whatever order they arrive."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from b24app.messaging.dispatch.completer import Batch, record_results
from b24app.messaging.models import Connection, ConnectionState, DeliveryReport, Message, MessagePart, Sender
from b24app.messaging.models.statuses import Phase, Reason, Status
from b24app.messaging.reports import acceptance, applier, polling
from b24app.messaging.send_results import SendResult
from b24app.portals.models import Portal
from b24app.sandbox import Sandbox
from providers.kit import contract, errors
from providers.kit.http import Exchange
from providers.twilio import Twilio
from tests.messaging.steps import accept_message, drain

pytestmark = pytest.mark.django_db


def report(ref: str, status: str | None, word: str = "", **fields: str) -> contract.Report:
    known = contract.Status(status) if status else None
    return contract.Report(ref=ref, status=known, word=word or str(status), **fields)  # type: ignore[arg-type]


@pytest.fixture
def sent(sender: Sender) -> Message:
    message = accept_message(sender)
    drain(sender.connection_id)
    message.refresh_from_db()
    return message


def take(message: Message, *told: contract.Report) -> Message:
    acceptance.insert_reports(message.connection_id, told)
    applier.apply_due()
    message.refresh_from_db()
    return message


def test_a_report_delivers(sent: Message) -> None:
    take(sent, report(sent.ref, "delivered"))
    assert (sent.status, sent.reason, sent.poll_at) == (Status.DELIVERED, Reason.NONE, None)
    assert sent.final_at is not None
    assert sent.push_at is not None


def test_statuses_out_of_order_never_go_back(sent: Message) -> None:
    take(sent, report(sent.ref, "delivered"))
    take(sent, report(sent.ref, "sent"), report(sent.ref, "undelivered"), report(sent.ref, "failed"))
    assert sent.status == Status.DELIVERED


def test_a_late_delivery_corrects_undelivered_and_the_tally(sent: Message) -> None:
    take(sent, report(sent.ref, "undelivered", code="30003"))
    assert (sent.status, sent.reason, sent.service_code) == (Status.UNDELIVERED, Reason.UNREACHED, "30003")
    take(sent, report(sent.ref, "delivered"))
    assert (sent.status, sent.reason, sent.service_code) == (Status.DELIVERED, Reason.NONE, "")
    counted = sent.portal.tallies.exclude(messages=0).values_list("status", "messages")
    assert list(counted) == [("delivered", 1)]


def test_a_repeated_report_is_stored_once(sent: Message) -> None:
    take(sent, report(sent.ref, "delivered"), report(sent.ref, "delivered"))
    take(sent, report(sent.ref, "delivered"))
    assert DeliveryReport.objects.count() == 1


def test_an_opt_out_gives_its_reason(sent: Message) -> None:
    take(sent, report(sent.ref, "failed", code="21610", reason="opt_out"))
    assert (sent.status, sent.reason) == (Status.FAILED, Reason.OPT_OUT)


def test_an_unknown_status_word_is_stored_and_changes_nothing(sent: Message) -> None:
    take(sent, report(sent.ref, None, word="levitating"))
    kept = DeliveryReport.objects.get()
    assert (sent.status, kept.word, kept.message_id, kept.due_at) == (Status.SENT, "levitating", sent.pk, None)


def test_a_report_that_outruns_the_receipt_is_applied_when_the_ref_is_written(sender: Sender) -> None:
    message = accept_message(sender)
    Message.objects.update(phase=Phase.ON_WIRE, attempts=1)
    message.refresh_from_db()
    acceptance.insert_reports(sender.connection_id, [report("SM-early", "delivered")])
    applier.apply_due()
    assert Message.objects.get().status == Status.QUEUED
    receipt = SendResult.of(message, contract.Accepted(ref="SM-early"), [])
    assert record_results([Batch(sender.connection, Twilio, [receipt])])
    applier.apply_due()
    assert Message.objects.get().status == Status.DELIVERED


def test_a_receipt_after_the_final_report_still_brings_the_ref(sender: Sender) -> None:
    message = accept_message(sender)
    Message.objects.update(phase=Phase.ON_WIRE, attempts=1)
    message.refresh_from_db()
    acceptance.insert_reports(sender.connection_id, [report("", "delivered")], message.reference.hex)
    applier.apply_due()
    record_results(
        [Batch(sender.connection, Twilio, [SendResult.of(message, contract.Accepted(ref="SM-late", parts=2), [])])]
    )
    message.refresh_from_db()
    assert (message.status, message.ref, message.parts) == (Status.DELIVERED, "SM-late", 2)
    assert message.poll_at is None


def test_a_receipt_after_a_report_of_sent_still_schedules_the_poll(sender: Sender) -> None:
    message = accept_message(sender)
    Message.objects.update(phase=Phase.ON_WIRE, attempts=1)
    message.refresh_from_db()
    acceptance.insert_reports(sender.connection_id, [report("", "sent")], message.reference.hex)
    applier.apply_due()
    record_results([Batch(sender.connection, Twilio, [SendResult.of(message, contract.Accepted(ref="SM-late"), [])])])
    message.refresh_from_db()
    assert (message.status, message.ref) == (Status.SENT, "SM-late")
    assert message.poll_at is not None  # should no final word come


def test_a_report_by_our_reference_proves_acceptance_while_the_outcome_is_unknown(sms: Sandbox, sender: Sender) -> None:
    sms.sms.switches.close = 1
    message = accept_message(sender)
    drain(sender.connection_id)
    told = report("SM1", "delivered")
    acceptance.insert_reports(sender.connection_id, [told], message.reference.hex)
    applier.apply_due()
    message.refresh_from_db()
    assert (message.status, message.phase, message.ref) == (Status.DELIVERED, Phase.DONE, "SM1")


def test_reports_that_name_no_message_are_matched_by_their_address(sender: Sender) -> None:
    first, second = accept_message(sender), accept_message(sender, "+12025550101")
    drain(sender.connection_id)
    for message in (first, second):
        acceptance.insert_reports(sender.connection_id, [report("", "delivered")], message.reference.hex)
    applier.apply_due()
    assert set(Message.objects.values_list("status", flat=True)) == {Status.DELIVERED}


def test_a_report_never_leaves_the_connection_of_its_address(sent: Message, connection: Connection) -> None:
    other = Connection.objects.create(portal=connection.portal, service="twilio", title="Other", account={})
    acceptance.insert_reports(other.pk, [report(sent.ref, "delivered")], sent.reference.hex)
    applier.apply_due()
    sent.refresh_from_db()
    assert sent.status == Status.SENT


def test_an_unmatched_report_is_tried_twice_and_then_given_up(connection: Connection) -> None:
    acceptance.insert_reports(connection.pk, [report("somebody-elses", "delivered")])
    applier.apply_due()
    kept = DeliveryReport.objects.get()
    assert kept.due_at is not None
    assert timedelta(seconds=55) < kept.due_at - timezone.now() < timedelta(seconds=61)
    DeliveryReport.objects.update(due_at=timezone.now())
    applier.apply_due()
    assert list(DeliveryReport.objects.values_list("tries", "due_at", "message")) == [(2, None, None)]


def test_a_report_given_up_is_applied_when_its_ref_is_written_at_last(sender: Sender) -> None:
    message = accept_message(sender)
    Message.objects.update(phase=Phase.ON_WIRE, attempts=1)
    message.refresh_from_db()
    acceptance.insert_reports(sender.connection_id, [report("SM-early", "delivered")])
    DeliveryReport.objects.update(tries=2, due_at=None)
    record_results([Batch(sender.connection, Twilio, [SendResult.of(message, contract.Accepted(ref="SM-early"), [])])])
    applier.apply_due()
    assert Message.objects.get().status == Status.DELIVERED


def test_a_report_given_up_is_applied_when_another_report_brings_its_ref(sender: Sender) -> None:
    message = accept_message(sender)
    Message.objects.update(phase=Phase.UNKNOWN, due_at=None)
    acceptance.insert_reports(sender.connection_id, [report("SM1", "delivered")])
    DeliveryReport.objects.update(tries=2, due_at=None)
    acceptance.insert_reports(sender.connection_id, [report("SM1", "sent")], message.reference.hex)
    applier.apply_due()
    message.refresh_from_db()
    assert (message.status, message.ref) == (Status.DELIVERED, "SM1")


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (("delivered", "delivered"), Status.DELIVERED),
        (("delivered", "undelivered"), Status.UNDELIVERED),
        (("failed", "delivered"), Status.FAILED),
    ],
)
def test_the_worst_part_counts_once_all_have_a_final_status(
    sent: Message, words: tuple[str, str], result: Status
) -> None:
    for ref in ("part-1", "part-2"):
        MessagePart.objects.create(connection=sent.connection, message=sent, ref=ref)
    take(sent, report("part-1", words[0]))
    assert sent.status == Status.SENT
    take(sent, report("part-2", words[1]))
    assert sent.status == result


def test_parts_that_never_report_leave_the_result_to_the_others_after_an_hour(sent: Message) -> None:
    for ref in ("part-1", "part-2"):
        MessagePart.objects.create(connection=sent.connection, message=sent, ref=ref)
    take(sent, report("part-1", "delivered"))
    past = timezone.now() - timedelta(hours=1, seconds=1)
    DeliveryReport.objects.update(received_at=past, due_at=timezone.now())
    applier.apply_due()
    sent.refresh_from_db()
    assert sent.status == Status.DELIVERED


def test_a_service_that_does_not_report_is_polled(sms: Sandbox, sent: Message) -> None:
    assert sent.poll_at is not None
    assert timedelta(minutes=29) < sent.poll_at - timezone.now() < timedelta(minutes=31)
    assert sms.wait_until(lambda: sms.sms.find(sent.ref).status == "delivered")  # type: ignore[union-attr]
    Message.objects.update(poll_at=timezone.now())
    again = polling.poll_due(sent.connection_id)
    applier.apply_due()
    sent.refresh_from_db()
    assert (sent.status, sent.polls) == (Status.DELIVERED, 1)
    assert again is not None


def test_a_failed_poll_is_repeated(sent: Message) -> None:
    sent.connection.account = {**sent.connection.account, "base_url": "http://127.0.0.1:9"}
    sent.connection.save()
    Message.objects.update(poll_at=timezone.now())
    assert polling.poll_due(sent.connection_id) is not None
    sent.refresh_from_db()
    assert (sent.status, sent.polls) == (Status.SENT, 1)


def test_reports_for_an_unknown_connection_raise() -> None:
    call = contract.Call(method="POST", url="", query={}, form={}, headers={}, body=b"")
    with pytest.raises(acceptance.NoSuchConnection):
        acceptance.accept_reports(uuid.uuid4().hex, "-", call)


def test_texts_that_postgresql_cannot_store_lose_neither_their_result_nor_others(sender: Sender) -> None:
    refused, accepted = accept_message(sender), accept_message(sender)
    Message.objects.update(phase=Phase.ON_WIRE, attempts=1)
    for message in (refused, accepted):
        message.refresh_from_db()
    said = errors.Rejected("cut in half: \ud83d\0", code="21\0", reason="blocked")
    price = Decimal(10**9)
    receipt = contract.Accepted(ref="SM\ud83d", refs=("p\0", "q"), parts=70_000, price=price, currency="U\0D")
    spoken = Exchange(
        at=timezone.now(),
        method="POST",
        host="a.example",
        path="/\0",
        status=400,
        ms=5,
        request="\ud83d",
        response="\0",
        error="\0",
    )
    record_results(
        [
            Batch(
                sender.connection,
                Twilio,
                [SendResult.of(refused, said, [spoken]), SendResult.of(accepted, receipt, [])],
            )
        ]
    )
    for message in (refused, accepted):
        message.refresh_from_db()
    assert (refused.status, refused.detail) == (Status.FAILED, "cut in half: \ufffd\ufffd")
    assert (accepted.status, accepted.ref, accepted.price, accepted.parts) == (Status.SENT, "SM\ufffd", None, 2)


def test_a_report_that_postgresql_cannot_store_is_stored_as_far_as_possible(sent: Message) -> None:
    odd = contract.Report(
        ref=sent.ref, status=contract.Status.FAILED, word="fa\0iled", detail="\ud83d", price=Decimal("NaN")
    )
    take(sent, odd)
    assert (sent.status, sent.detail, sent.price) == (Status.FAILED, "\ufffd", None)


def test_queued_at_the_service_proves_that_it_accepted_an_unknown_message(sender: Sender) -> None:
    message = accept_message(sender)
    Message.objects.update(phase=Phase.UNKNOWN, due_at=None)
    acceptance.insert_reports(sender.connection_id, [report("SM1", "queued")], message.reference.hex)
    applier.apply_due()
    message.refresh_from_db()
    assert (message.status, message.phase, message.ref) == (Status.SENT, Phase.DONE, "SM1")


def test_a_service_that_does_not_load_is_not_polled(sent: Message) -> None:
    Message.objects.update(poll_at=timezone.now())
    Connection.objects.update(service="missing")
    assert polling.poll_due(sent.connection_id) is None
    sent.refresh_from_db()
    assert sent.polls == 0


def test_a_service_without_an_account_is_polled_too(portal: Portal) -> None:
    practice = Connection.objects.create(portal=portal, service="demo", title="Practice", account={})
    sender = Sender.objects.create(portal=portal, connection=practice, code="practice", names={"en": "Practice"})
    message = accept_message(sender, "+12025550114")
    drain(practice.pk)
    message.refresh_from_db()
    assert (message.status, message.poll_at is not None) == (Status.SENT, True)
    Message.objects.update(poll_at=timezone.now())
    polling.poll_due(practice.pk)
    message.refresh_from_db()
    assert message.polls == 1


def test_a_disconnected_account_is_not_polled(sent: Message) -> None:
    Connection.objects.update(state=ConnectionState.REMOVED)
    Message.objects.update(poll_at=timezone.now())
    assert polling.poll_due(sent.connection_id) is None
    sent.refresh_from_db()
    assert sent.polls == 0


def test_reports_of_messages_that_are_not_ours_are_unmatched_after_two_tries(sender: Sender) -> None:
    connection, now = sender.connection, timezone.now()
    kept = {"connection": connection, "word": "delivered", "status": "delivered"}
    DeliveryReport.objects.create(fingerprint="1", ref="early", tries=1, **kept)
    DeliveryReport.objects.create(fingerprint="2", ref="old", tries=6, received_at=now - timedelta(days=8), **kept)
    DeliveryReport.objects.create(fingerprint="3", ref="ours", tries=2, message=accept_message(sender), **kept)
    assert not acceptance.has_unmatched_reports(connection)

    DeliveryReport.objects.create(fingerprint="4", ref="theirs", tries=2, **kept)
    assert acceptance.has_unmatched_reports(connection)
