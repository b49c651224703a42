"""What is held, failed or let through between the claim and the wire."""

import threading
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from b24app.messaging.actions import pauses
from b24app.messaging.guards import pipeline, stop_list
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.guards import StoppedNumber, StopSource
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait
from b24app.messaging.reports import acceptance, applier
from b24app.sandbox import Sandbox
from providers.kit import contract
from tests import factories
from tests.concurrency import wait_for_lock
from tests.messaging.steps import accept_message, claim, drain, reload

pytestmark = pytest.mark.django_db

# -- nothing set ------------------------------------------------------------------------------------------------------


def test_without_rules_everything_goes_for_one_query(
    front: Sender, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    other = factories.sender(factories.connection(factories.portal("charlie")))
    batch = claim(*factories.messages(front, 5), *factories.messages(other, 3))
    with django_assert_num_queries(1):
        assert pipeline.apply_guards(batch) == batch
    assert Message.objects.filter(phase=Phase.ON_WIRE, attempts=1).count() == 8
    with django_assert_num_queries(0):
        assert pipeline.apply_guards([]) == []


def test_a_message_erased_since_its_claim_does_not_go(front: Sender) -> None:
    batch = claim(*factories.messages(front, 2))
    Message.objects.filter(pk=batch[0].pk).delete()
    assert pipeline.apply_guards(batch) == batch[1:]


# -- the stop list ----------------------------------------------------------------------------------------------------


def test_a_stopped_number_fails_as_opt_out_and_the_service_is_not_called(sms: Sandbox, sender: Sender) -> None:
    StoppedNumber.objects.create(portal=sender.portal, number="+12025550100", source=StopSource.HAND)
    stopped, free = accept_message(sender), accept_message(sender, "+12025550101")
    drain(sender.connection_id)
    reload(stopped)
    assert (stopped.status, stopped.reason, stopped.service_code) == (Status.FAILED, Reason.OPT_OUT, stop_list.CODE)
    assert (stopped.attempts, stopped.first_attempt_at, stopped.sent_at) == (0, None, None)
    assert stopped.push_at is not None
    assert reload(free).status == Status.SENT
    assert [entry["to"] for entry in sms.sms.entries()] == ["+12025550101"]


def test_the_stop_list_of_one_portal_is_not_the_one_of_another(front: Sender) -> None:
    other = factories.sender(factories.connection(factories.portal("charlie")))
    hers, his = factories.message(front), factories.message(other)
    StoppedNumber.objects.create(portal=front.portal, number=hers.to, source=StopSource.HAND)
    assert pipeline.apply_guards(claim(hers, his)) == [his]
    assert reload(hers).status == Status.FAILED
    assert reload(his).phase == Phase.ON_WIRE


def test_a_repeat_to_a_stopped_number_is_left_to_a_person_for_it_may_have_been_sent(front: Sender) -> None:
    until = timezone.now() + timedelta(minutes=30)
    message = factories.message(front, attempts=1, repeat_until=until)
    StoppedNumber.objects.create(portal=front.portal, number=message.to, source=StopSource.REPORT)
    assert pipeline.apply_guards(claim(message)) == []
    reload(message)
    assert (message.status, message.phase, message.reason) == (Status.QUEUED, Phase.UNKNOWN, Reason.TIMED_OUT)
    assert (message.attempts, message.due_at, message.lease_until) == (1, None, None)


def test_an_opt_out_at_the_service_puts_the_number_on_the_list(sender: Sender) -> None:
    refused, wrong = accept_message(sender, "+12025550196"), accept_message(sender, "+12025550199")
    drain(sender.connection_id)
    assert (reload(refused).reason, reload(wrong).reason) == (Reason.OPT_OUT, Reason.INVALID_NUMBER)
    assert list(StoppedNumber.objects.values_list("number", "source")) == [(refused.to, StopSource.REFUSAL)]


def test_an_opt_out_that_is_reported_later_puts_the_number_on_the_list(front: Sender) -> None:
    message = factories.message(front, status=Status.SENT, ref="SM1")
    told = contract.Report(ref="SM1", status=contract.Status.UNDELIVERED, word="undelivered", reason="opt_out")
    acceptance.insert_reports(front.connection_id, [told])
    applier.apply_due()
    assert reload(message).status == Status.UNDELIVERED
    assert list(StoppedNumber.objects.values_list("number", "source")) == [(message.to, StopSource.REPORT)]


def test_only_opt_outs_of_the_service_are_learnt_and_each_number_once(front: Sender) -> None:
    failed = {"status": Status.FAILED, "reason": Reason.OPT_OUT, "service_code": "21610"}
    one, twin = factories.message(front, **failed), factories.message(front, **failed)
    own = factories.message(front, to="+12025550150", **{**failed, "service_code": stop_list.CODE})
    other = factories.message(front, to="+12025550151", **{**failed, "reason": Reason.REJECTED})
    arrived = factories.message(front, to="+12025550152", status=Status.DELIVERED, reason=Reason.OPT_OUT)
    everything = [message.pk for message in (one, twin, own, other, arrived)]
    assert stop_list.add_opt_outs(everything, StopSource.REPORT) == 1
    assert stop_list.add_opt_outs(everything, StopSource.REFUSAL) == 0
    found = StoppedNumber.objects.get()
    assert (found.portal, found.number, found.source, found.added_by) == (front.portal, one.to, "report", None)


# -- pauses -----------------------------------------------------------------------------------------------------------


def test_a_paused_sender_holds_its_messages_until_they_expire_and_gives_the_attempt_back(front: Sender) -> None:
    other = factories.sender(front.connection)
    Sender.objects.filter(pk=front.pk).update(paused_at=timezone.now())
    held, free = factories.message(front), factories.message(other)
    assert pipeline.apply_guards(claim(held, free)) == [free]
    reload(held)
    assert (held.phase, held.wait, held.due_at) == (Phase.WAITING, Wait.PAUSED, held.expires_at)
    assert (held.attempts, held.first_attempt_at, held.lease_until) == (0, None, None)
    assert held.push_at == held.received_at + timedelta(seconds=40)
    assert reload(free).phase == Phase.ON_WIRE


def test_an_earlier_attempt_stays_counted_when_a_later_one_is_held(front: Sender) -> None:
    first = timezone.now() - timedelta(minutes=5)
    message = factories.message(front, attempts=2, first_attempt_at=first)
    factories.rules(front.portal, paused_at=timezone.now())
    assert pipeline.apply_guards(claim(message)) == []
    assert (reload(message).attempts, message.first_attempt_at) == (2, first)


def test_a_repeat_is_held_only_as_long_as_it_may_be_repeated(front: Sender) -> None:
    until = timezone.now() + timedelta(minutes=30)
    message = factories.message(front, attempts=1, repeat_until=until)
    factories.rules(front.portal, paused_at=timezone.now())
    assert pipeline.apply_guards(claim(message)) == []
    assert (reload(message).wait, message.due_at) == (Wait.PAUSED, until)


def test_what_waits_behind_a_paused_message_is_held_in_one_go(front: Sender) -> None:
    other = factories.sender(front.connection)
    Sender.objects.filter(pk=front.pk).update(paused_at=timezone.now())
    first, *rest = factories.messages(front, 6)
    free = factories.message(other)
    assert pipeline.apply_guards(claim(first)) == []
    assert [reload(one).wait for one in rest] == [Wait.PAUSED] * 5
    assert [one.due_at for one in rest] == [one.expires_at for one in rest]
    assert reload(free).wait == Wait.NONE


def test_a_pause_puts_off_what_waits_and_resuming_lets_it_go(front: Sender) -> None:
    message, other = factories.message(front), factories.message(factories.sender(front.connection))
    assert pauses.pause_sender(front) == 1
    assert (reload(message).wait, message.due_at) == (Wait.PAUSED, message.expires_at)
    assert reload(other).wait == Wait.NONE
    assert pauses.resume_sender(front) == 1
    assert reload(message).wait == Wait.NONE
    assert message.due_at is not None
    assert message.due_at <= timezone.now()
    assert pipeline.apply_guards(claim(message)) == [message]


def test_pausing_a_portal_stops_all_its_accounts_and_nobody_elses(front: Sender) -> None:
    second = factories.sender(factories.connection(front.portal))
    charlie = factories.sender(factories.connection(factories.portal("charlie")))
    mine, too, his = factories.message(front), factories.message(second), factories.message(charlie)
    assert pauses.pause_portal(front.portal) == 2
    late = factories.message(second)
    assert pipeline.apply_guards(claim(late, his)) == [his]
    assert [reload(one).wait for one in (mine, too, late)] == [Wait.PAUSED] * 3
    assert pauses.resume_portal(front.portal) == 3
    assert pipeline.apply_guards(claim(reload(mine), reload(too), reload(late))) == [mine, too, late]


@pytest.mark.django_db(transaction=True)
def test_what_is_sifted_while_somebody_resumes_is_not_left_behind() -> None:
    front = factories.sender(factories.connection(factories.portal()))
    pauses.pause_sender(front)
    [message] = claim(factories.message(front))
    locked, done = threading.Event(), threading.Event()

    def resume() -> None:
        with transaction.atomic():
            pauses.resume_sender(front)
            locked.set()
            assert wait_for_lock()
        done.set()
        database.close()

    other = threading.Thread(target=resume)
    other.start()
    assert locked.wait(60)
    assert pipeline.apply_guards([message]) == []
    other.join(60)
    assert done.is_set()
    reload(message)
    assert (message.phase, message.wait, message.attempts) == (Phase.WAITING, Wait.NONE, 0)
    assert message.due_at is not None
    assert message.due_at <= timezone.now()
