"""Reading logs: what a store's absence explains is expected, all else that broke is not."""

import json
from pathlib import Path

from tests.chaos import logs
from tests.chaos.event_log import Event

AT = "2026-11-24T10:00:00Z"
AWAY = Event(1, "postgresql restarted", {}, begun=1795514395.0, healed=1795514401.0)  # around AT


def log(folder: Path, *lines: object) -> Path:
    path = folder / "worker-a-1.log"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return path


def line(**changes: str) -> dict[str, str]:
    return {"event": "OperationalError", "level": "error", "timestamp": AT, "error": "OperationalError", **changes}


def test_a_broken_connection_is_expected_while_the_store_is_away(tmp_path: Path) -> None:
    lines = logs.read([log(tmp_path, line())])
    assert logs.broken(lines, [AWAY]) == []
    assert [one.error for one in logs.broken(lines, [])] == ["OperationalError"]


def test_another_error_is_a_finding_even_then(tmp_path: Path) -> None:
    lines = logs.read([log(tmp_path, line(error="KeyError", event="x"), line(level="info", error=""))])
    [found] = logs.broken(lines, [AWAY])
    assert (found.process, found.error) == ("worker-a-1", "KeyError")


def test_a_traceback_that_no_logger_wrote_is_found(tmp_path: Path) -> None:
    lines = logs.read([log(tmp_path, line(level="info", error=""), "Traceback (most recent call last):", "  File")])
    assert [one.event for one in logs.broken(lines, [])] == ["Traceback (most recent call last):"]


def test_deadlocks_and_their_repeats_are_counted(tmp_path: Path) -> None:
    lines = logs.read([log(tmp_path, {"event": "deadlock_retried", "level": "warning", "timestamp": AT})])
    assert logs.repeated(lines) == 1
    postgres = tmp_path / "postgres.log"
    postgres.write_text("LOG: ready\nERROR:  deadlock detected\n")
    assert logs.deadlocks(postgres) == ["ERROR:  deadlock detected"]
