"""Finished months are rolled up, and stay correct when statuses change later."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from b24app.core import redis
from b24app.messaging import tasks
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statistics import DayBreakdown, MonthBreakdown
from b24app.messaging.models.statuses import Change, Reason, Status
from b24app.messaging.statistics import backfill, breakdowns, monthly
from b24app.messaging.statistics.breakdowns import COUNTS
from b24app.portals.models import Portal
from tests import factories
from tests.concurrency import run_together
from tests.messaging.steps import erase_portals

pytestmark = pytest.mark.django_db


def ago(count: int) -> date:
    """Return the first day of the month so many months before the newest that may be kept."""
    return monthly.finished_months(datetime.now(UTC).date())[count]


def sent(sender: Sender, day: date, **fields: Any) -> Message:
    message = factories.message(sender, day=day, country="US", **fields)
    climb(message, Status.SENT, price=Decimal("0.25"), currency="USD")
    return message


def climb(message: Message, status: Status, **fields: Any) -> None:
    Message.objects.advance([Change(pk=message.pk, status=status, **fields)])


def by_days() -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return the days of the kept months, summed up here."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    kept = set(MonthBreakdown.objects.values_list("portal", "month"))
    for row in DayBreakdown.objects.all():
        month = row.day.replace(day=1)
        if (row.portal_id, month) in kept:
            key = (row.portal_id, row.dimension, month, row.sender_id, row.value, row.currency)
            sums = found.get(key, (0,) * len(COUNTS))
            found[key] = tuple(one + getattr(row, name) for one, name in zip(sums, COUNTS, strict=True))
    return found


def by_months() -> dict[tuple[Any, ...], tuple[Any, ...]]:
    keys = ("portal", "dimension", "month", "sender", "value", "currency")
    rows = MonthBreakdown.objects.values_list(*keys, *COUNTS)
    return {row[: len(keys)]: row[len(keys) :] for row in rows}


@pytest.mark.parametrize(
    ("today", "newest"),
    [
        ("2026-11-25", "2026-10-01"),
        ("2026-12-03", "2026-10-01"),
        ("2026-12-04", "2026-11-01"),
        ("2026-01-01", "2025-11-01"),
    ],
)
def test_a_month_may_be_rolled_up_three_days_after_its_end(today: str, newest: str) -> None:
    found = monthly.finished_months(date.fromisoformat(today))
    assert (str(found[0]), len(found)) == (newest, 13)


def test_finished_months_are_rolled_up_with_all_their_days_and_no_others(front: Sender) -> None:
    other = factories.sender(factories.connection(factories.portal("charlie")))
    for sender in (front, other):
        for day in (ago(0), ago(0) + timedelta(days=27), ago(1) + timedelta(days=3)):
            climb(sent(sender, day, author_id=day.day), Status.DELIVERED)
        sent(sender, timezone.now().date())
    breakdowns.count_climbs()
    assert monthly.roll_up_months() == 4
    assert set(MonthBreakdown.objects.values_list("portal", "month")) == {
        (one.portal_id, month) for one in (front, other) for month in (ago(0), ago(1))
    }
    assert by_months() == by_days()
    row = MonthBreakdown.objects.get(sender=front, month=ago(0), dimension="country", currency="USD")
    assert (row.value, row.messages, row.delivered, row.money) == ("US", 2, 2, Decimal("0.5"))
    assert monthly.roll_up_months() == 0
    assert by_months() == by_days()


def test_a_late_change_is_added_to_a_rolled_up_month_too(front: Sender) -> None:
    message = sent(front, ago(0))
    breakdowns.count_climbs()
    monthly.roll_up_months()
    climb(message, Status.UNDELIVERED, reason=Reason.UNREACHED)
    sent(front, ago(0) + timedelta(days=5), author_id=999)
    sent(front, ago(1))  # of a month that is not kept
    breakdowns.count_climbs()
    assert set(MonthBreakdown.objects.values_list("month", flat=True)) == {ago(0)}
    assert by_months() == by_days()
    found = MonthBreakdown.objects.filter(dimension="source").aggregate(Sum("messages"), Sum("undelivered"))
    assert found == {"messages__sum": 2, "undelivered__sum": 1}


def test_backfilled_messages_are_in_the_months(front: Sender) -> None:
    sent(front, ago(2))
    breakdowns.count_climbs()
    monthly.roll_up_months()
    climb(factories.message(front, day=ago(2), country=None), Status.SENT)
    list(backfill.backfill_breakdowns())
    assert by_months() == by_days()
    assert MonthBreakdown.objects.filter(dimension="source").aggregate(Sum("messages")) == {"messages__sum": 2}


def test_maintenance_rolls_months_up(front: Sender) -> None:
    sent(front, ago(0))
    breakdowns.count_climbs()
    redis.redis_client().flushdb()
    tasks.run_maintenance()
    assert set(MonthBreakdown.objects.values_list("month", flat=True)) == {ago(0)}


def test_a_portal_is_erased_with_its_months_and_nobody_else_s(front: Sender) -> None:
    other = factories.sender(factories.connection(factories.portal("charlie")))
    for sender in (front, other):
        sent(sender, ago(0))
    breakdowns.count_climbs()
    monthly.roll_up_months()
    Portal.objects.filter(pk=front.portal_id).update(uninstalled_at=timezone.now(), erase_at=timezone.now())
    erase_portals()
    assert {row.portal_id for row in MonthBreakdown.objects.all()} == {other.portal_id}


@pytest.mark.django_db(transaction=True)
def test_months_are_right_though_changes_are_counted_while_they_are_rolled_up(
    front: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakdowns, "COUNT_OLDEST", breakdowns.COUNT_OLDEST.replace("LIMIT 5000", "LIMIT 3"))
    monkeypatch.setattr(breakdowns, "BATCH_SIZE", 3)
    for place in range(90):
        sent(front, ago(place % 6), author_id=place % 4)
    breakdowns.count_climbs()  # sixty of them
    run_together(breakdowns.count_climbs, breakdowns.count_climbs, monthly.roll_up_months, monthly.roll_up_months)
    breakdowns.count_climbs()
    assert set(MonthBreakdown.objects.values_list("month", flat=True)) == {ago(place) for place in range(6)}
    assert by_months() == by_days()
    assert sum(row.messages for row in MonthBreakdown.objects.filter(dimension="source")) == 90
