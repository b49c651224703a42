"""Reports: whose days they show, what they count and show of it, and the files."""

import csv
import html
import io
import re
import time
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from b24app.console.formats.periods import Period
from b24app.console.models import Preference
from b24app.console.reports.figures import BreakdownLine, Counts, Times
from b24app.console.reports.params import ReportParams
from b24app.console.reports.query import ReportQuery
from b24app.messaging.models import DayTally, Message, Sender, SenderState
from b24app.messaging.models.statistics import TOOK, DayBreakdown, Dimension
from b24app.messaging.models.statuses import Change, Reason, Status
from b24app.messaging.statistics import breakdowns, monthly
from b24app.portals.models import Portal
from tests import factories
from tests.factories import ALICE, BOB, CHARLIE

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 18)


@pytest.fixture
def portal() -> Portal:
    return factories.portal("alice")


@pytest.fixture
def sender(portal: Portal) -> Sender:
    return factories.sender(factories.connection(portal, "twilio", title="Acme"), names={"en": "Front desk"})


def at(portal: Portal, path: str = "") -> str:
    return f"/p/{portal.uuid.hex}/reports/{path}"


def words(response: Any) -> str:
    page = re.sub(r"<title>[^<]*</title>", " ", response.content.decode())
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))).replace("\u00a0", " ")


def today(portal: Portal) -> date:
    return timezone.localdate(timezone=portal.zone)


def tally(sender: Sender, status: Status, messages: int, *, ago: int = 0, **fields: Any) -> DayTally:
    day = today(sender.portal) - timedelta(days=ago)
    place = {"portal": sender.portal, "day": day, "connection": sender.connection, "sender": sender}
    return DayTally.objects.create(**place, status=status, messages=messages, **fields)


def breakdown(sender: Sender, dimension: Dimension, value: str, *, ago: int = 0, **fields: Any) -> DayBreakdown:
    day = today(sender.portal) - timedelta(days=ago)
    place = {"portal": sender.portal, "day": day, "sender": sender, "dimension": dimension, "value": value}
    return DayBreakdown.objects.create(**place, **fields)


def reading(portal: Portal, **query: str) -> ReportQuery:
    return ReportQuery(portal, ReportParams.from_query(query, today(portal)))


def lines(portal: Portal, **query: str) -> dict[str, BreakdownLine]:
    return {line.key: line for line in reading(portal, **query).breakdown_lines()}


# -- the days ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "first", "last", "preset"),
    [
        ({}, "2026-10-20", "2026-11-18", "30"),
        ({"period": "7"}, "2026-11-12", "2026-11-18", "7"),
        ({"period": "90"}, "2026-08-21", "2026-11-18", "90"),
        ({"period": "month"}, "2026-11-01", "2026-11-18", "month"),
        ({"period": "last-month"}, "2026-10-01", "2026-10-31", "last-month"),
        ({"period": "for ever"}, "2026-10-20", "2026-11-18", "30"),
        ({"since": "2026-11-03", "until": "2026-11-05"}, "2026-11-03", "2026-11-05", ""),
        ({"since": "2026-11-05", "until": "2026-11-03"}, "2026-11-03", "2026-11-05", ""),
        ({"since": "2026-11-05"}, "2026-11-05", "2026-11-18", ""),
        ({"until": "2026-11-30", "since": "2026-11-05"}, "2026-11-05", "2026-11-18", ""),
        ({"since": "2026-12-01", "until": "2026-12-05"}, "2026-11-18", "2026-11-18", ""),
        ({"since": "yesterday", "until": "0001-01-01"}, "2026-10-20", "2026-11-18", "30"),
        # What a preset means today is that preset, so that it goes on moving.
        ({"period": "7", "since": "2026-11-12", "until": "2026-11-18"}, "2026-11-12", "2026-11-18", "7"),
        ({"period": "7", "since": "2026-11-11", "until": "2026-11-18"}, "2026-11-11", "2026-11-18", ""),
    ],
)
def test_the_address_says_which_days(query: dict[str, str], first: str, last: str, preset: str) -> None:
    period = Period.from_query(query, TODAY)
    assert (str(period.first), str(period.last), period.preset) == (first, last, preset)
    assert Period.from_query(period.query, TODAY) == period


