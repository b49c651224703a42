"""The course of the delivery rate: by days or by weeks, its lowest point, and what explains a dip."""

import re
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.reports.figures import Counts
from b24app.console.reports.rate_course import follow_rate, is_dip
from b24app.messaging.models import Sender
from b24app.messaging.models.statuses import Reason, Status
from b24app.messaging.statistics.delivery_rate import Rate
from b24app.portals.models import Portal
from tests.console.reports.test_reports import at, portal, sender, tally, today, words

__all__ = ["portal", "sender"]

pytestmark = pytest.mark.django_db

MONDAY = date(2026, 11, 2)


def days(*ended: int, delivered: int = 100) -> list[tuple[date, Counts]]:
    """Return days from a Monday on; `delivered` is in percent."""
    counts = [Counts(one, one * delivered // 100, one - one * delivered // 100) for one in ended]
    return [(MONDAY + timedelta(days=place), one) for place, one in enumerate(counts)]


def test_days_with_enough_messages_are_followed_by_days() -> None:
    course = follow_rate(days(20, 0, 40, 19))
    assert (course.is_weekly, course.is_drawn, len(course.stretches)) == (False, True, 4)


def test_thin_days_are_followed_by_weeks_of_the_reader_s_calendar() -> None:
    course = follow_rate(days(*[5] * 17))
    assert (course.is_weekly, course.is_drawn) == (True, True)
    assert [(str(one.first), str(one.last), one.rate.ended) for one in course.stretches] == [
        ("2026-11-02", "2026-11-08", 35),
        ("2026-11-09", "2026-11-15", 35),
        ("2026-11-16", "2026-11-18", 15),
    ]


@pytest.mark.parametrize("ended", [(), (500,), (5, 5, 5), (19, 0, 30), (2,) * 30])
def test_one_point_is_no_course(ended: tuple[int, ...]) -> None:
    course = follow_rate(days(*ended))
    assert (course.is_drawn, course.lowest) == (False, None)


def test_two_good_days_among_thin_ones_are_drawn_where_weeks_are_too_few() -> None:
    course = follow_rate(days(30, 1, 1, 1, 30))
    assert (course.is_weekly, course.is_drawn) == (False, True)


def test_the_lowest_is_named_unless_all_are_the_same() -> None:
    assert follow_rate(days(20, 40)).lowest is None
    good, bad = days(20, 40)[0], (MONDAY + timedelta(days=1), Counts(30, 15, 15))
    lowest = follow_rate([good, bad]).lowest
    assert lowest is not None
    assert lowest.first == bad[0]


@pytest.mark.parametrize(
    ("rate", "whole", "expected"),
    [
        (Rate(15, 20), Rate(95, 100), True),
        (Rate(18, 20), Rate(95, 100), False),  # five points below
        (Rate(20, 22), Rate(100, 100), False),  # two failures may be chance
    ],
)
def test_a_dip_is_ten_points_below_and_more_than_chance(rate: Rate, whole: Rate, expected: bool) -> None:
    ((_day, counts),) = days(rate.ended)
    (stretch,) = follow_rate([(MONDAY, Counts(rate.ended, rate.delivered, rate.failed))]).stretches
    assert counts.rate.ended == rate.ended
    assert is_dip(stretch, whole) is expected


def test_a_dip_is_explained_by_its_most_frequent_error(alice: Client, portal: Portal, sender: Sender) -> None:
    for ago in range(5):
        tally(sender, Status.DELIVERED, 100, ago=ago)
    tally(sender, Status.UNDELIVERED, 50, reason=Reason.UNREACHED, ago=2)
    tally(sender, Status.FAILED, 9, reason=Reason.REJECTED, ago=2)
    tally(sender, Status.FAILED, 99, reason=Reason.CANCELLED, ago=2)
    tally(sender, Status.FAILED, 60, reason=Reason.INVALID_NUMBER, ago=40)  # of other days
    day = timezone.localdate(timezone=portal.zone) - timedelta(days=2)
    page = alice.get(at(portal), {"period": "7"})
    text = words(page).replace("\u202f", " ")
    assert re.search(
        r"Lowest: \w+ \d+, 62\.8% of 159 messages\. Most frequent error: Phone unreachable \( ?50 ?\)\.", text
    )
    links = page.content.decode()
    assert f"status=counted&amp;error=unreached&amp;since={day}&amp;until={day}" in links
    assert "Choose at least 2 days" not in text
    one_day = words(alice.get(at(portal), {"since": str(today(portal)), "until": str(today(portal))}))
    assert "Choose at least 2 days to see how the rate changed." in one_day


def test_a_small_difference_is_not_explained(alice: Client, portal: Portal, sender: Sender) -> None:
    for ago in range(3):
        tally(sender, Status.DELIVERED, 100, ago=ago)
    tally(sender, Status.FAILED, 5, reason=Reason.REJECTED, ago=1)
    text = words(alice.get(at(portal), {"period": "7"}))
    assert "95.2% of 105 messages." in text
    assert "Most frequent error" not in text
