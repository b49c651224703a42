"""Quiet hours in the recipient's local time."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from b24app.messaging.actions import pauses
from b24app.messaging.guards import pipeline, quiet_hours
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Origin, Phase, Wait
from tests import factories
from tests.messaging.steps import claim, reload

NIGHT = (time(21), time(9))
WASHINGTON, ALMATY, MOSCOW, SOMEWHERE_IN_RUSSIA = "+12025550147", "+77011234567", "+74951234567", "+79161234567"
HOME = ZoneInfo("Asia/Tokyo")


def ends(number: str, now: datetime, window: tuple[time, time] = NIGHT, home: ZoneInfo = HOME) -> datetime | None:
    return quiet_hours.quiet_until(number, *window, home, now)


def at(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (at(11, 24, 17), None),  # noon in Washington
        (at(11, 25, 1, 59), None),  # 20:59
        (at(11, 25, 2), at(11, 25, 14)),  # 21:00 until 9:00
        (at(11, 25, 13, 59), at(11, 25, 14)),  # 8:59
        (at(11, 25, 14), None),  # 9:00
    ],
)
def test_quiet_hours_are_in_the_recipients_time(now: datetime, end: datetime | None) -> None:
    assert ends(WASHINGTON, now) == end


def test_a_window_within_a_day_is_quiet_only_in_it() -> None:
    siesta = (time(13), time(15))
    assert ends(MOSCOW, at(11, 24, 9, 59), siesta) is None
    assert ends(MOSCOW, at(11, 24, 10), siesta) == at(11, 24, 12)
    assert ends(MOSCOW, at(11, 24, 12), siesta) is None


def test_equal_ends_are_no_quiet_hours() -> None:
    assert ends(WASHINGTON, at(11, 25, 2), (time(9), time(9))) is None


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (at(3, 8, 6, 0), at(3, 8, 13)),  # 1:00 EST, an hour before clocks go forward: 9:00 is EDT
        (at(3, 7, 6, 0), at(3, 7, 14)),  # the night before
        (at(11, 1, 5, 30), at(11, 1, 14)),  # 1:30 EDT, before clocks go back: 9:00 is EST
    ],
)
def test_the_end_moves_with_the_clocks(now: datetime, end: datetime) -> None:
    assert ends(WASHINGTON, now) == end


def test_an_end_that_the_clock_leaves_out_is_when_it_has_jumped() -> None:
    assert ends(WASHINGTON, at(3, 8, 6), (time(21), time(2, 30))) == at(3, 8, 7, 30)  # 3:30 EDT


def test_an_end_that_comes_twice_lies_ahead_both_times() -> None:
    window = (time(21), time(1, 30))
    assert ends(WASHINGTON, at(11, 1, 5, 10), window) == at(11, 1, 5, 30)  # 1:10 EDT until 1:30 EDT
    assert ends(WASHINGTON, at(11, 1, 6, 10), window) == at(11, 1, 6, 30)  # 1:10 EST until 1:30 EST


def test_a_number_that_may_be_anywhere_in_its_country_waits_until_it_is_day_in_all_of_it() -> None:
    # 9:00 in Kaliningrad is 7:00 UTC; 21:00 in Kamchatka is 9:00 UTC.
    assert ends(SOMEWHERE_IN_RUSSIA, at(11, 24, 8)) is None
    assert ends(SOMEWHERE_IN_RUSSIA, at(11, 24, 9)) == at(11, 25, 7)
    assert ends(SOMEWHERE_IN_RUSSIA, at(11, 24, 6)) == at(11, 24, 7)


def test_a_country_that_shares_its_code_with_a_wider_one_has_its_own_time() -> None:
    assert ends(ALMATY, at(11, 24, 12)) is None  # 17:00 in Kazakhstan, past midnight in Kamchatka
    assert ends(ALMATY, at(11, 24, 16)) == at(11, 25, 4)


def test_an_unknown_place_has_the_portals_time() -> None:
    assert quiet_hours.zones_of("+88213000000") == []
    assert ends("+88213000000", at(11, 24, 12)) == at(11, 25, 0)  # 21:00 in Tokyo
    assert ends("not a number", at(11, 24, 11)) is None


def test_a_country_that_is_always_quiet_somewhere_has_the_portals_time() -> None:
    long_night = (time(18), time(10))
    assert ends(SOMEWHERE_IN_RUSSIA, at(11, 24, 2), long_night) is None  # 11:00 in Tokyo
    assert ends(SOMEWHERE_IN_RUSSIA, at(11, 24, 10), long_night) == at(11, 25, 1)


# -- in the sieve -----------------------------------------------------------------------------------------------------


def quiet_now(sender: Sender) -> datetime:
    """Rules that make it quiet in Washington now; answers when that ends."""
    here = timezone.now().astimezone(ZoneInfo("America/New_York"))
    end = (here + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    factories.rules(sender.portal, quiet_from=(here - timedelta(hours=1)).time(), quiet_until=end.time())
    return end


@pytest.fixture
def news(front: Sender) -> Sender:
    """Return a sender that is not for what people wait for."""
    Sender.objects.filter(pk=front.pk).update(transactional=False)
    return front


@pytest.mark.django_db
def test_what_is_not_urgent_waits_for_the_end_of_the_night(news: Sender) -> None:
    end = quiet_now(news)
    message = factories.message(news, to=WASHINGTON)
    assert pipeline.apply_guards(claim(message)) == []
    reload(message)
    assert (message.phase, message.wait, message.due_at) == (Phase.WAITING, Wait.QUIET_HOURS, end)
    assert (message.attempts, message.first_attempt_at, message.push_at) == (0, None, None)


@pytest.mark.django_db
def test_a_message_that_expires_before_the_morning_is_due_when_it_does(news: Sender) -> None:
    quiet_now(news)
    soon = timezone.now() + timedelta(minutes=20)
    message = factories.message(news, to=WASHINGTON, expires_at=soon)
    assert pipeline.apply_guards(claim(message)) == []
    assert reload(message).due_at == soon


@pytest.mark.django_db
def test_transactional_senders_tests_and_repeats_go_at_any_hour(news: Sender) -> None:
    quiet_now(news)
    urgent = factories.message(factories.sender(news.connection), to=WASHINGTON)
    test = factories.message(news, to=WASHINGTON, origin=Origin.TEST, message_id=None)
    until = timezone.now() + timedelta(minutes=5)
    repeat = factories.message(news, to=WASHINGTON, attempts=1, repeat_until=until)
    going = claim(urgent, test, repeat)
    assert pipeline.apply_guards(going) == going


@pytest.mark.django_db
def test_turning_quiet_hours_off_releases_what_they_held(news: Sender) -> None:
    quiet_now(news)
    message = factories.message(news, to=WASHINGTON)
    pipeline.apply_guards(claim(message))
    news.portal.rules.delete()
    assert pauses.reconsider_waiting(news.portal) == 1
    assert pipeline.apply_guards(claim(reload(message))) == [message]
    assert Message.objects.get().phase == Phase.ON_WIRE
