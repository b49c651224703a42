"""The table of Home: one cause, one step, and for how long a balance lasts."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from b24app.console.frame.screen import address
from b24app.console.home.sender_rows import SenderRow, list_sender_rows
from b24app.messaging.models import Connection, ConnectionState, DayTally, Sender, SenderState
from b24app.messaging.models.statuses import Phase, Reason, Status
from b24app.portals.models import Portal
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def portal() -> Portal:
    return factories.portal(time_zone="Asia/Almaty")


def only_row(portal: Portal) -> SenderRow:
    (row,) = list_sender_rows(portal)
    return row


def step(row: SenderRow) -> tuple[str, str]:
    return row.action.label, row.action.href


def spend(account: Connection, *sums: str, currency: str = "USD") -> None:
    """Spend one of the sums on each of the last days, today first."""
    sender = Sender.objects.filter(connection=account).get()
    for days, money in enumerate(sums):
        DayTally.objects.create(
            portal=account.portal,
            day=timezone.localdate(timezone=account.portal.zone) - timedelta(days=days),
            connection=account,
            sender=sender,
            status=Status.DELIVERED,
            messages=1,
            money=Decimal(money),
            currency=currency,
        )


def test_a_sender_that_is_well_has_no_cause_and_can_be_tested(portal: Portal) -> None:
    sender = factories.sender(factories.connection(portal), tested_at=timezone.now())
    row = only_row(portal)
    assert (row.cause, row.error, row.days_left) == ("", None, None)
    assert step(row) == ("Send test", address(portal, "test", sender=sender.uuid))
    assert row.href == address(portal, "sender", sender=sender.uuid)


def test_what_is_paused_can_be_resumed_from_home(portal: Portal) -> None:
    sender = factories.sender(factories.connection(portal), paused_at=timezone.now())
    row = only_row(portal)
    resume = f"{address(portal, 'sender-resume', sender=sender.uuid)}?from=home"
    assert (row.cause, step(row), row.action.is_post) == ("Sender paused", ("Resume", resume), True)
    answer = factories.visitor(portal).post(resume)
    assert f'"path": "{address(portal, "home")}"' in answer["HX-Location"]
    sender.refresh_from_db()
    assert sender.paused_at is None


def test_a_paused_account_outweighs_its_paused_sender(portal: Portal) -> None:
    account = factories.connection(portal, state=ConnectionState.PAUSED)
    factories.sender(account, paused_at=timezone.now())
    row = only_row(portal)
    resume = f"{address(portal, 'connection-resume', connection=account.uuid)}?from=home"
    assert (row.cause, step(row)) == ("Account paused", ("Resume", resume))


def test_an_empty_balance_leads_to_the_service_where_it_declares_a_page(portal: Portal) -> None:
    blocked = {"state": ConnectionState.BLOCKED, "blocked_reason": "balance", "error_words": "no funds"}
    account = factories.connection(portal, "twilio", **blocked)
    factories.sender(account)
    row = only_row(portal)
    assert "no funds" not in str(row.cause)
    assert step(row) == ("Top up", "https://console.twilio.com/us1/billing/manage-billing/billing-overview")
    assert row.action.is_outside
    Connection.objects.update(service="demo")
    row = only_row(portal)
    there = address(portal, "connection", connection=account.uuid)
    assert (step(row), row.action.is_outside) == (("Top up", there), False)


def test_a_service_that_does_not_answer_is_named_before_its_own_words(portal: Portal) -> None:
    now = timezone.now()
    account = factories.connection(
        portal, breaker_until=now + timedelta(minutes=5), error_at=now, error_words="ECONNREFUSED"
    )
    factories.sender(account)
    row = only_row(portal)
    assert row.cause == "Demo is not responding"
    assert step(row) == ("Fix", address(portal, "connection", connection=account.uuid))


def test_messages_of_unknown_outcome_are_reviewed_by_their_sender(portal: Portal) -> None:
    account = factories.connection(portal, "twilio")
    sender, other = (factories.sender(account, tested_at=timezone.now()) for _ in range(2))
    for _ in range(2):
        factories.message(sender, phase=Phase.UNKNOWN, due_at=None)
    rows = {row.health.sender: row for row in list_sender_rows(portal)}
    there = f"{address(portal, 'journal')}?status=unknown&sender={sender.uuid.hex}"
    assert (rows[sender].cause, step(rows[sender])) == ("2 messages to review", ("Review", there))
    assert (rows[other].cause, rows[other].action.label) == ("", "Send test")
    Connection.objects.update(service="demo")  # a rehearsal asks nothing of anybody
    assert {row.action.label for row in list_sender_rows(portal)} == {"Send test"}


def test_a_refused_sender_is_fixed_at_the_sender_whatever_its_account_has(portal: Portal) -> None:
    account = factories.connection(portal, state=ConnectionState.BLOCKED, blocked_reason="balance")
    sender = factories.sender(account, state=SenderState.REFUSED, error_code="ERROR", paused_at=timezone.now())
    assert step(only_row(portal)) == ("Fix", address(portal, "sender", sender=sender.uuid))


def test_an_error_is_shown_only_while_nothing_was_sent_since(portal: Portal) -> None:
    now = timezone.now()
    sender = factories.sender(factories.connection(portal))
    row = {"portal": portal, "day": now.date(), "connection": sender.connection, "sender": sender, "messages": 1}
    DayTally.objects.create(**row, status=Status.FAILED, reason=Reason.REJECTED, last_at=now - timedelta(hours=1))
    error = only_row(portal).error
    assert error is not None
    assert error.reason == Reason.REJECTED
    DayTally.objects.create(**row, status=Status.DELIVERED, last_at=now)
    assert only_row(portal).error is None


@pytest.mark.parametrize(
    ("balance", "sums", "days"),
    [
        ("10", ("2", "3", "2"), 10),  # 7 a week is 1 a day
        ("2.5", ("2", "3", "2"), 2),
        ("0.5", ("2", "3", "2"), 0),
        ("10", ("3.5", "3.5"), None),  # two days say nothing
        ("31", ("2", "3", "2"), None),  # more than 30 days is no news
        ("0", ("2", "3", "2"), None),
        (None, ("2", "3", "2"), None),
    ],
)
def test_a_balance_lasts_as_long_as_at_the_pace_of_the_week(
    portal: Portal, balance: str | None, sums: tuple[str, ...], days: int | None
) -> None:
    account = factories.connection(portal, balance=balance and Decimal(balance), currency="USD")
    factories.sender(account, tested_at=timezone.now())
    spend(account, *sums)
    assert only_row(portal).days_left == days


def test_spending_in_another_currency_or_by_another_account_does_not_count(portal: Portal) -> None:
    account = factories.connection(portal, balance=Decimal(10), currency="USD")
    factories.sender(account)
    spend(account, "2", "3", "2", currency="EUR")
    other = factories.connection(factories.portal("charlie"), balance=Decimal(10), currency="USD")
    factories.sender(other)
    spend(other, "2", "3", "2")
    assert only_row(portal).days_left is None
    page = factories.visitor(other.portal).get(address(other.portal, "home")).content.decode()
    assert "Lasts about 10 more days" in page
