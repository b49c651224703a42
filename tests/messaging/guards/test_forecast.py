"""What a message would meet, said before it is written; nothing is stored or counted by asking."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from b24app.messaging.guards import forecast, limits
from b24app.messaging.guards.forecast import Forecast
from b24app.messaging.guards.limits import LimitKind
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.guards import CapUse, StoppedNumber, StopSource
from b24app.messaging.models.statuses import Origin, Phase, Reason, Status
from tests import factories

pytestmark = pytest.mark.django_db

HERS, LANDLINE = "+12025550142", "+442079460018"
NIGHT = datetime(2026, 12, 2, 3, 0, tzinfo=UTC)  # 22:00 in Washington
TEXT = "Your order is ready."


def ask(sender: Sender, **given: Any) -> Forecast:
    values = {"to": HERS, "text": TEXT, "author_id": 7, "at": timezone.now(), **given}
    return forecast.forecast_message(sender, **values)


def test_nothing_stands_against_a_message_where_no_rule_is_set(front: Sender) -> None:
    assert ask(front) == Forecast()


def test_an_opted_out_number_blocks(front: Sender) -> None:
    entry = StoppedNumber.objects.create(portal=front.portal, number=HERS, source=StopSource.HAND)
    found = ask(front)
    assert (found.stopped, found.is_blocked) == (entry, True)
    theirs = factories.sender(factories.connection(factories.portal("charlie")))
    assert ask(theirs).stopped is None


def test_quiet_hours_are_told_for_the_moment_of_sending_whether_the_sender_waits_or_not(front: Sender) -> None:
    factories.rules(front.portal, quiet_from=time(21), quiet_until=time(9))
    morning = datetime(2026, 12, 2, 14, 0, tzinfo=UTC)
    found = ask(front, at=NIGHT)
    assert (found.quiet_until, found.waits_for_quiet) == (morning, False)
    assert ask(front, at=morning).quiet_until is None
    front.transactional = False
    assert ask(front, at=NIGHT).waits_for_quiet


def test_the_last_message_is_told_if_it_did_not_arrive(front: Sender) -> None:
    now = timezone.now()
    lost = factories.message(
        front, to=HERS, now=now - timedelta(days=1), status=Status.UNDELIVERED, reason=Reason.UNREACHED
    )
    factories.message(front, to=HERS, now=now - timedelta(hours=1))  # its end is not known yet
    assert ask(front).last == lost
    factories.message(front, to=HERS, status=Status.DELIVERED)
    assert ask(front).last is None
    unsure = factories.message(front, to=HERS, phase=Phase.UNKNOWN, due_at=None)
    assert ask(front).last == unsure


def test_the_same_text_shortly_before_is_told(front: Sender) -> None:
    sent = factories.message(front, to=HERS, text=TEXT, status=Status.SENT, now=timezone.now() - timedelta(minutes=9))
    assert ask(front).repeats == sent
    assert ask(front, text="Another text.").repeats is None
    assert ask(front, to="+12025550143").repeats is None
    assert ask(front, at=timezone.now() + timedelta(minutes=2)).repeats is None
    factories.message(front, to=HERS, text=TEXT, scheduled_at=timezone.now() + timedelta(days=7))
    assert ask(front).repeats == sent


@pytest.mark.parametrize(("used", "is_reached"), [(8, None), (9, False), (10, True)])
def test_limits_are_told_when_nearly_reached(front: Sender, used: int, is_reached: bool | None) -> None:
    factories.rules(front.portal, recipient_per_hour=10)
    now = timezone.now()
    (limit,) = limits.hourly_limit(front.portal_id, LimitKind.RECIPIENT_HOUR, limits.recipient_key(HERS), 10, now)
    limits.add_usage({limit.window: used})
    found = ask(front).limits
    assert [one.is_reached for one in found] == ([] if is_reached is None else [is_reached])
    assert ask(front, at=now + timedelta(hours=2)).limits == ()
    assert CapUse.objects.get().used == used


def test_a_pause_of_the_portal_is_told(front: Sender) -> None:
    factories.rules(front.portal, paused_at=timezone.now())
    assert ask(front).is_paused


def test_a_landline_is_told(front: Sender) -> None:
    assert ask(front, to=LANDLINE).is_not_mobile
    assert not ask(front, to="+77011234567").is_not_mobile


def test_asking_stores_nothing(front: Sender) -> None:
    ask(front)
    assert not Message.objects.filter(origin=Origin.CARD).exists()
    assert not CapUse.objects.exists()
