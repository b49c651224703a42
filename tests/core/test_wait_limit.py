"""Limits on waiting: none for workers, one for each answer and one for all answers of a request."""

import time

import pytest

from b24app.core.wait_limit import limit_waiting, seconds_left, shorten_timeout


def test_without_a_limit_everybody_waits_as_they_would() -> None:
    assert (shorten_timeout(20), seconds_left()) == (20, None)


def test_one_answer_and_all_of_them_are_limited() -> None:
    with limit_waiting(each=5, total=7):
        assert shorten_timeout(20) == 5
        assert shorten_timeout(2) == 2
        assert seconds_left() == pytest.approx(7, abs=0.5)
    assert shorten_timeout(20) == 20


def test_a_limit_within_another_is_its_own_and_ends_with_it() -> None:
    with limit_waiting(each=5, total=8):
        with limit_waiting(each=10, total=60):
            assert shorten_timeout(20) == pytest.approx(8, abs=0.5)
        assert shorten_timeout(20) == 5


def test_when_the_time_is_up_nothing_is_waited_for() -> None:
    with limit_waiting(each=5, total=0.01):
        time.sleep(0.05)
        assert (shorten_timeout(20), seconds_left()) == (0, 0)