def test_a_year_at_most_is_shown_and_that_is_said(alice: Client, portal: Portal, sender: Sender) -> None:
    period = Period.from_query({"since": "2020-01-01", "until": "2026-11-18"}, TODAY)
    assert (len(period), period.last, period.is_cut) == (366, TODAY, True)
    page = words(alice.get(at(portal), {"since": "2020-01-01", "until": str(today(portal))}))
    assert "The maximum period is one year." in page
    assert "A year at most" not in words(alice.get(at(portal)))


def test_the_days_before_are_as_many() -> None:
    before = Period.from_query({"period": "7"}, TODAY).previous
    assert (str(before.first), str(before.last)) == ("2026-11-05", "2026-11-11")


def test_days_are_those_of_the_portal_s_calendar(alice: Client, portal: Portal, sender: Sender) -> None:
    Portal.objects.filter(pk=portal.pk).update(time_zone="Pacific/Kiritimati")  # fourteen hours ahead
    sender.portal.refresh_from_db()
    tally(sender, Status.DELIVERED, 3)
    assert "Messages 3" in words(alice.get(at(portal), {"period": "7"}))
    Portal.objects.filter(pk=portal.pk).update(time_zone="Pacific/Niue")  # a day behind: it is tomorrow there
    assert "No messages in this period" in words(alice.get(at(portal), {"period": "7"}))


# -- what is counted --------------------------------------------------------------------------------------------------


def test_the_figures_of_a_period(alice: Client, portal: Portal, sender: Sender) -> None:
    tally(sender, Status.DELIVERED, 95, money=Decimal("1.20"), currency="USD")
    tally(sender, Status.UNDELIVERED, 3, reason=Reason.UNREACHED, money=Decimal(40), currency="KZT")
    tally(sender, Status.FAILED, 2, reason=Reason.REJECTED, ago=6)
    tally(sender, Status.FAILED, 50, reason=Reason.CANCELLED)
    tally(sender, Status.SENT, 7)
    tally(sender, Status.DELIVERED, 1000, ago=7)
    breakdown(sender, Dimension.SOURCE, "crm", messages=95, delivered=95, took_5=60, took_30=30, took_longer=5)
    page = words(alice.get(at(portal), {"period": "7"}))
    assert "Messages 157 1,000 in the previous 7 days" in page
    assert "with a final status Without 50 canceled messages Median" in page
    assert "Delivered 95% 95 of 100 with a final status" in page
    assert "Median delivery time 5 sec 90% within 30 sec" in page
    assert "Cost KZT 40.00 USD 1.20 Where the service reports prices" in page


def test_each_day_stands_in_the_twin_also_one_without_messages(portal: Portal, sender: Sender) -> None:
    tally(sender, Status.DELIVERED, 5)
    tally(sender, Status.SENT, 1)
    tally(sender, Status.FAILED, 2, reason=Reason.CAPPED)
    tally(sender, Status.FAILED, 3, reason=Reason.REJECTED)
    tally(sender, Status.UNDELIVERED, 4, reason=Reason.UNREACHED, ago=2)
    days = reading(portal, period="7").daily_counts()
    assert [day for day, _counts in days] == [today(portal) - timedelta(days=ago) for ago in range(6, -1, -1)]
    assert [counts for _day, counts in days[4:]] == [
        Counts(messages=4, undelivered=4),
        Counts(),
        Counts(messages=11, delivered=5, failed=3, stopped=2),
    ]
    last = days[-1][1]
    assert (last.on_way, last.not_sent, last.rate.ended) == (1, 5, 8)


def test_no_rate_and_no_time_from_fewer_than_twenty(alice: Client, portal: Portal, sender: Sender) -> None:
    tally(sender, Status.DELIVERED, 19)
    breakdown(sender, Dimension.SOURCE, "crm", messages=19, delivered=19, took_2=19)
    page = alice.get(at(portal))
    assert "100%" not in words(page).split("Breakdown")[0]
    assert "Delivered Not enough data" in words(page)
    assert "Median delivery time Not enough data" in words(page)
    assert "plotline" not in page.content.decode()
    assert "Not enough messages for a rate" in words(page)
    tally(sender, Status.FAILED, 1, reason=Reason.REJECTED)
    tally(sender, Status.DELIVERED, 20, ago=1)
    breakdown(sender, Dimension.SOURCE, "card", messages=1, delivered=1, took_2=1)
    page = alice.get(at(portal))
    assert "Delivered 97.5% 39 of 40" in words(page)
    assert "Median delivery time 2 sec" in words(page)
    assert "plotline" in page.content.decode()


