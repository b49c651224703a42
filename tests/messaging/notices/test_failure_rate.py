"""An alert when too many of a sender's messages of the last hour are not delivered or fail: once, until it is over."""

from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from b24app.messaging import sweep, tasks
from b24app.messaging.actions import pauses
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Message, Sender, SenderState
from b24app.messaging.models.notices import Notice, NoticeRules
from b24app.messaging.models.statuses import Reason, Status
from b24app.messaging.notices import delivery, detection, failure_rate
from b24app.messaging.statistics.delivery_rate import Rate
from b24app.portals.models import Portal
from b24app.sandbox import Portal as SandboxPortal
from tests import factories
from tests.messaging.notices.test_notices import account, calls, later, notifications, sender

__all__ = ["account", "sender"]

pytestmark = pytest.mark.django_db

ALERT = (
    "[B]Front desk[/B]: 12 of 24 messages in the last hour were not delivered or failed (50%). "
    "Reports show the most frequent errors."
)
OVER = "[B]Front desk[/B]: The failure rate is below your limit again."


def past(sender: Sender, *, delivered: int = 0, lost: int = 0, minutes: float = 5, **fields: object) -> None:
    now = timezone.now() - timedelta(minutes=minutes)
    factories.messages(sender, delivered, now=now, status=Status.DELIVERED)
    kind: dict[str, object] = {"status": Status.UNDELIVERED, "reason": Reason.UNREACHED, **fields}
    factories.messages(sender, lost, now=now, **kind)


def failing(portal: Portal) -> dict[int, Rate]:
    return dict(failure_rate.failing_senders(portal, detection.notice_rules(portal), timezone.now()))


def test_a_sender_that_fails_is_announced_once_and_so_is_its_recovery(alpha: SandboxPortal, sender: Sender) -> None:
    portal = sender.portal
    past(sender, delivered=12, lost=12)
    assert sweep.to_watch() == [portal.pk]
    delivery.send_due(portal.pk)
    tag = f"SENDLINE|failures|{sender.pk}"
    assert notifications(alpha) == [(1, tag, ALERT)]
    past(sender, lost=30)
    for _ in range(3):
        later(hours=2)
        delivery.send_due(portal.pk)
    assert calls(alpha) == 1  # it got worse: the same episode
    past(sender, delivered=60)
    delivery.send_due(portal.pk)
    later(minutes=3)
    delivery.send_due(portal.pk)
    assert notifications(alpha) == [(1, tag, OVER)]
    later(hours=2)
    past(sender, lost=90)
    delivery.send_due(portal.pk)
    assert "132 of 204" in notifications(alpha)[0][2]
    assert calls(alpha) == 3


@pytest.mark.parametrize("stopped", ["sender", "account", "removed"])
def test_a_sender_that_a_person_stopped_has_not_recovered(alpha: SandboxPortal, sender: Sender, stopped: str) -> None:
    past(sender, lost=20)
    delivery.send_due(sender.portal_id)
    assert calls(alpha) == 1
    match stopped:
        case "sender":
            pauses.pause_sender(sender)
        case "account":
            lifecycle.pause_connection(sender.connection)
        case _:
            Sender.objects.filter(pk=sender.pk).update(state=SenderState.REMOVED)
    Message.objects.update(received_at=timezone.now() - timedelta(minutes=61))
    for _ in range(3):
        later(minutes=5)
        delivery.send_due(sender.portal_id)
    assert calls(alpha) == 1
    assert sweep.to_notify() == []


def test_an_hour_without_messages_ends_it(alpha: SandboxPortal, sender: Sender) -> None:
    past(sender, lost=20)
    delivery.send_due(sender.portal_id)
    Message.objects.update(received_at=timezone.now() - timedelta(minutes=61))
    later(minutes=5)
    delivery.send_due(sender.portal_id)
    later(minutes=5)
    delivery.send_due(sender.portal_id)
    assert [words for _user, _tag, words in notifications(alpha)] == [OVER]
    assert (sweep.to_watch(), sweep.to_notify()) == ([], [])


