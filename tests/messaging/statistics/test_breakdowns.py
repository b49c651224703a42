"""Messages are counted by country, source and employee soon after a status change, once however many there are."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from b24app.console.journal.conditions import SOURCES
from b24app.core import redis
from b24app.messaging import tasks
from b24app.messaging.actions import messages
from b24app.messaging.models import DayTally, Message, Sender
from b24app.messaging.models.statistics import TOOK, DayBreakdown, Dimension, UncountedClimb
from b24app.messaging.models.statuses import Change, Origin, Reason, Status
from b24app.messaging.privacy import retention
from b24app.messaging.statistics import breakdowns
from b24app.portals.models import Portal
from tests import factories
from tests.concurrency import run_together
from tests.messaging.steps import accept_message, erase_portals

pytestmark = pytest.mark.django_db

ENDS = ("messages", "delivered", "undelivered", "failed", "stopped")


def climb(message: Message, status: Status, **fields: Any) -> None:
    Message.objects.advance([Change(pk=message.pk, status=status, **fields)])


def counted(dimension: Dimension, *names: str) -> dict[str, Any]:
    """Value -> what is counted there, over all senders, days and currencies; without what came to nothing."""
    found: dict[str, list[int]] = {}
    for row in DayBreakdown.objects.filter(dimension=dimension):
        sums = found.setdefault(row.value, [0] * len(names))
        for place, name in enumerate(names):
            sums[place] += getattr(row, name)
    return {value: sums[0] if len(sums) == 1 else tuple(sums) for value, sums in found.items() if any(sums)}


def test_a_message_is_counted_by_country_source_and_employee(front: Sender) -> None:
    message = accept_message(front, "+447700900123", module_id="bizproc")
    climb(message, Status.SENT)
    assert not DayBreakdown.objects.exists()
    assert breakdowns.count_climbs() == 1
    assert counted(Dimension.COUNTRY, *ENDS) == {"GB": (1, 0, 0, 0, 0)}
    assert counted(Dimension.SOURCE, *ENDS) == {"automation": (1, 0, 0, 0, 0)}
    assert counted(Dimension.EMPLOYEE, *ENDS) == {"7": (1, 0, 0, 0, 0)}
    row = DayBreakdown.objects.get(dimension=Dimension.COUNTRY)
    assert (row.portal, row.sender, row.day) == (front.portal, front, message.day)
    assert not UncountedClimb.objects.exists()
    assert breakdowns.count_climbs() == 0


@pytest.mark.parametrize("between", [False, True])
def test_whatever_climbs_in_between_the_last_end_counts_once(front: Sender, between: bool) -> None:
    message = accept_message(front)
    for status, reason in (
        (Status.SENT, Reason.NONE),
        (Status.UNDELIVERED, Reason.UNREACHED),
        (Status.DELIVERED, Reason.NONE),
    ):
        climb(message, status, reason=reason)
        if between:
            breakdowns.count_climbs()
    breakdowns.count_climbs()
    assert counted(Dimension.COUNTRY, *ENDS) == {"US": (1, 1, 0, 0, 0)}


def test_what_a_person_or_a_limit_stops_is_no_failure(front: Sender) -> None:
    for reason in (Reason.CANCELLED, Reason.CAPPED, Reason.REJECTED):
        climb(accept_message(front), Status.FAILED, reason=reason)
    breakdowns.count_climbs()
    assert counted(Dimension.COUNTRY, *ENDS) == {"US": (3, 0, 0, 1, 2)}


def test_money_stays_with_its_currency_and_moves_when_that_is_told_late(front: Sender) -> None:
    first, second = accept_message(front), accept_message(front)
    climb(first, Status.SENT, price=Decimal("0.01"), currency="USD")
    climb(second, Status.SENT)
    climb(second, Status.DELIVERED, price=Decimal("0.5"), currency="EUR")
    breakdowns.count_climbs()
    rows = DayBreakdown.objects.filter(dimension=Dimension.SOURCE).order_by("currency")
    found = [(row.currency, row.messages, row.delivered, row.money) for row in rows]
    assert found == [
        ("", 0, 0, Decimal(0)),
        ("EUR", 1, 1, Decimal("0.5")),
        ("USD", 1, 0, Decimal("0.01")),
    ]


@pytest.mark.parametrize(
    ("seconds", "column"),
    [(0.0, "took_2"), (1.5, "took_2"), (4, "took_5"), (29, "took_30"), (200, "took_300"), (4000, "took_longer")],
)
def test_the_time_to_delivery_runs_from_the_service_s_receipt(front: Sender, seconds: float, column: str) -> None:
    message = accept_message(front)
    climb(message, Status.SENT)
    Message.objects.filter(pk=message.pk).update(sent_at=timezone.now() - timedelta(seconds=seconds))
    climb(message, Status.DELIVERED)
    breakdowns.count_climbs()
    assert counted(Dimension.SOURCE, *TOOK) == {"crm": tuple(int(name == column) for name in TOOK)}


def test_only_what_is_delivered_has_a_time(front: Sender) -> None:
    message = accept_message(front)
    climb(message, Status.SENT)
    climb(message, Status.UNDELIVERED, reason=Reason.UNREACHED)
    breakdowns.count_climbs()
    assert counted(Dimension.SOURCE, *TOOK) == {}


@pytest.mark.parametrize("module", ["crm", "bizproc", "sender", "imopenlines", ""])
def test_sources_are_those_of_the_journal(front: Sender, module: str) -> None:
    origins: Sequence[Origin] = list(Origin) if module == "crm" else [Origin.PORTAL]
    for origin in origins:
        message = factories.message(front, origin=origin, module=module)
        climb(message, Status.SENT)
        breakdowns.count_climbs()
        (source,) = [code for code, (_words, fits) in SOURCES.items() if Message.objects.filter(fits, pk=message.pk)]
        assert counted(Dimension.SOURCE, "messages") == {source: 1}
        DayBreakdown.objects.all().delete()


@pytest.mark.parametrize("author", [None, 0])
def test_what_no_employee_wrote_has_no_employee(front: Sender, author: int | None) -> None:
    climb(factories.message(front, author_id=author), Status.SENT)
    breakdowns.count_climbs()
    assert counted(Dimension.EMPLOYEE, "messages") == {"": 1}


def test_a_number_that_nobody_could_read_has_no_country(front: Sender) -> None:
    accept_message(front, "call Olivia")
    breakdowns.count_climbs()
    assert counted(Dimension.COUNTRY, "messages", "failed") == {"": (1, 1)}


def test_messages_of_our_own_screens_have_a_country_too(front: Sender) -> None:
    one = messages.compose_message(front.portal, front, "+77011234567", "Hello", origin=Origin.TEST, author_id=7)
    climb(one, Status.FAILED, reason=Reason.REJECTED)
    again = messages.resend_message(one, 7)
    assert (one.country, again.country) == ("KZ", "KZ")
    climb(again, Status.SENT)
    breakdowns.count_climbs()
    assert counted(Dimension.SOURCE, "messages") == {"test": 1, "resend": 1}


def test_what_is_older_than_the_breakdowns_is_left_out_of_them(front: Sender) -> None:
    message = factories.message(front, status=Status.SENT, country=None)
    climb(message, Status.DELIVERED)
    assert breakdowns.count_climbs() == 0
    assert not DayBreakdown.objects.exists()
    assert DayTally.objects.get(status=Status.DELIVERED).messages == 1


def test_erasing_the_number_between_two_climbs_leaves_the_country_as_it_was(front: Sender) -> None:
    message = accept_message(front, "+447700900123")
    climb(message, Status.SENT)
    Message.objects.update(to="", raw_to="", text="")
    climb(message, Status.DELIVERED)
    breakdowns.count_climbs()
    assert counted(Dimension.COUNTRY, *ENDS) == {"GB": (1, 1, 0, 0, 0)}


def test_more_than_a_batch_is_counted_in_one_go(front: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakdowns, "COUNT_OLDEST", breakdowns.COUNT_OLDEST.replace("LIMIT 5000", "LIMIT 2"))
    monkeypatch.setattr(breakdowns, "BATCH_SIZE", 2)
    for _ in range(5):
        climb(accept_message(front), Status.SENT)
    assert breakdowns.count_climbs() == 5
    assert counted(Dimension.SOURCE, "messages") == {"crm": 5}


def test_the_sweep_counts(front: Sender) -> None:
    climb(accept_message(front), Status.SENT)
    redis.redis_client().flushdb()
    tasks.run_sweep()
    assert counted(Dimension.SOURCE, "messages") == {"crm": 1}


def test_breakdowns_outlive_the_messages(front: Sender) -> None:
    message = accept_message(front)
    climb(message, Status.SENT)
    breakdowns.count_climbs()
    Message.objects.update(received_at=timezone.now() - timedelta(days=400))
    retention.prune_messages(5)
    assert not Message.objects.exists()
    assert counted(Dimension.COUNTRY, "messages") == {"US": 1}


def test_a_portal_is_erased_with_its_breakdowns_and_nobody_else_s(front: Sender) -> None:
    other = factories.sender(factories.connection(factories.portal("charlie")))
    for sender in (front, other):
        climb(accept_message(sender), Status.SENT)
    breakdowns.count_climbs()
    for sender in (front, other):
        climb(Message.objects.get(sender=sender), Status.DELIVERED)
    Portal.objects.filter(pk=front.portal_id).update(uninstalled_at=timezone.now(), erase_at=timezone.now())
    erase_portals()
    assert {row.portal_id for row in DayBreakdown.objects.all()} == {other.portal_id}
    assert {row.sender_id for row in UncountedClimb.objects.all()} == {other.pk}


def test_a_climb_whose_sender_is_gone_holds_up_nobody(front: Sender) -> None:
    other = factories.sender(front.connection)
    for sender in (front, other):
        climb(accept_message(sender), Status.SENT)
    Message.objects.filter(sender=other).delete()
    DayTally.objects.filter(sender=other).delete()
    other.delete()
    assert breakdowns.count_climbs() == 2
    assert counted(Dimension.COUNTRY, "messages") == {"US": 1}


@pytest.mark.django_db(transaction=True)
def test_two_who_count_at_once_count_everything_once(front: Sender) -> None:
    for place in range(200):
        climb(factories.message(front, author_id=place % 5 + 1), Status.SENT)
    run_together(breakdowns.count_climbs, breakdowns.count_climbs)
    breakdowns.count_climbs()
    assert counted(Dimension.EMPLOYEE, "messages") == {str(user): 40 for user in range(1, 6)}


def test_the_tallies_know_when_something_last_came_to_count(front: Sender) -> None:
    message = accept_message(front)
    before = timezone.now()
    climb(message, Status.SENT)
    climb(message, Status.DELIVERED)
    sent, delivered = (DayTally.objects.get(status=status) for status in (Status.SENT, Status.DELIVERED))
    assert (sent.messages, delivered.messages) == (0, 1)
    assert sent.last_at is not None
    assert delivered.last_at is not None
    assert before <= sent.last_at <= delivered.last_at <= timezone.now()
