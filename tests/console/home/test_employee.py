"""Home of an employee: their own last messages, failures and spending, and nothing of anybody else."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.frame.screen import address
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statistics import DayBreakdown, Dimension
from b24app.messaging.models.statuses import Reason, Status
from b24app.portals.models import Portal
from tests import factories
from tests.factories import ALICE, BOB

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice"), title="Account of Alice"))


def home(client: Client, portal: Portal) -> str:
    answer = client.get(address(portal, "home"))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def send(sender: Sender, text: str, author: int | None = BOB, hours: float = 1, **fields: object) -> Message:
    now = timezone.now() - timedelta(hours=hours)
    return factories.message(sender, text=text, author_id=author, now=now, **fields)


def spend(sender: Sender, money: str, currency: str, employee: int = BOB, days: int = 0) -> None:
    day = timezone.localdate(timezone=sender.portal.zone) - timedelta(days=days)
    DayBreakdown.objects.create(
        portal=sender.portal,
        dimension=Dimension.EMPLOYEE,
        sender=sender,
        day=day,
        value=str(employee),
        currency=currency,
        messages=1,
        money=Decimal(money),
    )


def test_ten_messages_of_their_own_newest_first(bob: Client, sender: Sender) -> None:
    for number in range(12):
        send(sender, f"own {number}.", hours=number)
    send(sender, "of Alice", author=ALICE)
    send(sender, "of a rule", author=None)
    other = factories.sender(factories.connection(factories.portal("charlie")))
    send(other, "of another portal")
    page = home(bob, sender.portal)
    assert re.findall(r"own \d+\.", page) == [f"own {number}." for number in range(10)]
    for text in ("of Alice", "of a rule", "of another portal", "Account of Alice", "/settings/", "/senders/"):
        assert text not in page


def test_numbers_are_masked_unless_the_portal_shows_them(bob: Client, sender: Sender) -> None:
    send(sender, "Hello", to="+12025550160")
    assert "+1 •••-•••-••60" in home(bob, sender.portal)
    assert "555" not in home(bob, sender.portal)
    Portal.objects.update(hide_numbers=False)
    assert "+1 202-555-0160" in home(bob, sender.portal)


def test_what_was_lost_in_a_week_is_counted_and_one_click_away(bob: Client, sender: Sender) -> None:
    send(sender, "gone", status=Status.FAILED, reason=Reason.REJECTED)
    send(sender, "away", status=Status.UNDELIVERED)
    send(sender, "there", status=Status.DELIVERED)
    send(sender, "old", status=Status.FAILED, hours=24 * 8)
    send(sender, "of Alice", author=ALICE, status=Status.FAILED)
    page = home(bob, sender.portal)
    assert "Not delivered or failed, 7 days 2" in words(page)
    since = timezone.localdate(timezone=sender.portal.zone) - timedelta(days=6)
    there = f"{address(sender.portal, 'journal')}?status=not-arrived&since={since}"
    assert f'href="{there}"'.replace("&", "&amp;") in page
    listed = words(bob.get(there).content.decode())
    assert [text in listed for text in ("gone", "away", "there", "old", "of Alice")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_their_spending_of_the_month_by_currency(bob: Client, sender: Sender) -> None:
    send(sender, "Hello")
    spend(sender, "1.5", "USD")
    spend(sender, "40", "KZT")
    spend(sender, "7", "USD", employee=ALICE)
    spend(sender, "9", "USD", days=31)
    assert "Spent this month KZT 40.00 USD 1.50" in words(home(bob, sender.portal)).replace("\u00a0", " ")


def test_without_messages_they_read_what_will_be_here(bob: Client, sender: Sender) -> None:
    page = words(home(bob, sender.portal))
    assert "You’re ready to send" in page
    assert "Your messages appear here with their delivery status." in page
    assert "Spent this month" not in page
