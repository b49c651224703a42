"""What operations see of the spool, and how they try again what was set aside."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from b24app.core import spool


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> None:
    settings.SPOOL_DIR, settings.SPOOL_MAX_MB = tmp_path / "spool", 64


def told(*arguments: str) -> tuple[list[str], int]:
    """Its lines without the ages, and the code it ends with."""
    out, code = StringIO(), 0
    try:
        call_command("spool", *arguments, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return [line.partition(", the oldest")[0] for line in out.getvalue().splitlines()], code


def test_an_empty_spool_is_nothing_to_worry_about() -> None:
    assert told() == (["waiting: nothing", "set aside: nothing", "room: 0.0 of 64 MB used"], 0)


def test_counts_are_by_kind_and_what_was_set_aside_is_a_failure() -> None:
    spool.put_record("riddle", {})
    spool.replay_records({})
    for kind in ("wish", "report", "wish"):
        spool.put_record(kind, {"text": "secret"})
    lines, code = told()
    assert lines[:2] == ["waiting: 3 (2 wish, 1 report)", "set aside: 1 (1 riddle)"]
    assert code == 1


def test_what_was_set_aside_can_be_tried_again() -> None:
    spool.put_record("riddle", {})
    spool.replay_records({})
    lines, code = told("--again")
    assert lines[0] == "1 records wait again."
    assert (lines[1:3], code) == (["waiting: 1 (1 riddle)", "set aside: nothing"], 0)
    assert len(spool.waiting_records()) == 1


def make_older(folder: Path, *, seconds: int) -> None:
    """Let every record in a folder have come so much earlier."""
    for path in folder.glob("0*-*"):
        at, _, rest = path.name.partition("-")
        path.rename(folder / f"{int(at) - seconds * 10**9:020d}-{rest}")


def test_what_waits_for_a_minute_is_a_failure(settings: Settings) -> None:
    spool.put_record("wish", {})
    make_older(settings.SPOOL_DIR, seconds=50)
    assert told()[1] == 0
    make_older(settings.SPOOL_DIR, seconds=20)
    lines, code = told()
    assert (lines[0], code) == ("waiting: 1 (1 wish)", 1)
