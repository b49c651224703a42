"""Caps hold, or fail for a recipient, and are exact however many workers count."""

import threading
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.messaging.actions import pauses
from b24app.messaging.guards import limits, pipeline
from b24app.messaging.models import DayTally, Message, Sender
from b24app.messaging.models.guards import CapUse, Rules
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait
from b24app.portals.models import Portal
from tests import factories
from tests.concurrency import wait_for_lock
from tests.messaging.steps import claim, reload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _not_at_the_full_hour() -> None:
    """Stand still: a window that ends in the middle of a test would be a race."""
    left = (next_hour() - timezone.now()).total_seconds()
    if left < 60:
        time.sleep(left + 1)


def next_hour() -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def midnight(zone: str) -> datetime:
    tomorrow = timezone.now().astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=ZoneInfo(zone))


def limit(sender: Sender, **fields: int) -> None:
    Sender.objects.filter(pk=sender.pk).update(**fields)


def test_an_hours_cap_of_a_sender_holds_what_is_above_it_until_the_hour_is_over(front: Sender) -> None:
    limit(front, per_hour=3)
    first, second = claim(*factories.messages(front, 2)), claim(*factories.messages(front, 2))
    assert pipeline.apply_guards(first) == first
    end = next_hour()
    assert pipeline.apply_guards(second) == second[:1]
    held = reload(second[1])
    assert (held.phase, held.wait, held.due_at) == (Phase.WAITING, Wait.CAP, end)
    assert (held.attempts, held.first_attempt_at, held.push_at) == (0, None, None)
    assert CapUse.objects.get().used == 3


def test_the_next_hour_counts_anew(front: Sender) -> None:
    limit(front, per_hour=1)
    first, second = factories.messages(front, 2)
    assert pipeline.apply_guards(claim(first)) == [first]
    CapUse.objects.update(since=next_hour() - timedelta(hours=2))
    assert pipeline.apply_guards(claim(second)) == [second]


def test_a_days_cap_lasts_until_the_portals_midnight(front: Sender) -> None:
    Portal.objects.update(time_zone="Asia/Almaty")
    limit(front, per_day=1, per_hour=1)
    batch = claim(*factories.messages(front, 2))
    assert pipeline.apply_guards(batch) == batch[:1]
    assert reload(batch[1]).due_at == min(max(midnight("Asia/Almaty"), next_hour()), batch[1].expires_at)


def test_a_zone_that_this_machine_does_not_know_does_not_stop_a_claim(front: Sender) -> None:
    Portal.objects.update(time_zone="Mars/Olympus")
    limit(front, per_day=1)
    batch = claim(*factories.messages(front, 2))
    assert pipeline.apply_guards(batch) == batch[:1]
    assert reload(batch[1]).due_at == min(midnight("UTC"), batch[1].expires_at)


def test_a_message_that_expires_first_is_looked_at_when_it_does(front: Sender) -> None:
    limit(front, per_hour=0)
    soon = timezone.now() + timedelta(seconds=1)
    message = factories.message(front, expires_at=soon)
    assert pipeline.apply_guards(claim(message)) == []
    assert reload(message).due_at == soon


def test_an_employees_cap_counts_each_of_them_alone_and_no_robots(front: Sender) -> None:
    factories.rules(front.portal, employee_per_hour=1)
    other = factories.sender(front.connection)
    hers, too = factories.message(front, author_id=7), factories.message(other, author_id=7, text="Another")
    his, robots = factories.message(front, author_id=8, text="His"), factories.messages(front, 2, author_id=None)
    batch = claim(hers, too, his, *robots)
    assert pipeline.apply_guards(batch) == [hers, his, *robots]
    assert reload(too).wait == Wait.CAP