@pytest.mark.parametrize(
    ("counts", "half", "most"),
    [([20, 0, 0, 0, 0, 0, 0, 0], 2, 2), ([10, 10, 0, 0, 0, 0, 0, 0], 2, 5), ([0, 1, 0, 0, 0, 0, 0, 19], None, None)],
)
def test_times_are_told_by_the_seconds_within_which_so_many_arrive(
    counts: list[int], half: int | None, most: int | None
) -> None:
    assert (Times(counts).half, Times(counts).most) == (half, most)


def test_lines_by_sender_and_by_service(portal: Portal, sender: Sender) -> None:
    second = factories.sender(sender.connection, names={"en": "Back office"})
    other = factories.sender(factories.connection(portal, service="vonage"), names={"en": "Vonage's"})
    for one, count in ((sender, 30), (second, 12), (other, 5)):
        tally(one, Status.DELIVERED, count, money=Decimal(count), currency="USD")
        breakdown(one, Dimension.SOURCE, "crm", messages=count, delivered=count, took_2=count)
        breakdown(one, Dimension.COUNTRY, "US", messages=count, delivered=count, took_5=count)  # the same messages
    tally(second, Status.SENT, 1, money=Decimal(1), currency="EUR")
    by_sender = lines(portal)
    assert list(by_sender) == [str(sender.pk), str(second.pk), str(other.pk)]
    assert by_sender[str(second.pk)].counts == Counts(messages=13, delivered=12)
    assert by_sender[str(second.pk)].money.told == [("EUR", Decimal(1)), ("USD", Decimal(12))]
    assert by_sender[str(second.pk)].times.counts == [12, 0, 0, 0, 0, 0, 0, 0]
    by_service = lines(portal, by="service")
    assert {key: line.counts.messages for key, line in by_service.items()} == {"twilio": 43, "vonage": 5}
    assert by_service["twilio"].times.total == 42
    assert by_service["twilio"].money.told == [("EUR", Decimal(1)), ("USD", Decimal(42))]


@pytest.mark.parametrize(
    ("by", "value", "title"),
    [
        ("country", "KZ", "Kazakhstan"),
        ("country", "", "Unknown"),
        ("source", "automation", "Automation rule or workflow"),
        ("employee", "17", "Employee 17"),
        ("employee", "", "No employee"),
    ],
)
def test_lines_by_what_only_the_breakdowns_know(
    alice: Client, portal: Portal, sender: Sender, by: str, value: str, title: str
) -> None:
    tally(sender, Status.DELIVERED, 25)
    fields = {"messages": 25, "delivered": 21, "failed": 3, "stopped": 1, "took_10": 21}
    breakdown(sender, Dimension(by), value, money=Decimal("2.5"), currency="USD", **fields)
    breakdown(sender, Dimension(by), value, messages=-1)  # one whose price was told late
    line = lines(portal, by=by)[value]
    assert line.counts == Counts(messages=24, delivered=21, failed=3, stopped=1)
    page = words(alice.get(at(portal), {"by": by}))
    assert f"{title} 24 87.5% of 24 10 sec USD 2.50" in page


def test_an_employee_s_profile_is_opened_by_the_portal(alice: Client, portal: Portal, sender: Sender) -> None:
    tally(sender, Status.SENT, 1)
    breakdown(sender, Dimension.EMPLOYEE, "17", messages=1)
    page = alice.get(at(portal), {"by": "employee"}).content.decode()
    assert 'data-portal="openPath" dir="auto" data-with=\'{"path": "/company/personal/user/17/"}\'' in page


