"""One account's bind: kept open, built up again when it breaks, shared by all that is in flight."""

import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from b24app.core.backoff import backoff_delay
from b24app.messaging.smpp.rate_allowance import RateAllowance
from providers.kit.contract import Report
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Uncertain, Unreachable
from providers.kit.http import Exchange
from providers.kit.smpp.wire import COME_AGAIN, Lost, Pdu, Wire
from providers.smpp import Smpp

log = structlog.get_logger(__name__)

ANSWER_IN = 30.0  # seconds
ENQUIRE_AFTER, ALIVE_IN = 30.0, 10.0  # seconds of silence until they are asked, and until they must have answered
LISTEN_FOR, REST = 1.0, 0.2  # seconds of a round, and of one in which nothing is read
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between tries to bind
MANY = 30  # tries after which the pause does not grow
PROVEN_AFTER = 60.0  # seconds; a bind that held so long was a good one
REMEMBERED = 5_000  # ids that were given lately
LONGEST_ID = 128  # characters that are kept of one
IN_FLIGHT_AT_MOST = 1_000  # far above any window: what is beyond was given up long ago
UNTAKEN_AT_MOST = 250  # receipts that wait for the board; above it nothing is read, so the peer has to wait
ANSWERS = {"submit_sm_resp", "enquire_link_resp", "generic_nack"}
RECEIPTS = {"deliver_sm", "data_sm"}


@dataclass(frozen=True, slots=True)
class Bound:
    """The bind stands; `trusted` unless the last one broke before anything was answered."""

    session: "Session"
    exchanges: list[Exchange]
    trusted: bool


@dataclass(frozen=True, slots=True)
class Unbound:
    """No bind came about, and why."""

    session: "Session"
    exchanges: list[Exchange]
    error: SmsError


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedReceipt:
    """A receipt that waits to be written down and answered, and when it came by the monotonic clock."""

    wire: Wire
    command: str
    sequence: int
    report: Report
    at: float


@dataclass(frozen=True, slots=True)
class ReceiptsWaiting:
    """The session has receipts that want to be taken. Said once, until all are."""

    session: "Session"


News = Bound | Unbound | ReceiptsWaiting
Dialled = tuple[Wire | SmsError, list[Exchange]]


