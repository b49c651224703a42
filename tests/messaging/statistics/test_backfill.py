"""Messages from before the breakdowns are counted once, wherever that is stopped and whatever changes meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from b24app.core import shutdown
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statistics import TOOK, DayBreakdown, UncountedClimb
from b24app.messaging.models.statuses import Change, Origin, Reason, Status
from b24app.messaging.statistics import backfill, breakdowns
from providers.kit.phones import region_of
from tests import factories
from tests.concurrency import run_together

pytestmark = pytest.mark.django_db

COLUMNS = ("messages", "delivered", "undelivered", "failed", "stopped", "money", *TOOK)
NUMBERS = ("+12025550147", "+447700900123", "+77011234567", "")
ENDS: tuple[tuple[Status, dict[str, Any]], ...] = (
    (Status.SENT, {}),
    (Status.DELIVERED, {"price": Decimal("0.5"), "currency": "EUR"}),
    (Status.UNDELIVERED, {"reason": Reason.UNREACHED}),
    (Status.FAILED, {"reason": Reason.CANCELLED}),
    (Status.FAILED, {"reason": Reason.REJECTED, "price": Decimal("0.01"), "currency": "USD"}),
)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the test's own pace: several batches, and no rest between them."""
    monkeypatch.setattr(backfill, "BATCH_SIZE", 7)
    monkeypatch.setattr(shutdown, "wait_for_request", lambda _seconds: False)


def climb(message: Message, status: Status, **fields: Any) -> None:
    Message.objects.advance([Change(pk=message.pk, status=status, **fields)])


def told() -> set[tuple[Any, ...]]:
    """All that is counted, but for what came to nothing."""
    rows = DayBreakdown.objects.values_list("portal", "dimension", "day", "sender", "value", "currency", *COLUMNS)
    return {row for row in rows if any(row[6:])}


def a_past(sender: Sender) -> None:
    """Messages of every kind and end, some still waiting, by every road to their end."""
    for place in range(40):
        message = factories.message(
            sender,
            to=NUMBERS[place % 4],
            country=region_of(NUMBERS[place % 4]),
            module=("crm", "bizproc", "sender", "")[place % 3],
            origin=Origin.TEST if place % 13 == 0 else Origin.PORTAL,
            author_id=(None, 0, 7, 17)[place % 4],
            day=timezone.now().date() - timedelta(days=place % 3),
            first_attempt_at=timezone.now() - timedelta(seconds=20) if place % 2 else None,
            received_at=timezone.now() - timedelta(minutes=2),
        )
        if place % 6 == 5:
            continue
        status, fields = ENDS[place % 5]
        if place % 7 and status != Status.FAILED:
            climb(message, Status.SENT)
            Message.objects.filter(pk=message.pk).update(sent_at=timezone.now() - timedelta(seconds=place % 50 + 3))
        climb(message, status, **fields)


def forgotten() -> None:
    """As after the upgrade that introduced the breakdowns."""
    Message.objects.update(country=None)
    DayBreakdown.objects.all().delete()
    UncountedClimb.objects.all().delete()


def fill() -> int:
    return sum(found for _share, found in backfill.backfill_breakdowns())


def test_older_messages_are_counted_as_if_they_had_been_counted_then(front: Sender) -> None:
    other = factories.sender(factories.connection(factories.portal("charlie")))
    for sender in (front, other):
        a_past(sender)
    breakdowns.count_climbs()
    before = told()
    countries = dict(Message.objects.values_list("pk", "country"))
    forgotten()
    assert fill() == 80
    assert told() == before
    assert dict(Message.objects.values_list("pk", "country")) == countries
    assert not UncountedClimb.objects.exists()


def test_a_later_change_is_subtracted_where_the_backfill_had_added_it(front: Sender) -> None:
    waits, sent, lost = (factories.message(front, country=None) for _ in range(3))
    climb(sent, Status.SENT, price=Decimal("0.5"), currency="EUR")
    climb(lost, Status.UNDELIVERED, reason=Reason.UNREACHED)
    assert fill() == 3
    for message in (waits, sent, lost):
        climb(message, Status.DELIVERED)
    breakdowns.count_climbs()
    rows = DayBreakdown.objects.filter(dimension="source").order_by("currency")
    found = [(one.currency, one.messages, one.delivered, one.undelivered, one.money) for one in rows]
    assert found == [("", 2, 2, 0, Decimal(0)), ("EUR", 1, 1, 0, Decimal("0.5"))]


