"""Step 2: one thread of a worker drains every connection it was rung for, and writes for all of them together.

Flights have threads of their own and do HTTP and nothing else; this thread does the database, in bulk: what twenty
accounts say in the same moment is one transaction.
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

from b24app.core import shutdown, spool
from b24app.core.outage import AWAY
from b24app.messaging import enqueue
from b24app.messaging.dispatch import budget, claims, completer, preparation
from b24app.messaging.dispatch.completer import Batch
from b24app.messaging.dispatch.drain import Drain, FinishedSend
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.dispatch.leases import LINGER, ConnectionLeases
from b24app.messaging.models import Message, Sender
from b24app.messaging.send_results import SendResult

log = structlog.get_logger(__name__)

POLL = 0.025  # seconds between looks for new messages of a connection that is held
GATHER = 0.005  # seconds in which verdicts and rings gather to be worked off together
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds between tries while the database is away
AFTER_A_DEFECT = 0.5  # seconds until the next turn
GIVE_UP = 14.0  # seconds after which a worker that was asked to stop waits for no service any more


Inbox = SimpleQueue[int | FinishedSend]
_inbox: Inbox = SimpleQueue()


def notify_dispatcher(connection_id: int) -> None:
    """Something may be sent on a connection: this process's board takes it up."""
    _inbox.put(connection_id)


class Dispatcher:
    """All connections that this process drains. `leave` hears of every connection that is let go, and rings."""

    def __init__(
        self,
        leave: Callable[[Visit], None],
        *,
        linger: float = LINGER,
        inbox: Inbox = _inbox,
        held: ConnectionLeases | None = None,
    ) -> None:
        self.held = held or ConnectionLeases(leave, linger)
        self.drains = self.held.drains
        self.inbox = inbox
        self.threads = ThreadPoolExecutor(budget.FLIGHTS + budget.SLOW_FLIGHTS, thread_name_prefix="flight")
        self.rung: set[int] = set()
        self.landed: dict[int, list[FinishedSend]] = defaultdict(list)
        self.doubts: list[dict[str, object]] = []
        self.leaving = False
        self.away_until = 0.0
        self.pause = FIRST_PAUSE

    def run(self) -> None:
        """Work until the process is asked to stop, then bring home what is in the air."""
        try:
            while not shutdown.is_requested():
                self._turn()
        finally:
            self.stop()

    def _turn(self, patience: float | None = None) -> None:
        try:
            self.turn(self._patience() if patience is None else patience)
        except Exception:  # a defect of ours must not end the thread that everybody's messages wait for
            log.exception("board_broke")
            database.close()
            time.sleep(AFTER_A_DEFECT)

    def turn(self, patience: float) -> None:
        """Hear what happened, for at most so many seconds, and do what is to be done about it."""
        self._hear(patience)
        if time.monotonic() < self.away_until:
            return
        try:
            self._write()
            self._give_back()
            self.held.renew()
            if not self.leaving:
                self.held.admit(self.rung)
                self.rung.clear()
                self._launch()
            self.held.let_go_of_idle(busy=self.landed)
        except AWAY:
            database.close()
            self.away_until = time.monotonic() + self.pause
            self.pause = min(self.pause * 2, LONGEST_PAUSE)
        else:
            self.pause = FIRST_PAUSE

    def stop(self) -> None:
        """Wait for what is in the air, but not for long; whatever cannot be written now waits on disk."""
        self.leaving = True
        end = time.monotonic() + GIVE_UP
        while (self._in_air() or self.landed) and time.monotonic() < end:
            self._turn(0.2)
        for drain in self.drains.values():
            for message, _started in list(drain.flying.values()):
                self._take(FinishedSend(drain, SendResult.interrupted(message)))
        try:
            self._write()
            self._give_back()
            self.held.let_go(list(self.drains))
        except AWAY:
            self._keep_on_disk()
        except Exception:
            log.exception("board_broke")
            self._keep_on_disk()
        self.threads.shutdown(wait=False)

    # -- hearing ---------------------------------------------------------------------------------------------------

    def _patience(self) -> float:
        if time.monotonic() < self.away_until:
            return max(0.01, self.away_until - time.monotonic())
        if self.landed or self.rung:
            return 0.0
        if not self.drains:
            return 1.0
        return POLL if any(drain.room() for drain in self.drains.values()) else 10 * POLL

    def _hear(self, patience: float) -> None:
        try:
            self._take(self.inbox.get(timeout=patience) if patience else self.inbox.get_nowait())
        except Empty:
            return
        time.sleep(GATHER)
        for _ in range(self.inbox.qsize()):
            self._take(self.inbox.get_nowait())

    def _take(self, heard: int | FinishedSend) -> None:
        if isinstance(heard, int):
            self.rung.add(heard)
        elif heard.drain.lands(heard.result):
            self.landed[heard.drain.connection.pk].append(heard)

    # -- writing ---------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        if not self.landed:
            return
        batches = [
            Batch(landings[0].drain.connection, landings[0].drain.service, [one.result for one in landings])
            for landings in self.landed.values()
        ]
        if completer.record_isolated(batches):
            enqueue.apply_reports()
        for landings in self.landed.values():
            landings[0].drain.learn()
        self.landed.clear()

    def _give_back(self) -> None:
        """Let wait again what was claimed and never sent: the database went away, or not all flights could begin."""
        while self.doubts:
            preparation.undo_claims(self.doubts[0])
            del self.doubts[0]

    # -- flying ----------------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        wants = budget.claim_capacity(self.drains)
        if not wants:
            return
        lease = timezone.now() + claims.MESSAGE_LEASE
        doubt: dict[str, object] = {"connections": [want.connection for want in wants], "lease": lease.isoformat()}
        self.doubts.append(doubt)
        messages = preparation.prepare_claims(self.drains, self.held.holder, wants, lease)
        # Whatever happens from here on, those that have not begun their flight are given back, and no others.
        doubt["messages"] = waiting = [message.pk for message in reversed(messages)]
        for message in messages:
            self._begin_flight(message)
            waiting.pop()
        self.doubts.remove(doubt)
        for pk in {message.connection_id for message in messages}:
            self.drains[pk].claims += 1

    def _begin_flight(self, message: Message) -> None:
        """Hand a message to a thread. Raises RuntimeError where there is none for it; then it is surely never sent."""
        drain = self.drains[message.connection_id]
        sender = drain.senders[message.sender_id]
        once = Lock()
        drain.takes_off(message)
        try:
            self.threads.submit(self._fly, drain, message, sender, once)
        except RuntimeError:  # the flight may be in the queue all the same
            if once.acquire(blocking=False):
                del drain.flying[message.pk]
                raise

    def _fly(self, drain: Drain, message: Message, sender: Sender, once: Lock) -> None:
        if not once.acquire(blocking=False):
            return
        self.inbox.put(FinishedSend(drain, drain.attempt(message, sender)))

    def _in_air(self) -> int:
        return sum(len(drain.flying) for drain in self.drains.values())

    # -- leaving -----------------------------------------------------------------------------------------------------

    def _keep_on_disk(self) -> None:
        for pk, landings in self.landed.items():
            _keep("verdicts", {"connection": pk, "verdicts": [one.result.to_json() for one in landings]})
        for doubt in self.doubts:
            _keep("claim", doubt)


def _keep(kind: str, record: Mapping[str, object]) -> None:
    try:
        spool.put_record(kind, record)
    except (spool.SpoolFull, OSError) as error:
        log.critical("verdicts_lost", kind=kind, error=type(error).__name__)