def test_a_portals_cap_is_over_all_its_senders_and_no_other_portal(front: Sender) -> None:
    factories.rules(front.portal, portal_per_hour=2)
    other = factories.sender(factories.connection(front.portal))
    charlie = factories.sender(factories.connection(factories.portal("charlie")))
    batch = claim(*factories.messages(front, 1), *factories.messages(other, 2), *factories.messages(charlie, 3))
    assert pipeline.apply_guards(batch) == [*batch[:2], *batch[3:]]
    assert reload(batch[2]).wait == Wait.CAP


def test_above_a_recipients_cap_a_message_fails_as_capped_and_does_not_count(front: Sender) -> None:
    factories.rules(front.portal, recipient_per_hour=2, portal_per_hour=3)
    same = [factories.message(front, text=f"Text {place}") for place in range(3)]
    other = factories.message(front, to="+12025550160")
    batch = claim(*same, other)
    assert pipeline.apply_guards(batch) == [same[0], same[1], other]
    failed = reload(same[2])
    assert (failed.status, failed.reason, failed.service_code) == (Status.FAILED, Reason.CAPPED, "")
    assert (failed.attempts, failed.first_attempt_at, failed.sent_at) == (0, None, None)
    assert failed.push_at is not None
    assert DayTally.objects.get(reason=Reason.CAPPED).messages == 1
    assert not CapUse.objects.filter(key__contains="202555").exists()
    assert dict(CapUse.objects.values_list("kind", "used").order_by("kind", "used").distinct()) == {
        "portal_hour": 3,
        "recipient_hour": 2,
    }


def test_a_recipients_day_is_capped_too(front: Sender) -> None:
    factories.rules(front.portal, recipient_per_day=1)
    batch = claim(factories.message(front), factories.message(front, text="Another"))
    assert pipeline.apply_guards(batch) == batch[:1]
    assert reload(batch[1]).reason == Reason.CAPPED


def test_a_repeat_is_neither_capped_nor_counted_again(front: Sender) -> None:
    factories.rules(front.portal, recipient_per_hour=0, portal_per_hour=0)
    thrown_back = factories.message(front, attempts=1)
    in_doubt = factories.message(front, attempts=1, repeat_until=timezone.now() + timedelta(minutes=5))
    batch = claim(thrown_back, in_doubt)
    assert pipeline.apply_guards(batch) == batch
    assert not CapUse.objects.exists()


def test_what_waits_behind_a_full_cap_is_held_in_one_go(front: Sender) -> None:
    limit(front, per_hour=1)
    first, second, *rest = factories.messages(front, 7)
    free = factories.message(factories.sender(front.connection))
    tried = factories.message(front, attempts=1, text="Tried before")
    assert pipeline.apply_guards(claim(first, second)) == [first]
    assert [(reload(one).wait, one.due_at) for one in rest] == [(Wait.CAP, next_hour())] * 5
    assert [reload(free).wait, reload(tried).wait] == [Wait.NONE, Wait.NONE]


def test_a_higher_cap_lets_go_what_the_old_one_held(front: Sender) -> None:
    limit(front, per_hour=0)
    message = factories.message(front)
    pipeline.apply_guards(claim(message))
    limit(front, per_hour=1)
    assert pauses.reconsider_waiting(front.portal, front) == 1
    assert pipeline.apply_guards(claim(reload(message))) == [message]


def test_old_counts_are_forgotten(front: Sender) -> None:
    now = datetime.now(UTC)
    for days in (0, 2, 4):
        CapUse.objects.create(portal=front.portal, kind="portal_hour", since=now - timedelta(days=days), used=1)
    assert limits.prune_uses() == 1
    assert CapUse.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_worker_counts_only_when_the_other_has_committed() -> None:
    front = factories.sender(factories.connection(factories.portal()))
    factories.rules(front.portal, portal_per_hour=5)
    first, second = claim(*factories.messages(front, 4)), claim(*factories.messages(front, 4))
    counted = threading.Event()
    went: list[Message] = []

    def work() -> None:
        with transaction.atomic():
            went.extend(pipeline.apply_guards(first))
            counted.set()
            assert wait_for_lock()
        database.close()

    other = threading.Thread(target=work)
    other.start()
    assert counted.wait(60)
    assert pipeline.apply_guards(second) == second[:1]
    other.join(60)
    assert went == first
    assert CapUse.objects.get().used == 5


