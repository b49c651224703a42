"""However much money adds up, no sum raises; and a price that no message has is none."""

from decimal import Decimal

import pytest
from django.db import connection as database
from django.utils import timezone

from b24app.core import sanitize
from b24app.messaging.models import DayTally, DeliveryReport, Message, Sender
from b24app.messaging.models.dead_letters import DeadLetter
from b24app.messaging.models.statistics import DayBreakdown, MonthBreakdown, UncountedClimb
from b24app.messaging.models.statuses import Phase, Status
from b24app.messaging.reports import acceptance, applier
from b24app.messaging.statistics import breakdowns, monthly
from providers.kit import contract

pytestmark = pytest.mark.django_db

DEAREST = Decimal("9999999.99999")  # what a column of a message holds; rows of before prices were tamed have it
MANY = 12_000


def many_sent(sender: Sender, count: int) -> None:
    """Messages that their service has taken, with refs 0, 1, 2…"""
    now = timezone.now()
    row = {"portal": sender.portal, "connection": sender.connection, "sender": sender, "day": now.date()}
    row |= {"received_at": now, "expires_at": now, "status": Status.SENT, "phase": Phase.DONE}
    Message.objects.bulk_create([Message(ref=str(n), **row) for n in range(count)], batch_size=2000)


def report_all(sender: Sender, count: int, price: Decimal) -> None:
    now = timezone.now()
    row = {"connection": sender.connection, "word": "delivered", "status": Status.DELIVERED, "price": price}
    row |= {"currency": "EUR", "received_at": now, "due_at": now}
    kept = [DeliveryReport(fingerprint=str(n), ref=str(n), **row) for n in range(count)]
    DeliveryReport.objects.bulk_create(kept, batch_size=2000)


def test_the_dearest_messages_of_a_month_add_up_everywhere(front: Sender) -> None:
    many_sent(front, MANY)
    report_all(front, MANY, DEAREST)
    with database.cursor() as cursor:  # without figures of so many new rows, PostgreSQL may read all of them each time
        cursor.execute("ANALYZE messaging_message, messaging_deliveryreport")

    while DeliveryReport.objects.filter(due_at__isnull=False).exists():  # a busy machine needs more than one round
        applier.apply_due()
    breakdowns.count_climbs()

    total = DEAREST * MANY
    assert total > 10**11  # more than sums could hold
    assert DayTally.objects.get(status="delivered").money == total
    assert {row.money for row in DayBreakdown.objects.filter(currency="EUR")} == {total}
    assert not UncountedClimb.objects.exists()

    over = monthly.finished_months(timezone.now().date())[0]
    DayBreakdown.objects.update(day=over)
    monthly.roll_up_months()
    assert {row.money for row in MonthBreakdown.objects.filter(currency="EUR")} == {total}
    assert not DeadLetter.objects.exists()


def test_a_price_that_no_message_has_is_none(front: Sender) -> None:
    many_sent(front, 1)
    told = contract.Report(
        ref="0", status=contract.Status.DELIVERED, word="d", price=sanitize.MAX_PRICE, currency="E\0R"
    )
    acceptance.insert_reports(front.connection_id, [told])
    applier.apply_due()
    message = Message.objects.get()
    assert (message.status, message.price, message.currency) == (Status.DELIVERED, None, "")


def test_more_room_for_sums_rewrites_no_table(front: Sender) -> None:
    """As the migration does it, and back: the file of the table stays the same."""
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE sums (money numeric(16, 5) NOT NULL)")
        cursor.execute("INSERT INTO sums VALUES (1.5)")
        cursor.execute("SELECT pg_relation_filenode('sums')")
        (before,) = cursor.fetchone()
        cursor.execute('ALTER TABLE sums ALTER COLUMN money TYPE numeric(30, 5) USING "money"::numeric(30, 5)')
        cursor.execute("SELECT pg_relation_filenode('sums')")
        assert cursor.fetchone() == (before,)
