"""What reports and Home are read from: tallies, and breakdowns by the day or by the month, which must say the same."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.console.formats import locales
from b24app.console.formats.periods import Period
from b24app.console.reports.figures import BreakdownLine, Report
from b24app.console.reports.params import DIMENSIONS, ReportParams
from b24app.console.reports.query import ReportQuery
from b24app.messaging.intake import acceptance
from b24app.messaging.models import DayTally, Message, Sender
from b24app.messaging.models.statistics import DayBreakdown, Dimension, MonthBreakdown
from b24app.messaging.models.statuses import Change, Phase, Reason, Status
from b24app.messaging.statistics import breakdowns, monthly
from b24app.portals.models import Portal
from tests import factories
from tests.console.reports.test_reports import at, breakdown, link, portal, reading, saved, sender, tally, today, words

__all__ = ["portal", "sender"]

pytestmark = pytest.mark.django_db

YEAR = {"since": "2025-11-20", "until": "2026-11-19"}


def a_year(sender: Sender) -> None:
    """Make a message every five days for fourteen months, each with an end, a price, a country and an employee."""
    for place in range(85):
        day = today(sender.portal) - timedelta(days=5 * place)
        message = factories.message(sender, country=("US", "GB")[place % 2], author_id=1 + place % 3, day=day)
        currency = ("USD", "EUR")[place % 2]
        Message.objects.advance([Change(pk=message.pk, status=Status.SENT, price=Decimal("0.1"), currency=currency)])
        lost = Change(pk=message.pk, status=Status.UNDELIVERED, reason=Reason.UNREACHED)
        Message.objects.advance([Change(pk=message.pk, status=Status.DELIVERED) if place % 4 else lost])
    breakdowns.count_climbs()


def line_values(line: BreakdownLine) -> tuple[Any, ...]:
    return line.key, line.counts, line.times.counts, line.money.told


def periods(portal: Portal) -> Iterator[dict[str, str]]:
    """Return a year, whole months, days in two months with one between them, and days of one month."""
    first = today(portal).replace(day=1)
    last_month = (first - timedelta(days=1)).replace(day=1)
    yield {"since": str(today(portal) - timedelta(days=364)), "until": str(today(portal))}
    yield {"period": "last-month"}
    yield {"since": str(last_month - timedelta(days=10)), "until": str(today(portal))}
    yield {"since": str(last_month + timedelta(days=2)), "until": str(last_month + timedelta(days=12))}


def test_months_say_what_their_days_say(portal: Portal, sender: Sender) -> None:
    other = factories.sender(factories.connection(portal, service="vonage"))
    for one in (sender, other):
        a_year(one)
    narrowed: tuple[dict[str, str], ...] = ({}, {"sender": sender.uuid.hex}, {"service": "vonage"})
    asked = [{**period, **more, "by": by} for period in periods(portal) for more in narrowed for by in DIMENSIONS]

    def all_values() -> list[Any]:
        reports = [reading(portal, **query).build_report() for query in asked]
        return [([line_values(line) for line in one.lines], one.times.counts) for one in reports]

    before = all_values()
    assert monthly.roll_up_months() >= 13
    assert all_values() == before
    assert sum(counts for counts in before[0][1]) == 2 * 73 - 2 * len(range(0, 73, 4))


def test_whole_months_are_read_from_their_sums_alone(portal: Portal, sender: Sender) -> None:
    month = monthly.finished_months(datetime.now(UTC).date())[1]
    for day in (month, month + timedelta(days=9), month - timedelta(days=1)):
        breakdown(sender, Dimension.SOURCE, "crm", ago=(today(portal) - day).days, messages=3)
    monthly.roll_up_months()
    DayBreakdown.objects.filter(day__gte=month).update(messages=1000)
    asked = {"since": str(month - timedelta(days=1)), "until": str(today(portal)), "by": "source"}
    assert reading(portal, **asked).breakdown_lines()[0].counts.messages == 9


@pytest.mark.parametrize(
    ("query", "whole", "rest"),
    [
        (YEAR, 11, [("2025-11-20", "2025-11-30"), ("2026-11-01", "2026-11-19")]),
        ({"since": "2026-01-01", "until": "2026-03-31"}, 3, []),
        ({"since": "2026-02-01", "until": "2026-02-27"}, 0, [("2026-02-01", "2026-02-27")]),
        ({"since": "2026-01-02", "until": "2026-02-28"}, 1, [("2026-01-02", "2026-01-31")]),
        ({"since": "2026-12-01", "until": "2026-12-31"}, 1, []),
    ],
)
def test_a_period_is_its_whole_months_and_the_days_around_them(
    query: dict[str, str], whole: int, rest: list[tuple[str, str]]
) -> None:
    period = Period.from_query(query, date(2027, 2, 1))
    assert len(period.months) == whole
    assert [(str(first), str(last)) for first, last in period.ranges_without(period.months)] == rest
    assert period.ranges_without([]) == [(period.first, period.last)]


def test_a_month_that_is_not_kept_between_two_that_are_is_read_by_its_days(portal: Portal) -> None:
    period = Period.from_query({"since": "2026-01-01", "until": "2026-03-31"}, date(2026, 11, 18))
    first, _, third = period.months
    assert period.ranges_without([first, third]) == [(date(2026, 2, 1), date(2026, 2, 28))]


def test_another_tenant_s_months_are_not_read(portal: Portal, sender: Sender) -> None:
    charlies = factories.sender(factories.connection(factories.portal("charlie"), "twilio"))
    month = monthly.finished_months(datetime.now(UTC).date())[0]
    for one, count in ((sender, 2), (charlies, 500)):
        breakdown(one, Dimension.SOURCE, "crm", ago=(today(portal) - month).days, messages=count)
    monthly.roll_up_months()
    assert MonthBreakdown.objects.count() == 2
    query = {"since": str(month), "until": str(today(portal)), "by": "source"}
    assert [line.counts.messages for line in reading(portal, **query).breakdown_lines()] == [2]


# -- no message is read -----------------------------------------------------------------------------------------------


def tables(found: CaptureQueriesContext) -> set[str]:
    return {name for query in found for name in re.findall(r'(?:FROM|JOIN) "(\w+)"', query["sql"])}


@pytest.mark.parametrize("by", list(DIMENSIONS))
def test_reports_and_their_files_read_no_message(alice: Client, portal: Portal, sender: Sender, by: str) -> None:
    a_year(sender)
    monthly.roll_up_months()
    files = [link(alice, portal, what, by=by, period="90") for what in ("days", "lines")]
    with CaptureQueriesContext(database) as found:
        assert "Breakdown" in words(alice.get(at(portal), {"by": by, "period": "90"}))
        for file in files:
            assert b"".join(Client().get(file).streaming_content)  # type: ignore[attr-defined]
    assert {"messaging_daytally", "messaging_daybreakdown", "messaging_monthbreakdown"} <= tables(found)
    assert "messaging_message" not in tables(found)


def test_home_reads_those_that_wait_and_a_bounded_number_of_other_messages(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    a_year(sender)
    factories.message(sender)
    factories.message(sender, phase=Phase.UNKNOWN, due_at=None)
    with CaptureQueriesContext(database) as found:
        page = words(alice.get(f"/p/{portal.uuid.hex}/"))
    assert "Last 14 days" in page
    assert "messaging_daytally" in tables(found)
    read = [query["sql"] for query in found if "messaging_message" in query["sql"]]
    assert all(re.search(r"\"phase\" = '(waiting|unknown)'|LIMIT (1|20|10001)\b", sql) for sql in read), read


# -- where the breakdowns begin ---------------------------------------------------------------------------------------

BEGIN = "Country, source, employee and delivery time are available from"


def began(report: Report) -> int | None:
    """How many days ago."""
    return (timezone.localdate() - report.begun).days if report.begun else None


@pytest.mark.parametrize(
    ("first_tally", "first_breakdown", "period", "expected"),
    [
        (20, 6, "30", 6),
        (20, 6, "7", None),  # they cover these days
        (6, 6, "30", None),
        (20, None, "30", 0),  # nothing has climbed since
        (0, None, "30", None),  # counted in some seconds
        (40, 6, "30", None),  # nothing was sent in between
    ],
)
def test_a_report_says_where_its_breakdowns_begin_if_messages_were_before(
    alice: Client,
    portal: Portal,
    sender: Sender,
    first_tally: int,
    first_breakdown: int | None,
    period: str,
    expected: int | None,
) -> None:
    tally(sender, Status.SENT, 5, ago=first_tally)
    tally(sender, Status.DELIVERED, 5)
    if first_breakdown is not None:
        breakdown(sender, Dimension.SOURCE, "crm", ago=first_breakdown, messages=5)
    other = factories.sender(factories.connection(factories.portal("charlie"), "twilio"))
    breakdown(other, Dimension.SOURCE, "crm", ago=90, messages=5)
    assert began(reading(portal, period=period).build_report()) == expected
    assert (BEGIN in words(alice.get(at(portal), {"period": period}))) == (expected is not None)


def test_once_the_past_is_filled_in_nothing_is_said(alice: Client, portal: Portal, sender: Sender) -> None:
    a_year(sender)
    assert BEGIN not in words(alice.get(at(portal), {"period": "90"}))
    DayBreakdown.objects.filter(day__lt=today(portal) - timedelta(days=9)).delete()
    assert BEGIN in words(alice.get(at(portal), {"period": "90"}))
    assert len(saved(alice, portal, "lines", period="90")) == 2


def test_the_days_are_said_once_where_there_is_one_and_today_is_not_over(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    now, before = today(portal), today(portal) - timedelta(days=1)
    one = words(alice.get(at(portal), {"since": str(now), "until": str(now)}))
    two = words(alice.get(at(portal), {"since": str(before), "until": str(now)}))
    past = words(alice.get(at(portal), {"since": str(before), "until": str(before)}))
    assert f"Reports {locales.day(now)} (today) " in one
    assert f"Reports {locales.day(before)} – {locales.day(now)} (today) " in two
    assert f"Reports {locales.day(before)} 7 days" in past


# -- the portal's calendar --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Europe/Berlin", "2026-10-24T22:30:00+00:00", "2026-10-25"),  # the day that has twenty-five hours
        ("Europe/Berlin", "2026-10-25T22:59:59+00:00", "2026-10-25"),
        ("Europe/Berlin", "2026-10-25T23:00:00+00:00", "2026-10-26"),
        ("Europe/Berlin", "2026-03-29T21:59:59+00:00", "2026-03-29"),  # the day that has twenty-three
        ("Europe/Berlin", "2026-03-29T22:00:00+00:00", "2026-03-30"),
        ("America/New_York", "2026-11-01T03:59:59+00:00", "2026-10-31"),
        ("America/New_York", "2026-11-02T04:59:59+00:00", "2026-11-01"),
    ],
)
def test_a_message_counts_on_the_portal_s_day_whatever_its_clocks_do(zone: str, moment: str, day: str) -> None:
    portal = factories.portal("alice", time_zone=zone)
    sender = factories.sender(factories.connection(portal, "twilio"))
    received_at = datetime.fromisoformat(moment)
    payload = {"message_id": "1", "message_to": "+12025550100", "message_body": "Ready.", "module_id": "crm"}
    acceptance.accept_call(sender.uuid.hex, {**payload, "ts": str(int(received_at.timestamp()))}, received_at)
    message = Message.objects.get()
    Message.objects.advance([Change(pk=message.pk, status=Status.SENT)])
    breakdowns.count_climbs()
    asked = ReportParams.from_query({"since": day, "until": day, "by": "source"}, date(2026, 11, 25))
    found = ReportQuery(portal, asked).build_report()
    assert (found.total.messages, [line.counts.messages for line in found.lines]) == (1, [1])
    assert str(DayTally.objects.get().day) == str(DayBreakdown.objects.filter(dimension="source").get().day) == day