def test_what_was_counted_already_is_left_as_it_is(front: Sender) -> None:
    climb(factories.message(front, country="GB"), Status.SENT)
    breakdowns.count_climbs()
    before = told()
    assert (fill(), fill()) == (0, 0)
    assert told() == before


def test_it_resumes_where_it_was_stopped_and_a_second_run_counts_nothing(front: Sender) -> None:
    a_past(front)
    breakdowns.count_climbs()
    before = told()
    forgotten()
    share, found = next(backfill.backfill_breakdowns())  # killed between a batch and its counting: the sweep counts it
    assert (0 < share < 1, found) == (True, 7)
    assert UncountedClimb.objects.exists()
    newest = Message.objects.order_by("-pk").values_list("country", flat=True)
    assert [country is None for country in newest] == [False] * 7 + [True] * 33
    assert fill() == 33
    assert fill() == 0
    assert told() == before


def test_a_batch_that_fails_leaves_nothing_behind(front: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    climb(factories.message(front, country=None), Status.SENT)
    monkeypatch.setattr(backfill, "FILL_COUNTRIES", backfill.FILL_COUNTRIES + " WHERE 1 / (SELECT 0) = 1")
    with pytest.raises(Exception, match="division by zero"):
        fill()
    assert Message.objects.get().country is None
    assert not UncountedClimb.objects.exists()


def test_erased_numbers_have_no_country_but_a_source_and_an_employee(front: Sender) -> None:
    climb(factories.message(front, country=None, to="", text="", author_id=17, module="sender"), Status.SENT)
    fill()
    found = set(DayBreakdown.objects.values_list("dimension", "value", "messages"))
    assert found == {("country", "", 1), ("source", "campaign", 1), ("employee", "17", 1)}


def test_it_ends_between_two_batches_when_a_shutdown_is_requested(
    front: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        climb(factories.message(front, country=None), Status.SENT)
    answers = iter([False, True])
    monkeypatch.setattr(shutdown, "is_requested", lambda: next(answers))
    assert fill() == 7


@pytest.mark.django_db(transaction=True)
def test_everything_counts_once_while_messages_climb_and_two_fill_at_once(front: Sender) -> None:
    messages = [factories.message(front, country=None) for _ in range(120)]

    def go_up() -> None:
        for status in (Status.SENT, Status.UNDELIVERED, Status.DELIVERED):
            for start in range(0, 120, 10):
                Message.objects.advance([Change(pk=one.pk, status=status) for one in messages[start : start + 10]])

    run_together(fill, fill, go_up)
    breakdowns.count_climbs()
    assert not Message.objects.filter(country=None).exists()
    for dimension in ("country", "source", "employee"):
        rows = DayBreakdown.objects.filter(dimension=dimension)
        assert [(one.messages, one.delivered, one.undelivered) for one in rows] == [(120, 120, 0)]
        assert [sum(getattr(one, name) for name in TOOK) for one in rows] == [120]


# -- the command ------------------------------------------------------------------------------------------------------


def said() -> list[str]:
    out = StringIO()
    call_command("backfill_breakdowns", stdout=out)
    return out.getvalue().splitlines()


def test_the_command_says_how_far_it_is_and_how_many_it_counted(front: Sender) -> None:
    for _ in range(14):
        climb(factories.message(front, country=None), Status.SENT)
    lines = said()
    assert lines[0] == "50%: 7 messages"
    assert lines[-1] == "Done: 14 messages missing from the breakdowns are now counted."
    assert said()[-1] == "Done: 0 messages missing from the breakdowns are now counted."


def test_an_empty_installation_has_nothing_to_count(front: Sender) -> None:
    assert said() == ["Done: 0 messages missing from the breakdowns are now counted."]


def test_the_command_can_be_stopped_by_hand(front: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> Iterator[tuple[float, int]]:
        yield 0.5, 7
        raise KeyboardInterrupt

    monkeypatch.setattr(backfill, "backfill_breakdowns", stopped)
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("backfill_breakdowns", stdout=out)
    assert end.value.code == 130
    assert out.getvalue().splitlines() == ["50%: 7 messages", "Stopped after 7 messages. Run it again for the rest."]
