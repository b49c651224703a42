"""The thread in which each process watches itself: its disk, its database, its heartbeat, and gauges if it is elected.

Requests for /readyz and /metrics read what it found last, so that no question of a monitor waits for a store.
"""

import atexit
import os
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import replace

import structlog
from django.db import DatabaseError, InterfaceError, connections

from b24app.console.help.releases import VERSION
from b24app.core.monitoring import metrics
from b24app.core.sealing import CannotOpen
from b24app.messaging import enqueue
from b24app.operations import schema
from b24app.operations.monitoring import election, heartbeats, keys, metrics_server
from b24app.operations.monitoring.heartbeats import ProcessIdentity
from b24app.operations.monitoring.readiness import (
    ANSWERS_WITHIN,
    FULL_FROM,
    OK,
    UNKNOWN,
    Checks,
    Readiness,
    judge_checks,
    show_readiness,
)
from b24app.operations.monitoring.spool_state import SpoolState, read_spool, show_spool

log = structlog.get_logger(__name__)

BEAT_EVERY, RETRY_AFTER = 15.0, 3.0  # seconds
STOP_WITHIN = 2.0  # seconds
FIRST_PRUNE_AFTER, PRUNE_EVERY = 600.0, 3600.0  # seconds
LARGE_SKEW = 5.0  # seconds between our clock and the database's: for so long messages may wait, or leave too early
SHOWN = 3  # missing migrations


class Monitor:
    """What one process knows of itself."""

    def __init__(self, identity: ProcessIdentity) -> None:
        self.identity = identity
        self.checks = Checks()
        self.asking_since: float | None = None
        self.is_skewed = False
        self.prune_at = time.monotonic() + FIRST_PRUNE_AFTER
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="monitor", daemon=True)

    def start(self) -> None:
        """Start the thread; it ends with the process."""
        metrics.PROCESS.labels(self.identity.role, VERSION).set(1)
        self._thread.start()

    def readiness(self) -> Readiness:
        """Return whether this process works, by what was found last."""
        return judge_checks(self.checks, asking_since=self.asking_since)

    def finish(self) -> None:
        """Write that the process ends, if that takes no longer than a moment."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN)

    def take_turn(self) -> None:
        """Check everything once, write the heartbeat, and read the gauges if this process is elected."""
        # What was found of the schema and the keys holds while the database cannot be asked.
        found = replace(self.checks, at=time.monotonic(), sweep_age=enqueue.seconds_since_sweep())
        found, state = _check_spool(found)
        started = self.asking_since = time.monotonic()
        try:
            found = self._check_database(found, state, started)
        except (DatabaseError, InterfaceError) as error:
            found = replace(found, database=f"away ({type(error).__name__})")
        finally:
            self.asking_since = None
            self.checks = found
        show_readiness(self.readiness())
        if metrics_server.is_serving():
            election.read_if_elected(self.identity.process, may_stand=found.database == OK)

    def _check_database(self, found: Checks, state: SpoolState, started: float) -> Checks:
        missing = schema.find_pending_migrations()
        if missing:
            names = ", ".join(missing[:SHOWN]) + (" …" if len(missing) > SHOWN else "")
            return replace(found, database=OK, schema=f"{len(missing)} missing: {names}")
        self._note_skew(heartbeats.write_heartbeat(self.identity, state))
        if started >= self.prune_at:
            self.prune_at = started + PRUNE_EVERY
            heartbeats.prune_heartbeats()
        try:
            keys.verify_keys()
        except CannotOpen:
            found = replace(found, keys="cannot open what this installation sealed")
        else:
            found = replace(found, keys=OK)
        took = time.monotonic() - started
        database = OK if took <= ANSWERS_WITHIN else f"answered after {took:.1f} s"
        return replace(found, database=database, schema=OK)

    def _note_skew(self, ahead: float) -> None:
        metrics.CLOCK_AHEAD.set(ahead)
        was_skewed, self.is_skewed = self.is_skewed, abs(ahead) > LARGE_SKEW
        if self.is_skewed and not was_skewed:
            log.error("clock_skewed", seconds_ahead=round(ahead, 1))

    def _watch(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            try:
                self.take_turn()
            except Exception:  # this thread must outlive whatever happens
                log.exception("monitor_failed")
            finally:
                connections.close_all()
            is_well = self.checks.database == OK and self.readiness().is_ready
            pause = BEAT_EVERY if is_well else RETRY_AFTER
        with suppress(DatabaseError, InterfaceError):
            heartbeats.note_stop(self.identity)
        connections.close_all()


def _check_spool(found: Checks) -> tuple[Checks, SpoolState]:
    try:
        state = read_spool()
    except OSError as error:
        return replace(found, spool=f"not writable ({error.strerror or error})", room=UNKNOWN), SpoolState()
    show_spool(state)
    room = OK if state.share < FULL_FROM else f"{state.share:.0%} full"
    return replace(found, spool=OK, room=room), state


class _Process:
    """The process that is watched: a fork inherits this, but not the thread."""

    pid = 0
    monitor: Monitor | None = None


_process = _Process()
_starting = threading.Lock()


def keep_monitoring(role: str, holder: uuid.UUID | None = None) -> None:
    """Start watching this process unless that has begun; `holder` is that of its dispatcher's leases."""
    with _starting:
        if _process.pid == os.getpid():
            return
        monitor = Monitor(ProcessIdentity(role, holder))
        metrics_server.serve_metrics(monitor.readiness, role)
        monitor.start()
        _process.pid, _process.monitor = os.getpid(), monitor
        atexit.register(monitor.finish)


def current_readiness() -> Readiness:
    """Return whether this process works; not, before it has begun to watch itself."""
    return _process.monitor.readiness() if _process.monitor is not None else judge_checks(Checks())
