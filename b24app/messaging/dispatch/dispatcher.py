"""One thread of a worker drains every connection it was notified of, and writes for all of them together.

Each send has a thread of its own, which does HTTP and nothing else. This thread does the database work in bulk: what
twenty accounts say at the same moment is one transaction.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Lock

import structlog
from django.db import connection as database
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from b24app.core import shutdown, spool
from b24app.core.database.outage import AWAY
from b24app.core.monitoring import metrics
from b24app.core.monitoring.loops import SLOW_TURN, timed_turn
from b24app.messaging import enqueue
from b24app.messaging.dispatch import budget, claims, completer, preparation
from b24app.messaging.dispatch.completer import Batch
from b24app.messaging.dispatch.drain import Drain, FinishedSend
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.dispatch.leases import LINGER, ConnectionLeases
from b24app.messaging.models import Message, Sender
from b24app.messaging.send_results import SendResult

log = structlog.get_logger(__name__)

POLL_EVERY = 0.025  # seconds between claims for a connection whose lease is held
BATCH_WINDOW = 0.005  # seconds in which events gather to be handled together
FIRST_PAUSE, MAX_PAUSE = 0.2, 5.0  # seconds between attempts while the database is away
PAUSE_AFTER_ERROR = 0.5  # seconds
STOP_TIMEOUT = 14.0  # seconds; a worker that was asked to stop waits no longer for services


Probe = Callable[[], object]
Inbox = SimpleQueue[int | FinishedSend | Probe]
_inbox: Inbox = SimpleQueue()


def notify_dispatcher(connection_id: int) -> None:
    """Tell this process's dispatcher that a connection may have messages to send."""
    _inbox.put(connection_id)


def probe_dispatcher(answer: Probe) -> None:
    """Have this process's dispatcher call `answer` at the end of its next turn that reaches the database."""
    _inbox.put(answer)