@pytest.mark.parametrize(
    ("delivered", "lost", "rules", "expected"),
    [
        (10, 10, {}, Rate(10, 20)),
        (11, 10, {}, None),  # below half
        (9, 10, {}, None),  # fewer than twenty
        (90, 10, {"failure_percent": 10}, Rate(90, 100)),
        (91, 10, {"failure_percent": 10}, None),
        (0, 6, {"failure_messages": 5}, Rate(0, 6)),
        (0, 4, {"failure_messages": 1}, None),  # chance
        (0, 40, {"failures": False}, None),
    ],
)
def test_the_limit_is_a_share_of_at_least_so_many_messages(
    sender: Sender, delivered: int, lost: int, rules: dict[str, object], expected: Rate | None
) -> None:
    NoticeRules.objects.create(portal=sender.portal, **rules)
    past(sender, delivered=delivered, lost=lost)
    assert failing(sender.portal) == ({sender.pk: expected} if expected else {})


def test_only_final_statuses_of_the_last_hour_count_and_nothing_canceled(sender: Sender) -> None:
    past(sender, lost=40, minutes=61)
    past(sender, lost=40, status=Status.FAILED, reason=Reason.CANCELLED)
    past(sender, lost=40, status=Status.SENT, reason="")
    assert failing(sender.portal) == {}
    past(sender, delivered=5, lost=15)
    assert failing(sender.portal) == {sender.pk: Rate(5, 20, canceled=40)}


def test_each_sender_is_watched_by_itself_and_a_demo_sender_is_not(sender: Sender) -> None:
    other = factories.sender(sender.connection)
    past(other, delivered=100)
    past(sender, lost=20)
    past(factories.sender(factories.connection(sender.portal, "demo")), lost=50)
    assert list(failing(sender.portal)) == [sender.pk]


def test_on_a_busy_portal_the_newest_messages_are_read(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure_rate, "MAX_READ", 30)
    past(sender, delivered=100, minutes=40)
    past(sender, lost=30, minutes=2)
    assert failing(sender.portal) == {sender.pk: Rate(0, 30)}


def test_nobody_is_watched_who_does_not_want_it_or_cannot_be_told(alpha: SandboxPortal, sender: Sender) -> None:
    past(sender, lost=4)
    assert sweep.to_watch() == []
    past(sender, lost=1)
    assert sweep.to_watch() == [sender.portal_id]
    rules = NoticeRules.objects.create(portal=sender.portal, failures=False)
    assert sweep.to_watch() == []
    rules.delete()
    Portal.objects.filter(pk=sender.portal_id).update(suspension="plan")
    assert sweep.to_watch() == []


def test_switched_off_during_an_episode_nothing_more_is_said(alpha: SandboxPortal, sender: Sender) -> None:
    past(sender, lost=30)
    delivery.send_due(sender.portal_id)
    NoticeRules.objects.create(portal=sender.portal, failures=False)
    for _ in range(3):
        later(minutes=5)
        delivery.send_due(sender.portal_id)
    assert calls(alpha) == 1
    assert sweep.to_notify() == []


def test_another_portal_s_failures_are_its_own(alpha: SandboxPortal, sender: Sender) -> None:
    charlies = factories.sender(factories.connection(factories.portal("charlie"), "twilio"), names={"en": "Hers"})
    past(charlies, lost=30)
    assert sweep.to_watch() == [charlies.portal_id]
    delivery.send_due(sender.portal_id)
    assert calls(alpha) == 0
    assert not Notice.objects.filter(portal=sender.portal).exists()
    assert failing(sender.portal) == {}


def test_a_round_of_care_wakes_the_notices(alpha: SandboxPortal, sender: Sender) -> None:
    past(sender, lost=30)
    tasks.MAINTENANCE["to_watch"]()
    tasks.notify_administrators(sender.portal_id)
    assert "30 of 30 messages" in notifications(alpha)[0][2]


def test_portals_are_found_by_the_partial_index_of_failures(sender: Sender) -> None:
    past(sender, delivered=300, lost=30)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE messaging_message")
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "message_not_arrived" in Portal.objects.filter(failure_rate.portals_with_failures(timezone.now())).explain()
