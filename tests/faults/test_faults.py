"""Parts of the running application are killed, stopped and flushed; the books must balance afterwards."""

import os
import threading
import time
from itertools import count
from urllib.parse import urljoin

import pytest

from b24app.operations.local import visitor
from tests.faults.house import House, wait

pytestmark = pytest.mark.long

# `FAULT_SECONDS=60 pytest tests/faults` is the full length.
OUTAGE = float(os.environ.get("FAULT_SECONDS", "6"))

_numbers = count(100)


def number() -> str:
    """Return a number of the fiction range whose last digits mean nothing to the sandbox."""
    return f"+1202555{next(_numbers) % 90 + 100:04d}"


def test_a_worker_killed_after_acceptance_leaves_an_unknown_outcome_and_never_a_second_send(house: House) -> None:
    to = number()
    house.service(hold=1, hold_seconds=10.0, drop_reports=True)  # a report would prove the acceptance
    message = house.send(to)
    wait(lambda: len(house.accepted(to)) == 1, 15)
    house.run.supervisor.crash("worker")
    house.leases_run_out()
    house.worker()
    wait(lambda: house.phase(message) == "unknown", 30, lambda: house.phase(message))
    time.sleep(2)
    assert len(house.accepted(to)) == 1


def test_an_unknown_outcome_is_shown_with_its_two_ways_out(house: House) -> None:
    [(reference,)] = house.sql("SELECT reference FROM messaging_message WHERE phase = 'unknown'")
    alice, home = house.open()
    page = alice.get(urljoin(home.url, f"journal/{reference}/"))
    assert "Unknown" in page.text
    assert f"journal/{reference}/resend/" in page.text
    assert f"journal/{reference}/mark-sent/" in page.text


def test_a_worker_killed_after_acceptance_sends_again_where_the_service_recognises_it(house: House) -> None:
    code, to = house.connect_gateway(), number()
    house.service(hold=1, hold_seconds=10.0, delay=600.0)  # no report proves the acceptance before the repeat does
    message = house.send(to, code)
    wait(lambda: len(house.accepted(to)) == 1, 15)
    house.run.supervisor.crash("worker")
    house.leases_run_out()
    house.worker()
    wait(lambda: house.phase(message) == "done", 45, lambda: house.phase(message))
    [entry] = house.accepted(to)
    assert (entry["asked"], house.statuses([message])) == (2, {"sent"})


def test_redis_flushed_while_messages_wait_costs_seconds(house: House) -> None:
    house.run.supervisor.crash("worker")
    numbers = [number() for _ in range(20)]
    messages = [house.send(to) for to in numbers]
    wait(lambda: all(house.phase(one) == "waiting" for one in messages), 15)
    house.flush()
    house.worker()
    house.all_delivered(messages, 60)
    assert all(len(house.accepted(to)) == 1 for to in set(numbers))


def test_redis_flushed_under_a_running_worker_does_not_deafen_it(house: House) -> None:
    house.flush()
    messages = [house.send(number()) for _ in range(5)]
    house.all_delivered(messages, 60)


def test_without_beat_messages_retries_and_pushes_still_flow(house: House) -> None:
    house.run.supervisor.crash("beat")
    house.service(throttle=3)
    house.flush()  # nobody remembers a sweep, nor any ring
    messages = [house.send(number()) for _ in range(5)]
    house.all_delivered(messages, 90)
    house.beat()


def test_postgresql_away_under_a_trickle_loses_nothing_and_doubles_nothing(house: House) -> None:
    house.service(delay=1.0)
    alice, home = house.open()
    numbers: list[str] = []
    messages: list[str] = []
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.4):
            numbers.append(number())
            messages.append(house.send(numbers[-1]))

    writer = threading.Thread(target=trickle)
    writer.start()
    time.sleep(2)
    house.database.stop()
    resting = visitor.fetch_page("GET", home.url, headers={"Accept-Language": "en"})
    assert (resting.status, "New messages are saved" in resting.text) == (503, True)
    time.sleep(OUTAGE)
    house.database.start()
    time.sleep(2)
    stop.set()
    writer.join()
    house.all_delivered(messages, 120)
    found = house.messages()
    assert {call["status"] for one in messages for call in found[one]["calls"]} == {200}
    assert len(house.ledger()) >= len(messages)
    assert all(house.phase(one) == "done" for one in messages)
    assert [entry["to"] for entry in house.ledger() if entry["accepted"] > 1] == []
    reports = {report["status"] for entry in house.ledger() if entry["to"] in numbers for report in entry["reports"]}
    assert reports == {200}
    assert "Sendline demo" in alice.get(home.url).text


@pytest.fixture(autouse=True)
def _calm(house: House) -> None:
    house.service(hold=0, throttle=0, drop_reports=False, delay=0.2)
