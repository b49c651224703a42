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

from b24app.core.times import backoff
from providers.kit.contract import Report
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Uncertain, Unreachable
from providers.kit.http import Exchange
from providers.kit.smpp.wire import Lost, Pdu, Wire
from providers.smpp import Smpp

log = structlog.get_logger(__name__)

ANSWER_IN = 30.0  # seconds
ENQUIRE_AFTER, ALIVE_IN = 30.0, 10.0  # seconds of silence until they are asked, and until they must have answered
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between tries to bind
MANY = 30  # tries after which the pause does not grow
PROVEN_AFTER = 60.0  # seconds; a bind that held so long was a good one
REMEMBERED = 5_000  # ids that were given lately
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


@dataclass(frozen=True, slots=True)
class Received:
    """A receipt that waits to be written down and answered."""

    session: "Session"
    wire: Wire
    pdu: Pdu
    report: Report
    at: float


News = Bound | Unbound | Received
Dialled = tuple[Wire | SmsError, list[Exchange]]


@dataclass(slots=True)
class _Asked:
    """A part that somebody waits for."""

    part: Mapping[str, Any]
    answer: "Future[Pdu]" = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What goes out on the very wire that it answers."""

    received: Received
    status: int


class Session:
    """Of the connection `pk`. Its thread alone touches the wire, which `dial` gives; `tell` hears what happens."""

    def __init__(self, pk: int, provider: Smpp, dial: Callable[[], Dialled], tell: Callable[[News], None]) -> None:
        self.pk = pk
        self._provider = provider
        self._dial = dial
        self._tell = tell
        self._thread: threading.Thread | None = None
        self._leaving = threading.Event()
        self._lock = threading.Lock()
        self._queue: deque[_Asked | _Answer] = deque()
        self._in_flight: dict[int, _Asked] = {}
        self._bell, self._ring = socket.socketpair()
        self._bell.settimeout(0.0)
        self._ring.settimeout(0.0)
        self._has_answered = False
        self.bound = False
        self.heard_at = 0.0
        self._given: OrderedDict[str, str] = OrderedDict()

    # -- for the other threads ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to bind, unless that has begun."""
        if self._thread is None and not self._leaving.is_set():
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

    def answer(self, received: Received, status: int) -> None:
        """Answer a receipt on the wire it came by, or not at all: then it comes again."""
        self._put_in_line(_Answer(received, status))

    def _put_in_line(self, one: _Asked | _Answer) -> bool:
        with self._lock:
            if self.bound:
                self._queue.append(one)
            bound = self.bound
        self._wake()
        return bound

    def _wake(self) -> None:
        with self._lock, suppress(OSError):  # it rings already, or has ended
            self._ring.send(b"!")

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
            pause = backoff(tries, first=FIRST_PAUSE, limit=LONGEST_PAUSE, factor=2)
            self._leaving.wait(pause.total_seconds())
        with self._lock:
            self._bell.close()
            self._ring.close()

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
        while not self._leaving.is_set():
            self._pass_on(wire)
            for pdu in wire.turn(1.0, self._bell.fileno()):
                self._hear(wire, pdu)
            self.heard_at, now = wire.heard_at, time.monotonic()
            if now - wire.heard_at < ENQUIRE_AFTER:
                enquired = None
            elif enquired is None:
                wire.put("enquire_link")
                enquired = now
            elif now - enquired > ALIVE_IN:
                raise Lost("no answer to enquire_link")

    def _pass_on(self, wire: Wire) -> None:
        """Put what the others have put in line on the wire."""
        with suppress(BlockingIOError):
            self._bell.recv(4096)
        while self._queue:
            one = self._queue.popleft()
            if isinstance(one, _Asked):
                self._ask(wire, one)
            elif one.received.wire is wire:
                pdu = one.received.pdu
                wire.put(f"{pdu.command}_resp", pdu.sequence, one.status)

    def _ask(self, wire: Wire, asked: _Asked) -> None:
        if not asked.answer.set_running_or_notify_cancel():
            return
        try:
            self._in_flight[wire.put("submit_sm", **asked.part)] = asked
        except Exception as error:  # noqa: BLE001 - what cannot be written has not left
            broken = Rejected("The message cannot be written as SMPP.", reason="invalid_request")
            broken.code = type(error).__name__
            asked.answer.set_exception(broken)

    def _hear(self, wire: Wire, pdu: Pdu) -> None:
        if pdu.command in ANSWERS:
            self._hear_answer(pdu)
        elif pdu.command == "enquire_link":
            wire.put("enquire_link_resp", pdu.sequence)
        elif pdu.command in RECEIPTS:
            report = self._provider.receipt(pdu)
            if report is None:  # a message from a person, which nobody here reads
                wire.put(f"{pdu.command}_resp", pdu.sequence)
            else:
                self._tell(Received(self, wire, pdu, report, time.monotonic()))
        elif pdu.command == "unbind":
            wire.put("unbind_resp", pdu.sequence)
            wire.turn(0.0)
            raise Lost("the service ended the bind")

    def _hear_answer(self, pdu: Pdu) -> None:
        asked = self._in_flight.pop(pdu.sequence, None)
        if asked is None:
            return
        self._has_answered = True
        ref = pdu.text("message_id")
        if ref and not pdu.status:
            self._given[ref] = str(asked.part.get("destination_addr", ""))
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
