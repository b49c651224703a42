"""What broke, as far as anybody wrote it down: our processes' logs and PostgreSQL's."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.chaos.event_log import Event
from tests.chaos.evidence import LogLine

# What a process says while a store is away, or comes back: the words of Django, psycopg, redis and kombu.
OF_STORES = {
    "OperationalError", "InterfaceError", "InternalError", "AdminShutdown", "CrashShutdown", "CannotConnectNow",
    "ConnectionError", "TimeoutError", "ConnectionRefusedError", "ConnectionResetError", "BrokenPipeError",
    "BusyLoadingError", "FileNotFoundError",
}  # fmt: skip
OF_QUEUE = ("celery.bootsteps", "celery.worker.consumer", "celery.beat")  # loggers that tell of a broker that went away
STORES = ("redis lost", "postgresql")
LINGERS = 15.0  # seconds after a store has come back


def read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """All lines of the logs, those that are no JSON as `event` at level `raw`; `process` says whose they are."""
    return [line for path in paths for line in _lines(path)]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    at = 0.0
    for text in path.read_text(errors="replace").splitlines():
        try:
            line = json.loads(text)
            at = datetime.fromisoformat(line["timestamp"]).timestamp()
        except (ValueError, KeyError, TypeError):
            line = {"event": text, "level": "raw"}
        yield {**line, "at_time": at, "process": path.stem}


def broken(lines: Iterable[dict[str, Any]], events: Sequence[Event]) -> list[LogLine]:
    """Return the lines about failures that no outage of a store explains."""
    found = []
    for line in lines:
        words, level = str(line["event"]), str(line.get("level"))
        if level in {"error", "critical"} or "Traceback" in words:
            logger, error = str(line.get("logger", "")), str(line.get("error", ""))
            one = LogLine(line["process"], line["at_time"], logger, words, error, json.dumps(line))
            if not _expected(one, events):
                found.append(one)
    return found


def _expected(line: LogLine, events: Sequence[Event]) -> bool:
    away = any(event.kind.startswith(STORES) and event.covers(line.at, 2.0, LINGERS) for event in events)
    return away and (line.error in OF_STORES or line.event in OF_STORES or line.logger.startswith(OF_QUEUE))


def repeated(lines: Iterable[dict[str, Any]]) -> int:
    """How many deadlocks were repeated."""
    return sum(line["event"] == "deadlock_retried" for line in lines)


def deadlocks(log: Path) -> list[str]:
    """PostgreSQL's own words about each."""
    return [line for line in log.read_text(errors="replace").splitlines() if "deadlock detected" in line]
