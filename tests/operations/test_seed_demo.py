"""Demonstration data in a live sandbox portal: registered, counted right, quiet, and made only once."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from random import Random
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Q, Sum
from django.utils import timezone
from pytest_django import Settings

from b24app.exchange_log.models import Exchange
from b24app.messaging import sweep
from b24app.messaging.models import Connection, ConnectionState, DayTally, DeliveryReport, Message, Sender, SenderState
from b24app.messaging.models.statistics import TOOK, DayBreakdown, Dimension
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait
from b24app.operations.management.demo_plan import plan_messages
from b24app.portals.models import Portal
from b24app.sandbox import Portal as SandboxPortal
from tests import factories
from tests.messaging.conftest import alpha, box, live, portal

__all__ = ["alpha", "box", "live", "portal"]

NOBODYS = r"^(\+120255501\d\d|\+447700900\d{3}|\+49176040690\d\d)$"  # NANPA, Ofcom and Bundesnetzagentur reserve them


@pytest.fixture
def development(settings: Settings) -> None:
    settings.DEBUG = True
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]


def seed() -> str:
    said = StringIO()
    call_command("seed_demo", stdout=said)
    return said.getvalue()


@pytest.fixture
def told(development: None, live: Portal) -> Sequence[Message]:
    """Return the messages, oldest first."""
    assert seed() == f"{live} has a demo account, a sender and 120 messages of the last 14 days.\n"
    return list(Message.objects.order_by("pk"))


def test_the_sender_stands_in_the_portals_menu(told: Sequence[Message], alpha: SandboxPortal) -> None:
    sender = Sender.objects.get()
    assert sender.state == SenderState.REGISTERED
    assert list(alpha.state.senders) == [sender.code]
    assert (sender.connection.service, sender.signature) == ("demo", "DEMO")


def test_every_status_and_many_reasons_are_there(told: Sequence[Message]) -> None:
    assert Counter((one.status, one.phase, one.reason) for one in told) == {
        (Status.DELIVERED, Phase.DONE, Reason.NONE): 92,
        (Status.SENT, Phase.DONE, Reason.NONE): 3,
        (Status.UNDELIVERED, Phase.DONE, Reason.UNREACHED): 8,
        (Status.FAILED, Phase.DONE, Reason.INVALID_NUMBER): 7,
        (Status.FAILED, Phase.DONE, Reason.OPT_OUT): 3,
        (Status.FAILED, Phase.DONE, Reason.CANCELLED): 2,
        (Status.FAILED, Phase.DONE, Reason.EXPIRED): 1,
        (Status.QUEUED, Phase.UNKNOWN, Reason.TIMED_OUT): 2,
        (Status.QUEUED, Phase.WAITING, Reason.NONE): 2,
    }


def test_the_times_of_a_message_follow_one_another_in_the_last_two_weeks(told: Sequence[Message]) -> None:
    now = timezone.now()
    for one in told:
        times = [one.received_at, one.first_attempt_at, one.sent_at, one.final_at]
        known = [moment for moment in times if moment is not None]
        assert known == sorted(known)
        assert now - timedelta(days=15) < known[0] <= known[-1] < now
        assert one.day == one.received_at.astimezone(one.portal.zone).date()
    assert [one.received_at for one in told] == sorted(one.received_at for one in told)


def test_the_tallies_count_what_the_messages_say(told: Sequence[Message]) -> None:
    ended = Message.objects.exclude(status=Status.QUEUED)
    assert DayTally.objects.aggregate(Sum("messages"), Sum("money")) == {
        "messages__sum": ended.count(),
        "money__sum": ended.aggregate(Sum("price"))["price__sum"],
    }
    by_day = DayTally.objects.values_list("day").annotate(Sum("messages"))
    assert dict(by_day) == Counter(one.day for one in told if one.status != Status.QUEUED)
    assert {one.price for one in told if one.parts == 1} == {Decimal("0.0079")}


def test_the_breakdowns_count_them_too_and_delivery_takes_its_time(told: Sequence[Message]) -> None:
    ended = [one for one in told if one.status != Status.QUEUED]
    by_source = DayBreakdown.objects.filter(dimension=Dimension.SOURCE)
    assert by_source.aggregate(all=Sum("messages"))["all"] == len(ended)
    took = by_source.aggregate(*(Sum(name) for name in TOOK))
    assert sum(took.values()) == sum(one.status == Status.DELIVERED for one in ended)
    assert len([count for count in took.values() if count]) > 2
    latest = DayTally.objects.filter(messages__gt=0).values_list("last_at", flat=True)
    assert all(at is not None and at < timezone.now() for at in latest)


def test_nothing_is_due_but_what_waits_for_its_next_try(told: Sequence[Message]) -> None:
    assert sweep.push_long_waits() == 0
    assert not sweep.to_drain()
    assert not sweep.to_poll()
    assert not sweep.to_push()
    assert not sweep.reports_are_due()
    waiting = Message.objects.filter(phase=Phase.WAITING)
    assert {(one.wait, one.to[-2:]) for one in waiting} == {(Wait.RETRY, "99")}
    assert all(one.due_at and timezone.now() < one.due_at < one.expires_at for one in waiting)
    assert Connection.objects.get().breaker_until is None


def test_only_numbers_of_nobody_are_written_to(told: Sequence[Message]) -> None:
    assert not Message.objects.exclude(Q(to__regex=NOBODYS) | Q(to="")).exists()
    assert Message.objects.filter(to="").count() == 4  # three unreadable ones, and one that came too late


def test_conversations_and_reports_belong_to_their_messages(told: Sequence[Message]) -> None:
    assert DeliveryReport.objects.filter(message=None).count() == 0
    assert DeliveryReport.objects.count() == 100
    spoken = Exchange.objects.exclude(message_id=None)
    assert Counter(spoken.values_list("message_id", flat=True)) == {
        one.pk: one.attempts for one in told if one.attempts
    }
    assert not spoken.filter(at__gt=timezone.now()).exists()


def test_the_second_time_nothing_is_done(told: Sequence[Message], live: Portal, alpha: SandboxPortal) -> None:
    assert seed() == f"{live} has an account already and stays as it is.\n"
    assert Message.objects.count() == 120
    assert len(alpha.state.senders) == 1


def test_the_same_story_is_told_everywhere(told: Sequence[Message], live: Portal) -> None:
    first = [(one.message_id, one.to, one.text) for one in told]
    texts = {text for _id, _to, text in first}
    assert (len(texts), sum("Марлоу" in text for text in texts)) == (88, 15)
    live.messages.all().delete()
    Sender.objects.all().delete()
    Connection.objects.all().delete()
    seed()
    assert sorted(Message.objects.values_list("message_id", "to", "text")) == sorted(first)


def test_the_hour_moves_moments_and_changes_no_word() -> None:
    zone, noon = ZoneInfo("UTC"), datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    stories = [plan_messages(Random(1), now, zone) for now in (noon, noon + timedelta(hours=7, minutes=50))]  # noqa: S311 - as there
    first, second = ({(one.message_id, one.to, one.text) for one in story} for story in stories)
    assert first == second
    assert [one.message_id for one in stories[0]] != [one.message_id for one in stories[1]]


def test_a_portal_that_cannot_be_asked_is_furnished_all_the_same(development: None, db: None) -> None:
    factories.portal()
    seed()
    assert Sender.objects.get().state == SenderState.REGISTERING
    assert Message.objects.count() == 120


def test_the_shop_of_the_pictures_has_three_accounts(development: None, live: Portal, alpha: SandboxPortal) -> None:
    said = StringIO()
    call_command("seed_demo", shop="http://127.0.0.1:1", stdout=said)
    assert said.getvalue() == f"{live} has three accounts and {Message.objects.count()} messages.\n"
    assert sorted(Connection.objects.values_list("service", "state")) == [
        ("twilio", ConnectionState.ACTIVE),
        ("vonage", ConnectionState.BLOCKED),
        ("whatsapp", ConnectionState.ACTIVE),
    ]
    assert [sender.state for sender in Sender.objects.all()] == [SenderState.REGISTERED] * 4
    assert set(Message.objects.values_list("author_id", flat=True)) == {0, 1, 2, 7}


def test_it_is_refused_in_production(live: Portal) -> None:
    with pytest.raises(CommandError, match="for development"):
        seed()
    assert not Connection.objects.exists()


def test_a_number_is_greeted_by_one_name_and_those_of_a_card_by_its_own() -> None:
    planned = plan_messages(Random(7), datetime(2026, 11, 20, 12, tzinfo=UTC), ZoneInfo("UTC"), times=40)  # noqa: S311
    to_emma = [one.text for one in planned if one.to == "+12025550142"]
    assert to_emma
    assert not any(name in text for text in to_emma for name in ("Hannah", "Ingrid", "Olivia", "Felix"))
    assert any("Emma" in text for text in to_emma)
