"""Home: what to do next, the figures and every sender's health."""

import re
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from b24app.console.frame.screen import address
from b24app.console.home.yesterday import count_by_this_time
from b24app.console.reports.sender_health import day_figures, list_sender_health
from b24app.messaging.models import ConnectionState, DayTally, Sender, SenderState
from b24app.messaging.models.statuses import Phase, Reason, Status
from b24app.messaging.smpp import bind_limit
from b24app.messaging.statistics.delivery_rate import Rate
from b24app.messaging.statistics.demo_accounts import has_only_demo
from b24app.portals.models import Portal, Suspension
from tests import factories
from tests.factories import BOB

pytestmark = pytest.mark.django_db


@pytest.fixture
def portal() -> Portal:
    return factories.portal()


def tally(sender: Sender, status: Status, messages: int, *, days: int = 0, **fields: object) -> DayTally:
    return DayTally.objects.create(
        portal=sender.portal,
        day=timezone.localdate(timezone=sender.portal.zone) - timedelta(days=days),
        connection=sender.connection,
        sender=sender,
        status=status,
        messages=messages,
        **fields,
    )


def home(portal: Portal) -> str:
    answer = factories.visitor(portal).get(f"/p/{portal.uuid.hex}/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def health_table(portal: Portal) -> str:
    """Return the table of senders, without the blanks around its tags."""
    table = home(portal).split('id="senders"')[1].split("</table>")[0]
    return re.sub(r"\s+", " ", re.sub(r"\s*([<>])\s*", r"\1", table))


def test_the_first_visit_offers_one_step(portal: Portal) -> None:
    page = home(portal)
    assert "Send SMS from Bitrix24 with your own SMS service" in page
    assert page.count("btn--filled") == 1
    assert f'href="{address(portal, "connect")}"' in page


def test_an_employee_reads_what_they_may_do(portal: Portal) -> None:
    factories.sender(factories.connection(portal, title="Account of Alice"))
    answer = factories.visitor(portal, BOB, is_admin=False).get(f"/p/{portal.uuid.hex}/")
    page = answer.content.decode()
    assert "You’re ready to send" in page
    assert "/settings/" not in page
    assert "Account of Alice" not in page


def test_nothing_to_do_is_said(portal: Portal) -> None:
    factories.sender(factories.connection(portal), tested_at=timezone.now())
    page = home(portal)
    assert "Everything is running. No action needed." in page
    assert "Needs attention" not in page


def test_everything_that_waits_for_an_administrator_is_listed(portal: Portal) -> None:
    blocked = factories.connection(
        portal,
        "twilio",
        title="Old account",
        state=ConnectionState.BLOCKED,
        blocked_reason="auth",
        blocked_since=timezone.now(),
    )
    sender = factories.sender(blocked, names={"en": "Warehouse"}, state=SenderState.REFUSED, error_code="ERROR")
    factories.message(sender, phase=Phase.UNKNOWN, due_at=None)
    silent = factories.connection(portal, title="Silent", breaker_until=timezone.now() + timedelta(minutes=5))
    Portal.objects.filter(pk=portal.pk).update(no_token_since=timezone.now())

    page = home(portal)
    assert "5 issues need your attention" in page
    assert "Sendline has lost access to Bitrix24" in page
    assert "no longer accepts the credentials" in page
    assert "Messages from “Silent” are queued and retried automatically." in page
    assert "Bitrix24 rejected the sender “Warehouse”" in page
    assert "1 message needs your review" in page
    assert page.count("btn btn--filled") == 1
    for there in (
        address(portal, "reconnect"),
        address(portal, "connection", connection=blocked.uuid),
        address(portal, "connection", connection=silent.uuid),
        address(portal, "sender", sender=sender.uuid),
        f"{address(portal, 'journal')}?status=unknown",
    ):
        assert f'href="{there}"' in page


@pytest.mark.parametrize("kind", [kind for kind in Suspension if kind and kind != Suspension.DELETED])
def test_a_suspended_portal_is_explained(portal: Portal, kind: Suspension) -> None:
    factories.sender(factories.connection(portal), tested_at=timezone.now())
    Portal.objects.filter(pk=portal.pk).update(suspension=kind)
    page = home(portal)
    assert "1 issue needs your attention" in page
    assert "badge--bad" in page


@pytest.mark.parametrize(
    ("kind", "hours", "says_uninstalled"),
    [
        (Suspension.GONE, 1, False),
        (Suspension.GONE, 23, False),
        (Suspension.GONE, 25, True),
        (Suspension.DELETED, 1, False),
        (Suspension.DELETED, 1000, False),
    ],
)
def test_nobody_is_told_to_install_again_while_the_portal_may_only_be_closed(
    portal: Portal, kind: Suspension, hours: int, says_uninstalled: bool
) -> None:
    factories.sender(factories.connection(portal), tested_at=timezone.now())
    since = timezone.now() - timedelta(hours=hours)
    Portal.objects.filter(pk=portal.pk).update(suspension=kind, suspended_since=since)
    page = home(portal)
    assert ("Reinstall Sendline from the Market." in page) is says_uninstalled
    assert ("Bitrix24 is not responding" in page) is not says_uninstalled
    assert "1 issue needs your attention" in page


def test_the_figures_count_the_portals_own_day(portal: Portal) -> None:
    Portal.objects.filter(pk=portal.pk).update(time_zone="Asia/Almaty")
    portal.refresh_from_db()
    sender = factories.sender(factories.connection(portal, "twilio"))
    tally(sender, Status.DELIVERED, 30, money=Decimal("1.5"), currency="USD")
    tally(sender, Status.SENT, 5, money=Decimal("0.25"), currency="USD")
    tally(sender, Status.FAILED, 9, reason=Reason.CANCELLED)
    tally(sender, Status.UNDELIVERED, 2, money=Decimal(40), currency="KZT")
    tally(sender, Status.DELIVERED, 8, days=1, money=Decimal(9), currency="USD")
    tally(sender, Status.DELIVERED, 1000, days=2)
    factories.message(sender)
    other = factories.sender(factories.connection(factories.portal("charlie"), "twilio"))
    tally(other, Status.DELIVERED, 77)
    factories.message(other)

    found = day_figures(portal)
    assert (found.today, found.yesterday, found.waiting) == (46, 8, 1)
    assert found.recent == Rate(delivered=38, ended=40, canceled=9)
    assert found.spent == [("KZT", Decimal(40)), ("USD", Decimal("1.75"))]


def test_demo_messages_are_in_none_of_the_figures(portal: Portal) -> None:
    demo = factories.sender(factories.connection(portal, "demo"), names={"en": "Practice"})
    tally(demo, Status.DELIVERED, 30, money=Decimal("1.5"), currency="USD", last_at=timezone.now())
    factories.message(demo)
    assert has_only_demo(portal)
    real = factories.sender(factories.connection(portal, "twilio"))
    tally(real, Status.DELIVERED, 25, days=1)
    factories.messages(real, 2)
    found = day_figures(portal)
    assert (found.today, found.yesterday, found.waiting, found.spent, found.demo) == (0, 25, 2, [], 30)
    assert found.recent == Rate(delivered=25, ended=25)
    rows = {row.sender: row for row in list_sender_health(portal)}
    assert (rows[demo].is_demo, rows[demo].week, rows[demo].state) == (True, Rate(), "working")
    assert (rows[real].is_demo, rows[real].week) == (False, Rate(delivered=25, ended=25))
    assert not has_only_demo(portal)


def test_each_figure_leads_to_its_messages_and_names_what_no_rate_contains(portal: Portal) -> None:
    sender = factories.sender(factories.connection(portal, "twilio"), tested_at=timezone.now())
    tally(sender, Status.DELIVERED, 30)
    tally(sender, Status.FAILED, 1, reason=Reason.CANCELLED)
    page = re.sub(r"\s*([<>])\s*", r"\1", home(portal))
    today = timezone.localdate(timezone=portal.zone)
    journal, before = address(portal, "journal"), today - timedelta(days=1)
    for query, shown in (
        (f"status=counted&amp;since={today}&amp;until={today}", "31"),
        (f"status=rated&amp;since={before}&amp;until={today}", "100%"),
        (f"status=canceled&amp;since={before}&amp;until={today}", "Without 1 canceled message"),
        ("status=waiting", "0"),
    ):
        assert f'<a href="{journal}?{query}">{shown}</a>' in page
    tally(sender, Status.FAILED, 1, reason=Reason.CAPPED, days=1)
    assert "Without 2 canceled messages" in home(portal)


def test_a_rehearsal_is_neither_counted_nor_to_be_reviewed_and_that_is_said(portal: Portal) -> None:
    real = factories.sender(factories.connection(portal, "twilio"), tested_at=timezone.now())
    demo = factories.sender(factories.connection(portal, "demo"), tested_at=timezone.now())
    tally(real, Status.DELIVERED, 4)
    tally(demo, Status.DELIVERED, 3)
    factories.message(demo, phase=Phase.UNKNOWN, due_at=None)
    page = re.sub(r"\s+", " ", re.sub(r"\s*([<>])\s*", r"\1", home(portal)))
    today = timezone.localdate(timezone=portal.zone)
    journal = address(portal, "journal")
    counted = f"status=counted&amp;without=demo&amp;since={today}&amp;until={today}"
    assert f'<a href="{journal}?{counted}">4</a>' in page
    assert "3 demo messages are not counted." in page
    assert f"{journal}?status=counted&amp;service=demo&amp;" in page
    assert "needs your review" not in page
    assert "Everything is running. No action needed." in page
    factories.message(real, phase=Phase.UNKNOWN, due_at=None)
    assert "1 message needs your review" in home(portal)


def test_today_is_compared_with_yesterday_at_the_same_time(portal: Portal) -> None:
    Portal.objects.update(time_zone="Asia/Almaty")
    portal.refresh_from_db()
    sender = factories.sender(factories.connection(portal, "twilio"), tested_at=timezone.now())
    now = datetime(2026, 11, 18, 9, 30, tzinfo=portal.zone)
    for at in ("17 00:00:00", "17 09:29:59", "17 09:30:00", "16 23:59:59", "18 09:00:00"):
        day, clock = at.split()
        received = datetime.fromisoformat(f"2026-11-{day}T{clock}").replace(tzinfo=portal.zone)
        factories.message(sender, now=received)
    for stranger in (factories.connection(factories.portal("charlie"), "twilio"), factories.connection(portal, "demo")):
        factories.message(factories.sender(stranger), now=now - timedelta(days=1, hours=1))
    assert count_by_this_time(portal, now) == 2
    assert "0 by this time yesterday" in home(portal)


def test_no_rate_from_fewer_than_twenty(portal: Portal) -> None:
    sender = factories.sender(factories.connection(portal, "twilio"), tested_at=timezone.now())
    tally(sender, Status.DELIVERED, 19)
    page = home(portal)
    assert "Not enough data" in page
    assert "100%" not in page
    tally(sender, Status.FAILED, 1)
    assert "95%" in home(portal)


def test_a_senders_state_is_its_gravest_trouble(portal: Portal) -> None:
    now = timezone.now()
    working = factories.connection(portal)
    states = {
        "working": factories.sender(working, tested_at=now),
        "untested": factories.sender(working),
        "registering": factories.sender(working, state=SenderState.REGISTERING),
        "off": factories.sender(working, paused_at=now),
        "attention": factories.sender(working, state=SenderState.REFUSED, paused_at=now),
    }
    factories.sender(working, state=SenderState.DRAFT)
    factories.sender(working, state=SenderState.REMOVED)
    rows = list_sender_health(portal)
    assert {row.sender: row.state for row in rows} == {sender: state for state, sender in states.items()}
    assert rows[0].state == "attention"


def test_a_sender_tells_its_last_success_and_its_last_error(portal: Portal) -> None:
    now = timezone.now()
    sender = factories.sender(factories.connection(portal), tested_at=now)
    other = factories.sender(sender.connection, names={"en": "Silent"}, created_at=now - timedelta(days=90))
    new = factories.sender(sender.connection, names={"en": "New"})
    tally(sender, Status.SENT, 0, last_at=now)
    tally(sender, Status.DELIVERED, 3, last_at=now - timedelta(hours=2))
    tally(sender, Status.FAILED, 1, reason=Reason.REJECTED, last_at=now - timedelta(hours=9))
    tally(sender, Status.FAILED, 1, reason=Reason.INVALID_NUMBER, last_at=now - timedelta(hours=3), days=1)
    tally(sender, Status.FAILED, 1, reason=Reason.CANCELLED, last_at=now)
    tally(other, Status.DELIVERED, 1, days=40, last_at=now - timedelta(days=40))
    rows = {row.sender: row for row in list_sender_health(portal)}
    row = rows[sender]
    assert row.error is not None
    assert (row.success_at, row.error.reason, row.error.at) == (
        now - timedelta(hours=2),
        Reason.INVALID_NUMBER,
        now - timedelta(hours=3),
    )
    assert (rows[other].success_at, rows[other].is_old, rows[other].error) == (None, True, None)
    assert (rows[new].success_at, rows[new].is_old) == (None, False)
    page = home(portal)
    assert "error=invalid_number" not in page  # something arrived since
    assert "More than 30 days ago" in page
    tally(sender, Status.FAILED, 1, reason=Reason.BLOCKED, last_at=now, days=2)
    day = timezone.localdate(timezone=portal.zone) - timedelta(days=2)
    there = f"{address(portal, 'journal')}?sender={sender.uuid.hex}&amp;error=blocked&amp;since={day}"
    assert f'<a href="{there}">' in health_table(portal)


def test_a_service_that_tells_no_more_succeeds_by_taking_a_message(portal: Portal) -> None:
    sender = factories.sender(factories.connection(portal))
    taken = timezone.now() - timedelta(minutes=5)
    tally(sender, Status.SENT, 1, last_at=taken)
    assert list_sender_health(portal)[0].success_at == taken


def test_what_was_counted_before_moments_were_kept_is_told_by_its_day(portal: Portal) -> None:
    sender = factories.sender(factories.connection(portal))
    tally(sender, Status.DELIVERED, 1, days=3)
    found = list_sender_health(portal)[0].success_at
    assert found is not None
    day = timezone.localdate(timezone=portal.zone) - timedelta(days=3)
    assert timezone.localtime(found, portal.zone).date() == day


def test_what_has_to_be_fixed_is_one_step_away(portal: Portal) -> None:
    blocked = factories.connection(
        portal, state=ConnectionState.BLOCKED, blocked_reason="auth", error_words="Invalid API key"
    )
    factories.sender(blocked)
    refused = factories.sender(
        factories.connection(portal), state=SenderState.REFUSED, error_code="ERROR", error_words="Wrong code"
    )
    table = health_table(portal)
    assert "Invalid API key" not in table
    assert "Wrong code" not in table
    assert "no longer accepts the credentials." in table
    for there in (
        address(portal, "connection", connection=blocked.uuid),
        address(portal, "sender", sender=refused.uuid),
    ):
        assert f'href="{there}">Fix<span class="sr">Front desk</span></a>' in table


def test_fourteen_days_are_pictured_with_their_table(portal: Portal) -> None:
    sender = factories.sender(factories.connection(portal, "twilio"))
    tally(sender, Status.DELIVERED, 4321, days=13)
    tally(sender, Status.DELIVERED, 9876, days=14)
    page = home(portal)
    picture = page.split('id="days"')[1]
    assert 's-delivered" d="M2 ' in picture
    assert "4,321" in picture
    assert "9,876" not in page
    assert picture.split('id="portal"')[0].count('scope="row"') == 14
    assert f'href="{address(portal, "reports")}"' in picture


def test_an_account_for_which_there_is_no_room_says_so_on_its_sender(portal: Portal) -> None:
    words = {"error_code": bind_limit.NO_ROOM, "error_words": bind_limit.NO_ROOM_WORDS}
    now = timezone.now()  # it sent a moment ago, from a process that has ended
    factories.sender(factories.connection(portal, "smpp", error_at=now, last_accepted_at=now, **words))
    assert "All SMPP connections of this installation are in use. Contact Sendline support." in home(portal)


def test_an_error_is_shown_until_something_goes_well(portal: Portal) -> None:
    now = timezone.now()
    account = factories.connection(portal, error_at=now, error_words="Out of funds")
    factories.sender(account, tested_at=now)
    assert "Out of funds" in home(portal)
    account.last_accepted_at = now + timedelta(seconds=1)
    account.save()
    assert "Out of funds" not in home(portal)


def test_a_chart_without_messages_says_why_instead(portal: Portal) -> None:
    demo = factories.sender(factories.connection(portal, "demo"), tested_at=timezone.now())
    tally(demo, Status.DELIVERED, 3)
    assert "Reports begin with your first real message." in home(portal)
    assert 'class="chart' not in home(portal)
    real = factories.sender(factories.connection(portal, "twilio"))
    assert "No messages in the last 14 days" in home(portal)
    tally(real, Status.DELIVERED, 1, days=13)
    assert 'class="chart' in home(portal)
    assert "No messages in the last 14 days" not in home(portal)
