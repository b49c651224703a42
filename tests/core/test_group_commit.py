"""Items that arrive during a write are written together; a single item is written at once."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction

from b24app.core.group_commit import GroupCommit

PATIENCE = 60.0  # seconds


class Slow:
    """A write that blocks until it is released; the outcome of a number is its double."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began, self.go = threading.Event(), threading.Event()
        self.together = GroupCommit(self.write)

    def write(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.began.set()
        assert self.go.wait(PATIENCE)
        if -1 in items:
            raise ValueError("no such number")
        return [2 * item for item in items]

    def wait_until(self, waiting: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while len(self.together._pending) < waiting:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_somebody_alone_is_written_at_once() -> None:
    batches: list[list[int]] = []

    def write(items: Sequence[int]) -> Sequence[int]:
        batches.append(list(items))
        return items

    together = GroupCommit(write)
    assert [together.put(1), together.put(2)] == [(1, [1]), (2, [2])]
    assert batches == [[1], [2]]


def test_those_who_come_meanwhile_are_written_in_one_go_and_one_of_them_hears_of_all() -> None:
    slow = Slow()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(slow.together.put, 1)
        assert slow.began.wait(PATIENCE)
        others = [pool.submit(slow.together.put, number) for number in (2, 3, 4)]
        slow.wait_until(waiting=3)
        slow.go.set()
        assert first.result(PATIENCE) == (2, [2])
        found = [other.result(PATIENCE) for other in others]
    assert [outcome for outcome, _ in found] == [4, 6, 8]
    assert sorted(len(written) for _, written in found) == [0, 0, 3]
    assert [sorted(batch) for batch in slow.batches] == [[1], [2, 3, 4]]


def test_a_failure_is_told_to_those_it_concerns_and_to_nobody_else() -> None:
    slow = Slow()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(slow.together.put, 1)
        assert slow.began.wait(PATIENCE)
        failing = [pool.submit(slow.together.put, number) for number in (-1, 2)]
        slow.wait_until(waiting=2)
        slow.go.set()
        assert first.result(PATIENCE)[0] == 2
        for one in failing:
            with pytest.raises(ValueError, match="no such number"):
                one.result(PATIENCE)
    assert slow.together.put(5) == (10, [10])


@pytest.mark.django_db
def test_within_a_transaction_it_is_written_alone_there_and_waits_for_nobody() -> None:
    slow = Slow()
    slow.go.set()
    slow.together._writing = True  # somebody else's write, outside of the transaction
    with transaction.atomic():
        assert slow.together.put(1) == (2, [2])
    assert slow.batches == [[1]]
