"""No check holds up the others, whatever it meets."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from django.db import OperationalError

from b24app.operations.doctor.clock import compare_clocks
from b24app.operations.doctor.findings import Check, Finding, Level, ok, warning
from b24app.operations.doctor.runner import exit_code, run_checks
from b24app.operations.doctor.spool_disk import find_filesystem


def test_a_check_that_hangs_and_one_that_raises_are_lines() -> None:
    never = Event()

    def hang() -> Iterator[Finding]:
        never.wait(20)
        yield ok("too late")

    def break_halfway() -> Iterator[Finding]:
        yield ok("so far")
        raise ValueError("hunter2")

    checks = [
        Check("hanging", hang, seconds=0.2),
        Check("breaking", break_halfway),
        Check("good", lambda: [ok("well")]),
    ]
    started = time.monotonic()
    found = [(check.name, [str(one) for one in findings]) for check, findings in run_checks(checks)]
    never.set()
    assert time.monotonic() - started < 5
    assert found == [
        ("hanging", ["This did not end within 0 s. See whether what it asks answers."]),
        ("breaking", ["so far", "This could not be checked (ValueError). See the log of what it asks."]),
        ("good", ["well"]),
    ]


def test_a_store_that_is_away_is_one_line() -> None:
    def fail() -> Iterator[Finding]:
        raise OperationalError("password hunter2")
        yield ok("never")

    checks = [Check("one", fail, store="DATABASE_URL"), Check("other", fail, store="DATABASE_URL")]
    found = [(check.name, [str(one) for one in findings]) for check, findings in run_checks(checks)]
    away = "What DATABASE_URL leads to does not answer. See whether it runs, and the address."
    assert found == [("one", [away]), ("other", [])]


def test_the_exit_code_is_that_of_the_worst() -> None:
    assert exit_code([]) == 0
    assert exit_code([ok("a"), warning("b", "c")]) == 1


@pytest.mark.parametrize(
    ("theirs", "level"),
    [(1000.5, Level.OK), (998.5, Level.OK), (1004.5, Level.WARNING), (960.0, Level.ERROR), (1180.0, Level.ERROR)],
)
def test_a_clock_is_compared_with_the_way_of_its_answer_in_mind(theirs: float, level: Level) -> None:
    assert compare_clocks("Redis", theirs, 1000.0, 1001.0).level is level


MOUNTS = """\
27 1 254:0 / / rw,relatime - overlay overlay rw
30 27 254:1 / /var/lib rw,relatime shared:1 - ext4 /dev/vdb rw
31 27 0:27 / /var/lib/sendline\\040spool rw - tmpfs tmpfs rw
32 27 0:28 / /srv rw - tmpfs tmpfs rw
33 27 0:29 / /srv rw - nfs4 nas:/srv rw
"""


def test_the_disk_of_a_folder_is_the_innermost_and_of_two_the_later(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    kinds = {
        path: find_filesystem(Path(path), tmp_path / "mounts")
        for path in ("/opt/spool", "/var/lib/sendline/spool", "/var/lib/sendline spool/a", "/srv/spool")
    }
    assert list(kinds.values()) == ["overlay", "ext4", "tmpfs", "nfs4"]
    assert find_filesystem(Path("/srv"), tmp_path / "none") == ""