@dataclass(slots=True)
class _Asked:
    """A part that somebody waits for."""

    part: Mapping[str, Any]
    answer: "Future[Pdu]" = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What goes out on the very wire that it answers."""

    received: ReceivedReceipt
    status: int


class Session:
    """Of the connection `pk`. Its thread alone touches the wire, which `dial` gives; `tell` hears what happens.

    `allowance` is for units read, shared by all sessions of a portal: a talkative peer has to wait, and nobody else.
    """

    def __init__(
        self,
        pk: int,
        provider: Smpp,
        dial: Callable[[], Dialled],
        tell: Callable[[News], None],
        allowance: RateAllowance,
    ) -> None:
        self.pk = pk
        self._provider = provider
        self._dial = dial
        self._tell = tell
        self._allowance = allowance
        self._thread: threading.Thread | None = None
        self._leaving = threading.Event()
        self._lock = threading.Lock()
        self._queue: deque[_Asked | _Answer] = deque()
        self._in_flight: dict[int, _Asked] = {}
        self._pair: tuple[socket.socket, socket.socket] | None = None  # read by its thread, written by the others
        self._has_answered = False
        self.bound = False
        self.heard_at = 0.0
        self._given: OrderedDict[str, str] = OrderedDict()
        self.ids_given = 0  # so far: who waits for one looks again when it has grown
        self._untaken: deque[ReceivedReceipt] = deque()
        self._has_told = False

    # -- for the other threads ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to bind, unless that has begun."""
        if self._thread is None and not self._leaving.is_set():
            self._pair = socket.socketpair()
            for end in self._pair:
                end.settimeout(0.0)
            self._thread = threading.Thread(target=self._live, name="bind", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Unbind; whoever still waits for an answer hears that none came. Does not wait, see `join`."""
        self._leaving.set()
        self._wake()

    def join(self, seconds: float) -> None:
        """Wait until it has unbound, but not longer."""
        if self._thread is not None:
            self._thread.join(max(0.0, seconds))

    def submit(self, part: Mapping[str, Any]) -> Pdu:
        """Hand over one part and wait for the answer; raises Unreachable where it surely never left, or Uncertain."""
        asked = _Asked(part)
        if not self._put_in_line(asked):
            raise _down()
        try:
            return asked.answer.result(ANSWER_IN)
        except TimeoutError:
            left = not asked.answer.cancel()
        if left:
            raise Uncertain(f"The service did not answer within {ANSWER_IN:g} s.")
        raise _down()

    def given(self, refs: Iterable[str]) -> dict[str, str]:
        """Which of these ids were given lately, each with its number: a receipt may come before the row has the id."""
        return {ref: number for ref in refs if (number := self._given.get(ref))}

    def take(self, count: int) -> list[ReceivedReceipt]:
        """Return the next receipts, so many at most; each wants an answer some time."""
        with self._lock:
            taken = [self._untaken.popleft() for _ in range(min(count, len(self._untaken)))]
            self._has_told = bool(self._untaken)
        return taken

    def has_untaken(self) -> bool:
        """Whether there are receipts to take."""
        return bool(self._untaken)

    def answer(self, some: Iterable[ReceivedReceipt], status: int) -> None:
        """Answer receipts on the wire they came by, or not at all: then they come again."""
        self._put_in_line(*(_Answer(one, status) for one in some))

    def _put_in_line(self, *some: _Asked | _Answer) -> bool:
        with self._lock:
            if self.bound:
                self._queue += some
            bound = self.bound
        self._wake()
        return bound

    def _wake(self) -> None:
        with self._lock, suppress(OSError):  # it rings already, or has ended
            if self._pair is not None:
                self._pair[1].send(b"!")

    # -- its own thread ----------------------------------------------------------------------------------------------

    def _live(self) -> None:
        tries, trusted = 0, True
        while not self._leaving.is_set():
            found, exchanges = self._dial()
            if isinstance(found, SmsError):
                self._tell(Unbound(self, exchanges, found))
                tries = MANY if isinstance(found, AccountBlocked) else tries + 1
            else:
                trusted = self._serve(found, exchanges, trusted=trusted)
                tries = 1 if trusted else tries + 1
            pause = backoff_delay(tries, first=FIRST_PAUSE, limit=LONGEST_PAUSE, factor=2)
            self._leaving.wait(pause.total_seconds())
        with self._lock:
            for end in self._pair or ():
                end.close()

    def _serve(self, wire: Wire, exchanges: list[Exchange], *, trusted: bool) -> bool:
        """Until the wire breaks or we leave; answers whether the bind was worth anything."""
        began, self._has_answered = time.monotonic(), False
        with self._lock:
            self.bound = True
        self._tell(Bound(self, exchanges, trusted))
        try:
            self._talk(wire)
            self._pass_on(wire)
            wire.leave()
        except Lost as lost:
            log.warning("bind_lost", why=str(lost))
        except Exception as error:  # a defect of ours, or what nobody expects of a service
            log.exception("bind_broke", exc_info=error)
        finally:
            self._close(wire)
        return self._has_answered or time.monotonic() - began > PROVEN_AFTER

    def _talk(self, wire: Wire) -> None:
        enquired: float | None = None
        rested_at = 0.0
        while not self._leaving.is_set():
            self._pass_on(wire)
            rest = self._rest(wire)
            effort = wire.effort
            for pdu in wire.turn(rest or LISTEN_FOR, self._bell, reads=not rest):
                self._hear(wire, pdu)
            self._allowance.use(wire.effort - effort)
            self.heard_at, now = wire.heard_at, time.monotonic()
            rested_at = now if rest else rested_at  # while nothing is read, silence says nothing
            if now - max(wire.heard_at, rested_at) < ENQUIRE_AFTER:
                enquired = None
            elif enquired is None:
                wire.put("enquire_link")
                enquired = now
            elif now - enquired > ALIVE_IN:
                raise Lost("no answer to enquire_link")

    def _rest(self, wire: Wire) -> float:
        """Return for how many seconds nothing is read: the peer says more than it reads, or than we can work off."""
        if wire.is_clogged or len(self._untaken) >= UNTAKEN_AT_MOST:
            return REST
        return min(self._allowance.seconds_to_wait(), LISTEN_FOR)

    @property
    def _bell(self) -> int | None:
        return self._pair[0].fileno() if self._pair else None

    def _pass_on(self, wire: Wire) -> None:
        """Put what the others have put in line on the wire."""
        if self._pair is not None:
            with suppress(BlockingIOError):
                self._pair[0].recv(4096)
        while self._queue and not wire.is_clogged:
            one = self._queue.popleft()
            if isinstance(one, _Asked):
                self._ask(wire, one)
            elif one.received.wire is wire:
                wire.put(f"{one.received.command}_resp", one.received.sequence, one.status)

    def _ask(self, wire: Wire, asked: _Asked) -> None:
        if not asked.answer.set_running_or_notify_cancel():
            return
        try:
            self._in_flight[wire.put("submit_sm", **asked.part)] = asked
        except Lost:
            asked.answer.set_exception(_down())
            raise
        except Exception as error:  # noqa: BLE001 - what cannot be written has not left
            broken = Rejected("The message cannot be written as SMPP.", reason="invalid_request")
            broken.code = type(error).__name__
            asked.answer.set_exception(broken)
        while len(self._in_flight) > IN_FLIGHT_AT_MOST:
            given_up = self._in_flight.pop(next(iter(self._in_flight)))
            given_up.answer.set_exception(Uncertain("The service did not answer."))

    def _hear(self, wire: Wire, pdu: Pdu) -> None:
        if pdu.command in ANSWERS:
            self._hear_answer(pdu)
        elif pdu.command == "enquire_link":
            wire.put("enquire_link_resp", pdu.sequence)
        elif pdu.command in RECEIPTS:
            self._hear_receipt(wire, pdu)
        elif pdu.command == "unbind":
            wire.put("unbind_resp", pdu.sequence)
            wire.turn(0.0)
            raise Lost("the service ended the bind")

    def _hear_receipt(self, wire: Wire, pdu: Pdu) -> None:
        try:
            report = self._provider.receipt(pdu)
        except Exception as error:  # noqa: BLE001 - one that nobody can read must not end the bind for the others
            log.error("receipt_not_understood", connection=self.pk, error=type(error).__name__)
            wire.put(f"{pdu.command}_resp", pdu.sequence, COME_AGAIN)
            return
        if report is None:  # a message from a person, which nobody here reads
            wire.put(f"{pdu.command}_resp", pdu.sequence)
        else:
            self._receive(ReceivedReceipt(wire, pdu.command, pdu.sequence, report, time.monotonic()))

    def _receive(self, received: ReceivedReceipt) -> None:
        with self._lock:
            self._untaken.append(received)
            is_news, self._has_told = not self._has_told, True
        if is_news:
            self._tell(ReceiptsWaiting(self))

    def _hear_answer(self, pdu: Pdu) -> None:
        asked = self._in_flight.pop(pdu.sequence, None)
        if asked is None:
            return
        self._has_answered = True
        ref = pdu.text("message_id")[:LONGEST_ID]
        if ref and not pdu.status:
            self._given[ref] = str(asked.part.get("destination_addr", ""))
            self.ids_given += 1
            while len(self._given) > REMEMBERED:
                self._given.popitem(last=False)
        asked.answer.set_result(pdu)

    def _close(self, wire: Wire) -> None:
        """What left and was not answered may have been taken; what still stood in line surely was not."""
        wire.close()
        with self._lock:
            self.bound = False
            in_line = [one for one in self._queue if isinstance(one, _Asked)]
            self._queue.clear()
        in_flight, self._in_flight = list(self._in_flight.values()), {}
        for asked in in_flight:
            asked.answer.set_exception(Uncertain("The connection broke before the service had answered."))
        for asked in in_line:
            if asked.answer.set_running_or_notify_cancel():
                asked.answer.set_exception(_down())


def _down() -> Unreachable:
    return Unreachable("The connection to the service is down.")
