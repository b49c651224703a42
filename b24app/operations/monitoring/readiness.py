"""Whether this process works: what /readyz says.

A process is ready while a handler call that reaches it can be kept. So it stays ready while the database is away, as
long as its disk has room; taking it out then would lose calls that it could have kept. It is not ready where it could
do harm or lose calls while another one might not: the schema is older than the code, its keys do not open what the
installation sealed, nothing can be written to its disk, or neither the database nor the disk takes anything.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from b24app.core.monitoring import metrics

OK, UNKNOWN = "ok", "not known yet"
ANSWERS_WITHIN = 1.0  # seconds; a database that takes longer counts as away
FULL_FROM = 0.8  # of the disk's share for records
STALE_AFTER = 60.0  # seconds
REQUIRED = ("schema", "keys", "spool")


@dataclass(frozen=True, slots=True)
class Checks:
    """The outcome of the checks of one turn: OK, UNKNOWN or what is wrong, in words."""

    database: str = UNKNOWN
    schema: str = UNKNOWN
    keys: str = UNKNOWN
    spool: str = UNKNOWN
    room: str = UNKNOWN  # on the disk
    sweep_age: float | None = None  # seconds; told, but of no consequence
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the process is ready, and each check by its name."""

    is_ready: bool
    checks: Mapping[str, str]
    sweep_age: float | None


def judge_checks(checks: Checks, *, asking_since: float | None = None) -> Readiness:
    """Return whether a process with these checks is ready; `asking_since`: the database has not answered since then.

    What could not be found out yet, because the database has been away since the start, is no reason against it.
    """
    now = time.monotonic()
    outcome = {name: str(getattr(checks, name)) for name in ("database", "schema", "keys", "spool", "room")}
    if asking_since is not None and now - asking_since > ANSWERS_WITHIN:
        outcome["database"] = f"no answer for {now - asking_since:.0f} s"
    elif now - checks.at > STALE_AFTER:
        outcome["database"] = f"not asked for {now - checks.at:.0f} s"
    has_required = all(outcome[name] in (OK, UNKNOWN) for name in REQUIRED) and outcome["spool"] == OK
    keeps_calls = OK in (outcome["database"], outcome["room"])
    return Readiness(has_required and keeps_calls, outcome, checks.sweep_age)


def show_readiness(readiness: Readiness) -> None:
    """Set the gauges of the checks."""
    for name, outcome in readiness.checks.items():
        metrics.CHECKS.labels(name).set(outcome == OK)
    metrics.READY.set(readiness.is_ready)
