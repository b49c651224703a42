"""A worker that is asked to stop in the middle of its work strands nothing."""

import time
from itertools import count

import psycopg
import pytest

from tests.faults.house import House, wait

pytestmark = pytest.mark.long

_numbers = count(100)


def number() -> str:
    return f"+1202555{next(_numbers) % 90 + 100:04d}"


def phases(house: House) -> dict[str, int]:
    return dict(house.sql("SELECT phase, count(*) FROM messaging_message GROUP BY phase"))


def test_a_claim_that_is_answered_after_the_main_thread_has_ended_strands_nothing(house: House) -> None:
    """Python lets nobody start a flight by then: what was claimed stayed on the wire, unsent, and became unknown."""
    house.sql("UPDATE messaging_connection SET rate = 5")
    numbers = [number() for _ in range(40)]
    messages = [house.send(to) for to in numbers]
    wait(lambda: len(house.ledger()) >= 5, 15, lambda: str(phases(house)))
    with psycopg.connect(house.database.url) as locking:
        # The worker's next claim waits for this, which is what a slow database looks like.
        locking.execute("LOCK TABLE messaging_message IN ACCESS EXCLUSIVE MODE")
        house.run.supervisor.request_stop("worker")
        time.sleep(2.0)
    wait(lambda: house.run.supervisor.has_ended("worker"), 20)
    assert set(phases(house)) <= {"waiting", "done"}
    house.worker()
    house.all_delivered(messages, 30)
    assert sorted(entry["to"] for entry in house.ledger()) == sorted(numbers)
