"""What operations see of the spool, and how they try again what was set aside."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from b24app.core import sealing, spool
from tests.commands import run_command


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> None:
    settings.SPOOL_DIR, settings.SPOOL_MAX_MB = tmp_path / "spool", 64


def told(*arguments: str) -> tuple[list[str], int]:
    """Its lines without the ages, and the code it ends with."""
    lines, code = run_command("spool", *arguments)
    return [line.partition(", the oldest")[0] for line in lines], code


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


def test_it_says_where_nobody_would_take_up_what_waits(settings: Settings) -> None:
    nobody = "No process of this node runs that would take up what waits."
    spool.put_record("wish", {})
    assert told()[0][-1] == nobody
    with used(settings.SPOOL_DIR):
        assert nobody not in told()[0]


# -- the spool of a node that never returns ----------------------------------------------------------------------------


@contextmanager
def used(folder: Path) -> Iterator[None]:
    """Have a process run that uses this spool."""
    code = "from b24app import wsgi_webhooks; print('ready', flush=True); input()"
    env = {**os.environ, "SPOOL_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "b24app.settings"}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            process.kill()


@pytest.fixture
def gone(settings: Settings, tmp_path: Path) -> Path:
    """Two messages and a report on the disk of another node, and one record that it had set aside."""
    ours, settings.SPOOL_DIR = settings.SPOOL_DIR, tmp_path / "gone"
    spool.put_record("riddle", {})
    spool.replay_records({})
    for kind in ("wish", "report", "wish"):
        spool.put_record(kind, {"kind": kind}, owner="somebody")
    settings.SPOOL_DIR = ours
    return tmp_path / "gone"


def test_the_spool_of_a_node_that_never_returns_is_taken_over(gone: Path) -> None:
    spool.put_record("wish", {"kind": "ours"})
    lines, code = told("--adopt", str(gone))
    assert lines[:3] == [
        f"4 records moved from {gone}, 0 left there.",
        "waiting: 4 (3 wish, 1 report)",
        "set aside: 1 (1 riddle)",
    ]
    assert code == 0
    assert list(gone.glob("0*-*")) == []
    taken: list[object] = []
    assert spool.replay_records({"wish": taken.append, "report": taken.append}) == 4
    assert taken == [{"kind": "wish"}, {"kind": "report"}, {"kind": "wish"}, {"kind": "ours"}]
    assert told("--adopt", str(gone))[0][0] == f"0 records moved from {gone}, 0 left there."


def test_a_run_that_was_stopped_is_finished_by_the_next(gone: Path, settings: Settings) -> None:
    first, *_others = sorted(gone.glob("0*-*"))
    settings.SPOOL_DIR.mkdir(parents=True)
    (settings.SPOOL_DIR / first.name).write_bytes(first.read_bytes())  # moved, and not yet removed there
    assert told("--adopt", str(gone))[1] == 0
    assert len(spool.waiting_records()) == 3


def test_another_record_of_the_same_name_is_kept(gone: Path, settings: Settings) -> None:
    first, *_others = sorted(gone.glob("0*-*"))
    settings.SPOOL_DIR.mkdir(parents=True)
    (settings.SPOOL_DIR / first.name).write_bytes(sealing.seal(b'{"kind": "ours"}'))
    told("--adopt", str(gone))
    assert len(spool.waiting_records()) == 4
    taken: list[object] = []
    spool.replay_records({"wish": taken.append, "report": taken.append})
    assert sorted(str(one) for one in taken) == [
        "{'kind': 'ours'}", "{'kind': 'report'}", "{'kind': 'wish'}", "{'kind': 'wish'}",
    ]  # fmt: skip


def test_what_does_not_fit_stays_where_it_is(gone: Path, settings: Settings) -> None:
    ours, settings.SPOOL_DIR = settings.SPOOL_DIR, gone
    for _ in range(4):
        spool.put_record("wish", {"text": "x" * 200_000})  # 264 KB on disk
    settings.SPOOL_DIR, settings.SPOOL_MAX_MB = ours, 1  # of which 819 KB may be adopted
    lines, code = told("--adopt", str(gone))
    assert (lines[0], code) == (f"6 records moved from {gone}, 2 left there.", 1)
    assert len(list(gone.glob("0*-*"))) == 1
    assert spool.replay_records({"wish": str, "report": str}) == 6
    assert told("--adopt", str(gone))[1] == 0
    assert (len(spool.waiting_records()), len(spool.poisoned_records())) == (1, 1)


def test_files_that_are_no_records_are_left_alone(gone: Path) -> None:
    (gone / ".00000000000000000001-aaaaaaaa.wish").write_text("half written")
    (gone / "notes.txt").write_text("the operator's")
    told("--adopt", str(gone))
    assert (gone / "notes.txt").exists()
    assert len(spool.waiting_records()) == 3


def test_a_folder_that_a_process_uses_is_refused(gone: Path) -> None:
    with used(gone), pytest.raises(CommandError, match="A process uses"):
        told("--adopt", str(gone))
    assert spool.waiting_records() == []
    assert told("--adopt", str(gone))[1] == 0  # its end, however it came, gives the folder free


@pytest.mark.parametrize(("name", "why"), [("spool", "is the spool of this node"), ("nowhere", "There is no folder")])
def test_a_wrong_folder_is_refused(name: str, why: str, tmp_path: Path) -> None:
    spool.put_record("wish", {})
    with pytest.raises(CommandError, match=why):
        told("--adopt", str(tmp_path / name))
    assert len(spool.waiting_records()) == 1