def test_many_lines_end_in_one_of_the_others_and_the_file_has_all(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    tally(sender, Status.SENT, 1)
    for place in range(23):
        breakdown(sender, Dimension.EMPLOYEE, str(100 + place), messages=100 - place)
    page = words(alice.get(at(portal), {"by": "employee"}))
    assert "Employee 119" in page
    assert "Employee 120" not in page
    assert "3 more 237" in page
    assert len(saved(alice, portal, "lines", by="employee")) == 24


@pytest.mark.parametrize("narrow", ["sender", "service"])
def test_filters_narrow_everything(alice: Client, portal: Portal, sender: Sender, narrow: str) -> None:
    other = factories.sender(factories.connection(portal, service="vonage"), names={"en": "Vonage's"})
    tally(sender, Status.DELIVERED, 30, money=Decimal(3), currency="USD")
    tally(sender, Status.DELIVERED, 4, ago=30)
    tally(other, Status.FAILED, 70, reason=Reason.OPT_OUT, money=Decimal(7), currency="EUR")
    for dimension in Dimension:
        breakdown(sender, dimension, "1", messages=30, delivered=30, took_2=30)
        breakdown(other, dimension, "2", messages=70, failed=70)
    query = {"sender": sender.uuid.hex} if narrow == "sender" else {"service": "twilio"}
    report = reading(portal, **query).build_report()
    assert (report.total, report.before) == (Counts(messages=30, delivered=30), 4)
    assert (report.money.told, report.times.total, list(report.troubles)) == ([("USD", Decimal(3))], 30, [])
    for by in ("country", "source", "employee"):
        assert list(lines(portal, by=by, **query)) == ["1"]
    assert list(lines(portal, by="sender", **query)) == [str(sender.pk)]
    assert "EUR" not in words(alice.get(at(portal), query))


def test_what_is_asked_for_stays_in_every_link(alice: Client, portal: Portal, sender: Sender) -> None:
    tally(sender, Status.SENT, 1)
    asked = {"period": "7", "sender": sender.uuid.hex, "service": "twilio", "by": "country"}
    page = html.unescape(alice.get(at(portal), asked).content.decode())
    links = [parse_qs(urlsplit(one).query) for one in re.findall(rf'href="({at(portal)}\?[^"]*)"', page)]
    periods = {one.get("period", ["30"])[0] for one in links}
    assert periods == {"7", "30", "90", "month", "last-month"}
    assert all(one["sender"] == [sender.uuid.hex] and one["service"] == ["twilio"] for one in links)
    assert {one.get("by", ["sender"])[0] for one in links} == {"sender", "service", "country", "source", "employee"}
    assert '<input type="hidden" name="period" value="7">' in page
    assert '<input type="hidden" name="by" value="country">' in page


@pytest.mark.parametrize(
    "query", [{"sender": "x"}, {"service": "'; --"}, {"by": "phone"}, {"since": "2026-02-31"}, {"period": "-1"}]
)
def test_an_address_that_makes_no_sense_shows_the_usual(
    alice: Client, portal: Portal, sender: Sender, query: dict[str, str]
) -> None:
    tally(sender, Status.SENT, 123)
    answer = alice.get(at(portal), query)
    assert answer.status_code == 200
    assert "Messages 123" in words(answer)


def test_days_without_messages_say_so(alice: Client, portal: Portal, sender: Sender) -> None:
    page = words(alice.get(at(portal)))
    assert "No messages in this period" in page
    assert "Clear filters" not in page
    assert "Clear filters" in words(alice.get(at(portal), {"sender": sender.uuid.hex}))


def test_a_removed_sender_is_still_told_and_a_draft_is_not_offered(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    Sender.objects.filter(pk=sender.pk).update(state=SenderState.REMOVED)
    factories.sender(sender.connection, names={"en": "Half done"}, state=SenderState.DRAFT)
    tally(sender, Status.SENT, 2)
    page = words(alice.get(at(portal)))
    assert "Front desk 2" in page
    assert "Half done" not in page


# -- demo messages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["sender", "service", "country", "source", "employee"])
def test_demo_messages_are_in_no_figure_of_days_or_months(portal: Portal, sender: Sender, by: str) -> None:
    demo = factories.sender(factories.connection(portal, "demo"), names={"en": "Practice"})
    for one, count in ((sender, 30), (demo, 1000)):
        for ago in (0, 40, 45):
            tally(one, Status.DELIVERED, count, money=Decimal(count), currency="USD", ago=ago)
            for dimension in Dimension:
                breakdown(one, dimension, "17", messages=count, delivered=count, took_2=count, ago=ago)
        tally(one, Status.FAILED, count, reason=Reason.REJECTED)
    asked = {"since": str(today(portal) - timedelta(days=89)), "by": by}
    for _ in range(2):
        report = reading(portal, **asked).build_report()
        assert (report.total, report.demo) == (Counts(messages=120, delivered=90, failed=30), 4000)
        assert (report.money.told, report.times.total) == ([("USD", Decimal(90))], 90)
        assert [(one.reason, one.messages) for one in report.troubles] == [("rejected", 30)]
        assert [line.counts.delivered for line in report.lines] == [90]
        assert sum(counts.messages for _day, counts in report.days) == 120
        monthly.roll_up_months()
    assert {key for key, _title in reading(portal, **asked).senders.items()} == {sender.pk}
    for narrowed in ({"sender": demo.uuid.hex}, {"service": "demo"}):
        report = reading(portal, **asked, **narrowed).build_report()
        assert (report.total, report.lines, report.demo) == (Counts(), [], 4000)


def test_a_portal_with_demo_messages_alone_reads_why_there_are_no_figures(alice: Client, portal: Portal) -> None:
    demo = factories.sender(factories.connection(portal, "demo"))
    tally(demo, Status.DELIVERED, 3)
    page = alice.get(at(portal))
    assert "Demo messages are not counted" in words(page)
    assert "No messages in this period" not in words(page)
    assert 'class="figure"' not in page.content.decode()
    assert re.search(r'href="[^"]*/journal/\?status=counted&amp;service=demo&amp;', page.content.decode())


def test_beside_real_messages_it_is_said_how_many_are_not_counted(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    tally(sender, Status.DELIVERED, 3)
    assert "not counted" not in words(alice.get(at(portal)))
    tally(factories.sender(factories.connection(portal, "demo")), Status.DELIVERED, 12)
    page = words(alice.get(at(portal)))
    assert "12 demo messages are not counted." in page
    assert "Messages 3 " in page


# -- errors -----------------------------------------------------------------------------------------------------------


def test_the_most_frequent_reasons_come_first_in_words(alice: Client, portal: Portal, sender: Sender) -> None:
    tally(sender, Status.FAILED, 2, reason=Reason.INVALID_NUMBER)
    tally(sender, Status.UNDELIVERED, 5, reason=Reason.UNREACHED)
    tally(sender, Status.FAILED, 1, reason=Reason.BLOCKED)
    tally(sender, Status.FAILED, 0, reason=Reason.OPT_OUT)
    page = words(alice.get(at(portal))).split("Top errors", 1)[1]
    shown = ["Phone unreachable", "Invalid number", "Blocked"]
    assert sorted(shown, key=page.index) == shown
    assert "Correct the number in the CRM, then resend." in page
    assert "Ask Twilio for the reason, or try another sender or text." in page
    assert "Opted out" not in page


def test_what_helps_names_a_service_only_if_it_is_one(alice: Client, portal: Portal, sender: Sender) -> None:
    other = factories.sender(factories.connection(portal, service="vonage"))
    for one in (sender, other):
        tally(one, Status.FAILED, 1, reason=Reason.BLOCKED)
    page = words(alice.get(at(portal)))
    assert "Blocked" in page
    assert "why; another sender" not in page
    assert "{service}" not in page


@pytest.mark.parametrize("narrow", ["", "sender", "service"])
def test_a_reason_leads_into_the_journal_with_its_filter_and_period(
    alice: Client, portal: Portal, sender: Sender, narrow: str
) -> None:
    other = factories.sender(factories.connection(portal, service="vonage"))
    wanted = factories.message(sender, text="hers, wrong number")
    others = [
        factories.message(sender, text="hers, refused"),
        factories.message(sender, text="hers, long ago", now=timezone.now() - timedelta(days=20)),
    ]
    elsewhere = factories.message(other, text="of the other service")
    for message in (wanted, *others, elsewhere):
        reason = Reason.REJECTED if message == others[0] else Reason.INVALID_NUMBER
        Message.objects.advance([Change(pk=message.pk, status=Status.FAILED, reason=reason)])
    query = {"": {}, "sender": {"sender": sender.uuid.hex}, "service": {"service": "twilio"}}[narrow]
    page = html.unescape(alice.get(at(portal), {"period": "7", **query}).content.decode())
    (href,) = re.findall(r'href="([^"]*journal/\?[^"]*error=invalid_number[^"]*)"', page)
    shown = re.findall(r'class="rowlink clip"[^>]*>\s*([^<]*?)\s*</a>', alice.get(href).content.decode())
    expected = {"hers, wrong number"} | (set() if narrow else {"of the other service"})
    assert set(shown) == expected


# -- who may see it ---------------------------------------------------------------------------------------------------


def test_an_employee_sees_no_reports(portal: Portal, sender: Sender) -> None:
    tally(sender, Status.DELIVERED, 4321)
    bob = factories.visitor(portal, BOB, is_admin=False)
    assert "Reports" not in words(bob.get(f"/p/{portal.uuid.hex}/journal/", headers={"HX-Target": "app"}))
    for path in ("", "days/export/", "lines/export/"):
        answer = bob.get(at(portal, path))
        assert answer.status_code == 403
        assert "4,321" not in words(answer)
        assert "HX-Redirect" not in answer


def test_another_tenant_sees_nothing_of_it(portal: Portal, sender: Sender) -> None:
    tally(sender, Status.DELIVERED, 4321, reason="", money=Decimal(987), currency="USD")
    breakdown(sender, Dimension.COUNTRY, "KZ", messages=4321)
    charlies = factories.portal("charlie")
    charlie = factories.visitor(charlies, CHARLIE)
    mine = factories.sender(factories.connection(charlies, "twilio"), names={"en": "Charlie's"})
    tally(mine, Status.DELIVERED, 6)
    assert charlie.get(at(portal)).status_code == 401
    assert "Messages 6" in words(charlie.get(at(charlies)))
    for query in ({"sender": sender.uuid.hex}, {"service": "twilio"}, {"by": "country"}):
        page = words(charlie.get(at(charlies), query))
        for word in ("4,321", "987", "Kazakhstan", "Front desk"):
            assert word not in page, query
    assert "No messages in this period" in words(charlie.get(at(charlies), {"sender": sender.uuid.hex}))
    file = saved(charlie, charlies, "lines", sender=sender.uuid.hex)
    assert len(file) == 1


# -- the page ---------------------------------------------------------------------------------------------------------


def test_every_picture_has_its_table_and_nothing_breaks_the_policy(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    for ago in (0, 1):
        tally(sender, Status.DELIVERED, 30, ago=ago)
    tally(sender, Status.FAILED, 2, reason=Reason.REJECTED)
    breakdown(sender, Dimension.SOURCE, "crm", messages=30, delivered=30, took_2=30)
    page = alice.get(at(portal)).content.decode()
    assert page.count("<caption") == page.count("<table") == 5
    cards = page.split("<section")[1:]
    assert len(cards) == 5
    for card in cards[:4]:
        assert "<svg" in card
        assert '<details class="twin"' in card
        assert "<table" in card.split('<details class="twin"')[1]
    for forbidden in ("style=", "<style", "<script", "onclick", "javascript:"):
        assert forbidden not in page


def test_a_page_costs_as_many_queries_however_many_rows_there_are(
    alice: Client, portal: Portal, sender: Sender
) -> None:
    def queries(by: str) -> int:
        with CaptureQueriesContext(database) as found:
            assert alice.get(at(portal), {"by": by, "period": "90"}).status_code == 200
        return len(found)

    tally(sender, Status.DELIVERED, 30)
    few = {by: queries(by) for by in ("sender", "service", "country", "source", "employee")}
    for ago in range(60):
        one = factories.sender(sender.connection, names={"en": f"Number {ago}"})
        tally(one, Status.DELIVERED, 30, ago=ago)
        tally(one, Status.FAILED, 1, reason=Reason.REJECTED, ago=ago)
        breakdown(one, Dimension.COUNTRY, "US", messages=30, ago=ago)
    assert {by: queries(by) for by in few} == few
    assert max(few.values()) <= 10


def test_the_road_s_messages_arrive_in_the_reports(alice: Client, portal: Portal, sender: Sender) -> None:
    for place in range(20):
        message = factories.message(sender, country="GB", module="sender", author_id=17, day=today(portal))
        sent = Change(pk=message.pk, status=Status.SENT, price=Decimal("0.01"), currency="USD")
        lost = Change(pk=message.pk, status=Status.UNDELIVERED, reason=Reason.UNREACHED)
        Message.objects.advance([sent])
        Message.objects.advance([Change(pk=message.pk, status=Status.DELIVERED) if place else lost])
    breakdowns.count_climbs()
    for by, title in (("country", "United Kingdom"), ("source", "Marketing campaign"), ("employee", "Employee 17")):
        page = words(alice.get(at(portal), {"by": by}))
        assert f"{title} 20 95% of 20 Not enough data USD 0.20" in page
        assert "Delivered 95% 19 of 20 with a final status" in page
    assert sum(lines(portal, by="country")["GB"].times.counts) == 19


# -- files ------------------------------------------------------------------------------------------------------------


def link(client: Client, portal: Portal, what: str, **query: str) -> str:
    answer = client.get(at(portal, f"{what}/export/"), query)
    assert answer.status_code == 200
    return str(answer["HX-Redirect"])


def saved(client: Client, portal: Portal, what: str, **query: str) -> list[list[str]]:
    answer = Client().get(link(client, portal, what, **query))
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_the_days_as_a_file(alice: Client, portal: Portal, sender: Sender) -> None:
    tally(sender, Status.DELIVERED, 38, money=Decimal("1.5"), currency="USD")
    tally(sender, Status.FAILED, 2, reason=Reason.REJECTED, money=Decimal("0.25"), currency="EUR")
    tally(sender, Status.FAILED, 5, reason=Reason.CANCELLED)
    tally(sender, Status.SENT, 1, ago=1)
    found = saved(alice, portal, "days", period="7")
    assert found[0] == [
        "Day", "Messages", "Delivered", "In progress", "Not delivered", "Failed", "Canceled", "Delivery rate",
        "Cost, EUR", "Cost, USD",
    ]  # fmt: skip
    assert len(found) == 8
    assert found[-2] == [str(today(portal) - timedelta(days=1)), "1", "0", "1", "0", "0", "0", "", "0", "0"]
    assert found[-1] == [str(today(portal)), "45", "38", "0", "0", "2", "5", "95.0%", "0.25", "1.5"]


def test_a_breakdown_as_a_file_has_no_formulas(alice: Client, portal: Portal, sender: Sender) -> None:
    Sender.objects.filter(pk=sender.pk).update(names={"en": "=HYPERLINK(1)"})
    tally(sender, Status.DELIVERED, 20, money=Decimal("0.00791"), currency="USD")
    breakdown(sender, Dimension.SOURCE, "crm", messages=20, delivered=20, took_longer=20)
    found = saved(alice, portal, "lines")
    assert found[0][:2] == ["Sender", "Code"]
    assert found[0][-2:] == ["Median delivery time, seconds", "Cost, USD"]
    name = ["'=HYPERLINK(1)", sender.code]
    assert found[1] == [*name, "20", "20", "0", "0", "0", "0", "100.0%", "> 3600", "0.00791"]
    assert len(found) == 2


def test_a_file_never_says_that_all_arrived_when_some_did_not(alice: Client, portal: Portal, sender: Sender) -> None:
    tally(sender, Status.DELIVERED, 9999)
    tally(sender, Status.FAILED, 1, reason=Reason.REJECTED)
    assert saved(alice, portal, "days", period="7")[-1][-1] == "99.9%"


def test_a_file_speaks_the_reader_s_language(portal: Portal, sender: Sender) -> None:
    tally(sender, Status.SENT, 1)
    breakdown(sender, Dimension.COUNTRY, "US", messages=1)
    Preference.objects.create(portal=portal, user_id=ALICE, language="ru")
    found = saved(factories.visitor(portal), portal, "lines", by="country")
    assert found[1][:2] == ["Соединенные Штаты", "US"]


def test_a_file_is_named_and_kept_by_nobody(alice: Client, portal: Portal, sender: Sender) -> None:
    answer = Client().get(link(alice, portal, "lines", by="employee", since="2026-11-01", until="2026-11-03"))
    assert answer["Content-Disposition"] == 'attachment; filename="employee-2026-11-01-2026-11-03.csv"'
    assert answer["Cache-Control"] == "no-store"
    assert answer.streaming


def test_an_address_of_a_file_is_good_for_a_minute(
    alice: Client, portal: Portal, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = link(alice, portal, "days")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert Client().get(address).status_code == 404


def test_an_address_of_a_file_cannot_be_made_up(alice: Client, portal: Portal, sender: Sender) -> None:
    address = link(alice, portal, "days")
    assert Client().get(address[:-2] + "x/").status_code == 404
    assert alice.get(at(portal, "everything/export/")).status_code == 404
    Portal.objects.filter(pk=portal.pk).update(uninstalled_at=timezone.now())
    assert Client().get(address).status_code == 404


def test_columns_of_times_are_all_read() -> None:
    assert len(Times().counts) == len(TOOK) == 8