class Dispatcher:
    """The loop over all connections this process drains. `on_release` gets the next visit of each released one."""

    def __init__(
        self,
        on_release: Callable[[Visit], None],
        *,
        linger: float = LINGER,
        inbox: Inbox = _inbox,
        leases: ConnectionLeases | None = None,
    ) -> None:
        self.leases = leases or ConnectionLeases(on_release, linger)
        self.drains = self.leases.drains
        self.inbox = inbox
        self.threads = ThreadPoolExecutor(budget.MAX_IN_FLIGHT + budget.SLOW_MAX_IN_FLIGHT, thread_name_prefix="send")
        self.requested: set[int] = set()
        self.finished: dict[int, list[FinishedSend]] = defaultdict(list)
        self.unconfirmed_claims: list[dict[str, object]] = []
        self.probes: list[Probe] = []
        self.is_stopping = False
        self.database_away_until = 0.0
        self.retry_pause = FIRST_PAUSE

    def run(self) -> None:
        """Work until the process is asked to stop, then finish what is in flight."""
        try:
            while not shutdown.is_requested():
                self._run_safely()
        finally:
            self.stop()

    def _run_safely(self, timeout: float | None = None) -> None:
        try:
            self.run_once(self._seconds_to_wait() if timeout is None else timeout)
        except Exception:  # a bug of ours must not end the thread that all messages wait for
            log.exception("dispatch_loop_failed")
            database.close()
            time.sleep(PAUSE_AFTER_ERROR)

    def run_once(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for events, then write results, renew leases and claim more messages."""
        self._receive(timeout)
        if time.monotonic() < self.database_away_until:
            return
        try:
            with timed_turn("dispatcher", slow_after=SLOW_TURN) as details:
                details |= {"connections": len(self.drains), "results": sum(map(len, self.finished.values()))}
                self._take_turn()
        except AWAY:
            database.close()
            self.database_away_until = time.monotonic() + self.retry_pause
            self.retry_pause = min(self.retry_pause * 2, MAX_PAUSE)
        else:
            self.retry_pause = FIRST_PAUSE

    def _take_turn(self) -> None:
        self._write_results()
        self._undo_unconfirmed_claims()
        self.leases.renew()
        if not self.is_stopping:
            self.leases.acquire(self.requested)
            self.requested.clear()
            self._claim_and_send()
        self.leases.release_idle(busy=self.finished)
        while self.probes:
            self.probes.pop()()

    def stop(self) -> None:
        """Wait up to `STOP_TIMEOUT` for what is in flight. What cannot be written then waits on disk."""
        self.is_stopping = True
        end = time.monotonic() + STOP_TIMEOUT
        while (self._in_flight_count() or self.finished) and time.monotonic() < end:
            self._run_safely(0.2)
        for drain in self.drains.values():
            for message, _at in list(drain.in_flight.values()):
                self._handle(FinishedSend(drain, SendResult.interrupted(message)))
        try:
            self._write_results()
            self._undo_unconfirmed_claims()
            self.leases.release(list(self.drains))
        except AWAY:
            self._spool_unwritten()
        except Exception:
            log.exception("dispatch_loop_failed")
            self._spool_unwritten()
        self.threads.shutdown(wait=False)

    # -- events ----------------------------------------------------------------------------------------------------

    def _seconds_to_wait(self) -> float:
        if time.monotonic() < self.database_away_until:
            return max(0.01, self.database_away_until - time.monotonic())
        if self.finished or self.requested:
            return 0.0
        if not self.drains:
            return 1.0
        return POLL_EVERY if any(drain.free_slots() for drain in self.drains.values()) else 10 * POLL_EVERY

    def _receive(self, timeout: float) -> None:
        try:
            self._handle(self.inbox.get(timeout=timeout) if timeout else self.inbox.get_nowait())
        except Empty:
            return
        time.sleep(BATCH_WINDOW)
        for _ in range(self.inbox.qsize()):
            self._handle(self.inbox.get_nowait())

    def _handle(self, event: int | FinishedSend | Probe) -> None:
        if isinstance(event, int):
            self.requested.add(event)
        elif not isinstance(event, FinishedSend):
            self.probes.append(event)
        elif event.drain.finish(event.result):
            self.finished[event.drain.connection.pk].append(event)

    # -- writing ---------------------------------------------------------------------------------------------------

    def _write_results(self) -> None:
        if not self.finished:
            return
        batches = [
            Batch(sends[0].drain.connection, sends[0].drain.service, [one.result for one in sends])
            for sends in self.finished.values()
        ]
        if completer.record_isolated(batches):
            enqueue.apply_reports()
        for sends in self.finished.values():
            sends[0].drain.refresh()
        self.finished.clear()

    def _undo_unconfirmed_claims(self) -> None:
        """Return messages that were claimed and never sent: the database went away, or a thread could not start."""
        while self.unconfirmed_claims:
            preparation.undo_claims(self.unconfirmed_claims[0])
            del self.unconfirmed_claims[0]

    # -- sending ---------------------------------------------------------------------------------------------------

    def _claim_and_send(self) -> None:
        requests = budget.claim_capacity(self.drains)
        if not requests:
            return
        started_at = timezone.now()
        lease = started_at + claims.MESSAGE_LEASE
        claim: dict[str, object] = {
            "connections": [request.connection for request in requests],
            "lease": lease.isoformat(),
        }
        self.unconfirmed_claims.append(claim)
        messages = preparation.prepare_claims(self.drains, self.leases.holder, requests, lease)
        # From here on exactly those whose send has not started are returned, whatever happens.
        claim["messages"] = not_started = [message.pk for message in reversed(messages)]
        for message in messages:
            self._start_send(message)
            not_started.pop()
            if message.due_at is not None:
                metrics.CLAIM_LAG.observe(max(0.0, (started_at - message.due_at).total_seconds()))
        self.unconfirmed_claims.remove(claim)
        for pk in {message.connection_id for message in messages}:
            self.drains[pk].claim_count += 1

    def _start_send(self, message: Message) -> None:
        """Hand a message to a thread. Raise RuntimeError if none takes it; then it is surely never sent."""
        drain = self.drains[message.connection_id]
        sender = drain.senders[message.sender_id]
        started = Lock()
        drain.start(message)
        try:
            self.threads.submit(self._send, drain, message, sender, started)
        except RuntimeError:  # it may be in the pool's queue all the same
            if started.acquire(blocking=False):
                del drain.in_flight[message.pk]
                raise

    def _send(self, drain: Drain, message: Message, sender: Sender, started: Lock) -> None:
        if not started.acquire(blocking=False):
            return
        with bound_contextvars(message=message.pk, connection=message.connection_id, portal=message.portal_id):
            self.inbox.put(FinishedSend(drain, drain.attempt(message, sender)))

    def _in_flight_count(self) -> int:
        return sum(len(drain.in_flight) for drain in self.drains.values())

    # -- stopping ----------------------------------------------------------------------------------------------------

    def _spool_unwritten(self) -> None:
        for pk, sends in self.finished.items():
            _spool_record("verdicts", {"connection": pk, "verdicts": [one.result.to_json() for one in sends]})
        for claim in self.unconfirmed_claims:
            _spool_record("claim", claim)


def _spool_record(kind: str, record: Mapping[str, object]) -> None:
    try:
        spool.put_record(kind, record)
    except (spool.SpoolFull, OSError) as error:
        log.critical("results_lost", kind=kind, error=type(error).__name__)
