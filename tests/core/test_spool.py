"""Records wait on the node's disk while the database is unavailable, and are replayed once it is back."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import InternalError, OperationalError
from pytest_django import Settings

from b24app.core import spool


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    settings.SPOOL_DIR = tmp_path / "spool"
    spool._away_until = 0.0
    yield settings.SPOOL_DIR
    spool._away_until = 0.0


def away() -> None:
    raise OperationalError


def test_a_write_that_works_leaves_nothing_on_disk() -> None:
    assert spool.write_or_spool("wish", {"a": 1}, lambda: "done") == "done"
    assert spool.waiting_records() == []


def test_a_write_that_finds_no_database_is_kept_and_replayed() -> None:
    assert spool.write_or_spool("wish", {"a": "ü"}, away) is None
    taken: list[Any] = []
    assert spool.replay_records({"wish": taken.append}) == 1
    assert (taken, spool.waiting_records()) == ([{"a": "ü"}], [])


def test_for_two_seconds_after_a_failure_the_database_is_not_even_tried() -> None:
    spool.write_or_spool("wish", {"a": 1}, away)
    tried: list[int] = []
    spool.write_or_spool("wish", {"a": 2}, lambda: tried.append(1))
    assert (tried, len(spool.waiting_records())) == ([], 2)


def test_records_are_encrypted_and_nobody_elses_to_read(folder: Path) -> None:
    spool.put_record("wish", {"text": "a secret text"})
    [record] = spool.waiting_records()
    assert b"secret" not in record.read_bytes()
    assert (record.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


def test_records_go_in_the_order_they_came() -> None:
    for number in range(5):
        spool.put_record("wish", {"number": number})
    taken: list[Any] = []
    spool.replay_records({"wish": taken.append})
    assert [record["number"] for record in taken] == [0, 1, 2, 3, 4]


def test_replaying_stops_while_the_database_is_still_away_and_keeps_everything() -> None:
    for number in range(3):
        spool.put_record("wish", {"number": number})
    assert spool.replay_records({"wish": lambda _: away()}) == 0
    assert len(spool.waiting_records()) == 3


def test_a_poison_record_is_set_aside_and_the_rest_goes_on() -> None:
    def take(record: Any) -> None:
        if record["number"] == 1:
            raise ValueError

    for number in range(3):
        spool.put_record("wish", {"number": number})
    assert spool.replay_records({"wish": take}) == 2
    assert (spool.waiting_records(), len(spool.poisoned_records())) == ([], 1)


def test_a_record_of_a_kind_nobody_knows_is_set_aside() -> None:
    spool.put_record("riddle", {})
    assert spool.replay_records({}) == 0
    assert len(spool.poisoned_records()) == 1


def test_a_full_spool_says_so_and_keeps_what_it_has(settings: Settings) -> None:
    spool.put_record("wish", {"number": 1})
    settings.SPOOL_MAX_MB = 0
    with pytest.raises(spool.SpoolFull):
        spool.put_record("wish", {"number": 2})
    assert len(spool.waiting_records()) == 1


def test_a_record_half_written_is_not_replayed(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / ".00000000000000000001-aa.wish").write_bytes(json.dumps({}).encode())
    assert spool.waiting_records() == []


def test_records_are_kept_while_others_are_written_and_replayed() -> None:
    taken: list[int] = []
    with ThreadPoolExecutor(6) as pool:
        puts = [pool.submit(spool.put_record, "wish", {"number": number}) for number in range(300)]
        while not all(put.done() for put in puts):
            spool.replay_records({"wish": lambda record: taken.append(record["number"])})
    for put in puts:
        put.result()
    spool.replay_records({"wish": lambda record: taken.append(record["number"])})
    assert sorted(taken) == list(range(300))


def test_a_read_only_database_is_away_too() -> None:
    def read_only() -> None:
        raise InternalError

    assert spool.write_or_spool("wish", {"a": 1}, read_only) is None
    assert spool.replay_records({"wish": lambda _: read_only()}) == 0
    assert (len(spool.waiting_records()), spool.poisoned_records()) == (1, [])


def test_what_was_set_aside_is_tried_again_by_the_next_process() -> None:
    spool.put_record("riddle", {"a": 1})
    spool.replay_records({})
    spool.retry_poisoned()
    taken: list[Any] = []
    assert spool.replay_records({"riddle": taken.append}) == 1
    assert (taken, spool.poisoned_records()) == ([{"a": 1}], [])


def poison(kind: str, size: int, owner: str = "") -> None:
    spool.put_record(kind, {"a": "x" * size}, owner=owner)
    spool.replay_records({})


@pytest.fixture
def small(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a capacity of one megabyte, counted anew."""
    settings.SPOOL_MAX_MB = 1
    monkeypatch.setattr(spool, "_capacity", spool._Capacity())
    monkeypatch.setattr(spool, "COUNT_INTERVAL", 0.0)


@pytest.mark.usefixtures("small")
def test_what_was_set_aside_takes_room_too_but_never_more_than_half() -> None:
    for number in range(10):
        spool.put_record("wish", {"number": number, "a": "x" * 70_000})  # about 94 kB each
        spool.replay_records({})
    assert 400_000 < spool.size_in_bytes() <= 512 * 1024
    for number in range(6):
        spool.put_record("wish", {"number": number, "a": "x" * 70_000})
    with pytest.raises(spool.SpoolFull):
        spool.put_record("wish", {"a": "x" * 70_000})
    assert len(spool.waiting_records()) == 6


@pytest.mark.usefixtures("small")
def test_of_what_was_set_aside_strangers_go_first_then_the_oldest_and_it_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    poison("wish", 10)
    for kind in ("unsigned", "report", "wish", "event", "wish", "claim"):
        poison(kind, 60_000)  # about 80 kB each: six fit into half a megabyte
    assert len(spool.poisoned_records()) == 7
    poison("verdicts", 60_000)
    kinds = [path.suffix[1:] for path in spool.poisoned_records()]
    assert kinds == ["wish", "report", "wish", "event", "wish", "claim", "verdicts"]
    poison("tokens", 60_000)
    kinds = [path.suffix[1:] for path in spool.poisoned_records()]
    assert kinds == ["wish", "event", "wish", "claim", "verdicts", "tokens"]
    assert [one.levelname for one in caplog.records].count("CRITICAL") == 3


@pytest.mark.usefixtures("small")
def test_of_what_was_set_aside_the_owner_of_the_most_loses_the_oldest(caplog: pytest.LogCaptureFixture) -> None:
    poison("wish", 60_000, owner="charlie")
    for kind, owner in (*[("report", "alice")] * 2, *[("tokens", "")] * 3, ("claim", "")):
        poison(kind, 60_000, owner)
    kinds = [path.suffix[1:] for path in spool.poisoned_records()]
    assert kinds == ["wish", "report", "tokens", "tokens", "tokens", "claim"]
    assert [one.levelname for one in caplog.records].count("CRITICAL") == 1


def test_the_name_of_a_record_does_not_tell_whose_it_is() -> None:
    spool.put_record("wish", {}, owner="0c55e1d8bd0c4033b8f91ebf161e09ac")
    assert "0c55e1d8" not in spool.waiting_records()[0].name


def test_strangers_leave_room_for_wishes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SPOOL_MAX_MB = 1
    monkeypatch.setattr(spool, "_capacity", spool._Capacity())
    spool.put_record("unsigned", {"a": "x" * 50_000})
    with pytest.raises(spool.SpoolFull):
        spool.put_record("unsigned", {"a": "x" * 50_000})
    spool.put_record("wish", {"a": "x" * 50_000})
    assert len(spool.waiting_records()) == 2