@pytest.mark.django_db(transaction=True)
def test_two_workers_together_never_exceed_a_cap() -> None:
    front = factories.sender(factories.connection(factories.portal()))
    back = factories.sender(factories.connection(front.portal))
    Sender.objects.update(per_hour=15)
    factories.rules(front.portal, portal_per_hour=20)
    batches = [[claim(*factories.messages(sender, 4)) for _ in range(5)] for sender in (front, back)]
    together = threading.Barrier(2)
    went: list[list[Message]] = [[], []]

    def work(place: int) -> None:
        for batch in batches[place]:
            together.wait(120)
            # The other order for the other worker: locks are taken in one order all the same.
            went[place] += pipeline.apply_guards(batch[::-1] if place else batch)
        database.close()

    workers = [threading.Thread(target=work, args=(place,)) for place in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert len(went[0]) + len(went[1]) == 20
    assert max(len(one) for one in went) <= 15
    assert Message.objects.filter(phase=Phase.ON_WIRE).count() == 20
    assert Message.objects.filter(phase=Phase.WAITING, wait=Wait.CAP, attempts=0).count() == 20
    assert CapUse.objects.get(kind="portal_hour").used == 20
    assert Rules.objects.count() == 1


# -- duplicates -------------------------------------------------------------------------------------------------------


def test_the_same_text_to_the_same_number_within_minutes_goes_with_a_warning(front: Sender) -> None:
    other = factories.sender(front.connection)
    first, second = factories.message(front), factories.message(other)
    assert pipeline.apply_guards(claim(first, second)) == [first, second]
    assert (reload(first).repeats, reload(second).repeats) == (None, first.reference)
    assert (second.phase, second.attempts) == (Phase.ON_WIRE, 1)
    hour = next_hour() - timedelta(hours=1)
    assert limits.total_used(front.portal_id, limits.LimitKind.DUPLICATES, hour) == 1


def test_no_warning_of_what_is_no_duplicate(front: Sender) -> None:
    charlie = factories.sender(factories.connection(factories.portal("charlie")))
    old = timezone.now() - timedelta(minutes=11)
    factories.message(charlie)
    factories.message(front, now=old)
    factories.message(front, text="Another")
    factories.message(front, to="+12025550160")
    factories.message(front, status=Status.FAILED, reason=Reason.REJECTED)
    [message] = claim(factories.message(front))
    assert pipeline.apply_guards([message]) == [message]
    assert reload(message).repeats is None


def test_what_is_sent_again_by_hand_or_tested_is_not_warned_of(front: Sender) -> None:
    factories.message(front)
    batch = claim(factories.message(front, origin="resend"), factories.message(front, origin="test"))
    assert pipeline.apply_guards(batch) == batch
    assert [reload(one).repeats for one in batch] == [None, None]


def test_a_portal_may_turn_the_warning_off_or_look_further_back(front: Sender) -> None:
    mine = factories.rules(front.portal, duplicate_minutes=0)
    first = factories.message(front, now=timezone.now() - timedelta(minutes=50))
    second, third = factories.message(front), factories.message(front)
    pipeline.apply_guards(claim(second))
    Rules.objects.filter(pk=mine.pk).update(duplicate_minutes=60)
    Message.objects.filter(pk=second.pk).update(text="Another")
    pipeline.apply_guards(claim(third))
    assert (reload(second).repeats, reload(third).repeats) == (None, first.reference)


def test_two_copies_of_a_text_are_compared_by_the_time_their_author_chose(front: Sender) -> None:
    now = timezone.now()
    factories.message(front, scheduled_at=now + timedelta(days=7))
    written = factories.message(front)
    chosen = factories.message(front, scheduled_at=now + timedelta(hours=3))
    pipeline.apply_guards(claim(written, chosen))
    assert (reload(written).repeats, reload(chosen).repeats) == (None, None)
