"""Work on slow peers keeps to a few places, and many that are off at once are found out within seconds."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from b24app.core import bulkhead, wait_limit
from b24app.core.bulkhead import Bulkhead

SLOW = 0.1  # seconds


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a visit be slow after moments."""
    monkeypatch.setattr(bulkhead, "SLOW_AFTER", 0.08)


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def visit(places: Bulkhead, peer: str, seconds: float = 0.0, *, answers: bool = True) -> bool:
    with places.place(peer, can_hurry=True) as is_free:
        if is_free:
            time.sleep(seconds)
            if answers:
                bulkhead.note_answer()
        return is_free


def test_slow_peers_share_their_places(held: ExitStack) -> None:
    places = Bulkhead(slow=2)
    for peer in "abc":
        assert visit(places, peer, SLOW)

    assert [held.enter_context(places.place(peer)) for peer in "abc"] == [True, True, False]


def test_a_peer_that_is_quick_again_is_slow_no_more(held: ExitStack) -> None:
    places = Bulkhead(slow=1)
    assert visit(places, "a", SLOW)
    assert visit(places, "a")

    assert [held.enter_context(places.place("a", can_hurry=True)) for _ in range(3)] == [True, True, True]


@pytest.mark.parametrize("can_hurry", [True, False])
def test_a_visit_that_asked_nobody_tells_nothing(held: ExitStack, can_hurry: bool) -> None:
    places = Bulkhead(slow=1)
    assert visit(places, "off", SLOW, answers=False)
    with places.place("off", can_hurry=can_hurry) as is_free:
        assert is_free

    assert held.enter_context(places.place("off", can_hurry=True))
    assert not held.enter_context(places.place("off", can_hurry=True))


def test_a_peer_whose_answers_nobody_notes_is_judged_by_its_time(held: ExitStack) -> None:
    places = Bulkhead(slow=1)
    assert visit(places, "service", SLOW)
    with places.place("service", is_noted=False) as is_free:
        assert is_free

    assert [held.enter_context(places.place("service", is_noted=False)) for _ in range(2)] == [True, True]


def test_peers_that_have_just_answered_find_a_place_whoever_is_waited_for(held: ExitStack) -> None:
    places = Bulkhead(patient=3, hurried=8)
    assert visit(places, "here")
    waited_for = [held.enter_context(places.place(f"off {number}", can_hurry=True)) for number in range(50)]

    assert waited_for == [True] * 11 + [False] * 39
    assert [held.enter_context(places.place("here", can_hurry=True)) for _ in range(2)] == [True, True]


def test_of_many_unknown_peers_only_the_first_are_waited_for_long() -> None:
    places = Bulkhead(patient=1, hurried=1)
    with places.place("first", can_hurry=True) as first:
        assert first
        assert wait_limit.shorten_timeout(20) == 20
        with places.place("second", can_hurry=True) as second:
            assert second
            assert wait_limit.shorten_timeout(20) <= bulkhead.HURRIED_SECONDS
        with places.place("third", can_hurry=False) as third:  # what must not be hurried is not
            assert third
            assert wait_limit.shorten_timeout(20) == 20


def test_a_peer_that_has_just_answered_gets_a_multiple_of_its_usual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulkhead, "SLOW_AFTER", 8.0)
    monkeypatch.setattr(bulkhead, "HURRIED_SECONDS", 0.1)
    places = Bulkhead(patient=0, hurried=1)
    assert visit(places, "quick")
    assert visit(places, "steady", 0.06)
    with places.place("quick", can_hurry=True):
        assert wait_limit.shorten_timeout(20) == 0.1
    with places.place("steady", can_hurry=True):
        assert 0.24 <= wait_limit.shorten_timeout(20) < 1.0


def test_who_did_not_answer_in_a_hurry_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulkhead, "HURRIED_SECONDS", 0.03)
    places = Bulkhead(slow=0, patient=0, hurried=1)
    assert visit(places, "here", 0.04)
    assert visit(places, "off", 0.04, answers=False)

    assert visit(places, "here")
    assert not visit(places, "off")


def test_places_are_given_back_by_threads_that_raise() -> None:
    places = Bulkhead(patient=1)

    def fail() -> None:
        with pytest.raises(ValueError, match="x"), places.place("a"):
            raise ValueError("x")

    threads = [threading.Thread(target=fail) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    assert visit(places, "b", 0)
