"""One account's SMPP session: kept bound, bound again when it breaks, shared by all messages in flight."""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from b24app.core.backoff import backoff_delay
from b24app.messaging.smpp.pending import PendingSubmit, ReceiptAnswer, ReceivedReceipt
from b24app.messaging.smpp.rate_allowance import RateAllowance
from b24app.messaging.smpp.recent_ids import RecentIds
from b24app.messaging.smpp.session_events import Bound, DialResult, ReceiptsWaiting, SessionEvent, Unbound
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Uncertain, Unreachable
from providers.kit.http import Exchange
from providers.kit.smpp.pdu import Pdu
from providers.kit.smpp.wire import COME_AGAIN, Lost, Wire
from providers.smpp import Smpp

log = structlog.get_logger(__name__)

ANSWER_TIMEOUT = 30.0  # seconds
ENQUIRE_AFTER = 30.0  # seconds of silence until the peer is asked whether it is alive
ENQUIRE_TIMEOUT = 10.0  # seconds
READ_FOR, READ_PAUSE = 1.0, 0.2  # seconds of a round, and of one without reading
FIRST_PAUSE, MAX_PAUSE = 1.0, 60.0  # seconds between attempts to bind
MAX_BACKOFF_TRIES = 30  # after which the pause does not grow
STABLE_AFTER = 60.0  # seconds after which a bind counts as a good one
MAX_ID_LENGTH = 128  # characters stored of an id
MAX_IN_FLIGHT = 1_000  # far above any window: those beyond were given up long ago
MAX_PENDING_RECEIPTS = 250  # waiting for the dispatcher; above it nothing is read, so the peer has to wait
ANSWER_COMMANDS = {"submit_sm_resp", "enquire_link_resp", "generic_nack"}
RECEIPT_COMMANDS = {"deliver_sm", "data_sm"}


class Session:
    """The session of connection `pk`. Only its own thread touches the wire, which `dial` opens, and calls `on_event`.

    `allowance` limits the units read, for all sessions of a portal: a talkative peer waits, and nobody else.
    """

    def __init__(
        self,
        pk: int,
        provider: Smpp,
        dial: Callable[[], DialResult],
        on_event: Callable[[SessionEvent], None],
        allowance: RateAllowance,
    ) -> None:
        self.pk = pk
        self._provider = provider
        self._dial = dial
        self._on_event = on_event
        self._allowance = allowance
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._queue: deque[PendingSubmit | ReceiptAnswer] = deque()
        self._in_flight: dict[int, PendingSubmit] = {}
        # Wakes the session's thread, which reads the first; others write to the second.
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._has_answered = False
        self.is_bound = False
        self.last_read_at = 0.0
        self.recent_ids = RecentIds()
        self._pending_receipts: deque[ReceivedReceipt] = deque()
        self._has_announced = False

    # -- for other threads -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start binding, unless that has begun."""
        if self._thread is None and not self._stopping.is_set():
            self._pair = socket.socketpair()
            for end in self._pair:
                end.settimeout(0.0)
            self._thread = threading.Thread(target=self._run, name="bind", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Unbind; those who wait for an answer learn that none came. Does not block, see `join`."""
        self._stopping.set()
        self._wake()

    def join(self, seconds: float) -> None:
        """Wait at most `seconds` until the session has unbound."""
        if self._thread is not None:
            self._thread.join(max(0.0, seconds))

    def submit(self, part: Mapping[str, Any]) -> Pdu:
        """Submit one part and return the answer. Raise Unreachable if it surely never left, else Uncertain."""
        submit = PendingSubmit(part)
        if not self._enqueue(submit):
            raise _not_connected()
        try:
            return submit.answer.result(ANSWER_TIMEOUT)
        except TimeoutError:
            has_left = not submit.answer.cancel()
        if has_left:
            raise Uncertain(f"The service did not answer within {ANSWER_TIMEOUT:g} s.")
        raise _not_connected()

    def take_receipts(self, count: int) -> list[ReceivedReceipt]:
        """Return at most `count` receipts, the oldest first; each is to be answered at some time."""
        with self._lock:
            receipts = [self._pending_receipts.popleft() for _ in range(min(count, len(self._pending_receipts)))]
            self._has_announced = bool(self._pending_receipts)
        return receipts

    def has_receipts(self) -> bool:
        """Return whether there are receipts to take."""
        return bool(self._pending_receipts)

    def answer_receipts(self, some: Iterable[ReceivedReceipt], status: int) -> None:
        """Answer receipts on the wire they came by. If that is gone they are not answered, and come again."""
        self._enqueue(*(ReceiptAnswer(one, status) for one in some))

    def _enqueue(self, *some: PendingSubmit | ReceiptAnswer) -> bool:
        with self._lock:
            if self.is_bound:
                self._queue += some
            is_bound = self.is_bound
        self._wake()
        return is_bound

    def _wake(self) -> None:
        with self._lock, suppress(OSError):  # the pipe is full already, or closed
            if self._pair is not None:
                self._pair[1].send(b"!")

    # -- its own thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        attempts, trusted = 0, True
        while not self._stopping.is_set():
            found, exchanges = self._dial()
            if isinstance(found, SmsError):
                self._on_event(Unbound(self, exchanges, found))
                attempts = MAX_BACKOFF_TRIES if isinstance(found, AccountBlocked) else attempts + 1
            else:
                trusted = self._serve(found, exchanges, trusted=trusted)
                attempts = 1 if trusted else attempts + 1
            pause = backoff_delay(attempts, first=FIRST_PAUSE, limit=MAX_PAUSE, factor=2)
            self._stopping.wait(pause.total_seconds())
        with self._lock:
            for end in self._pair or ():
                end.close()

    def _serve(self, wire: Wire, exchanges: list[Exchange], *, trusted: bool) -> bool:
        """Work until the wire breaks or we stop; return whether the bind was a good one."""
        began, self._has_answered = time.monotonic(), False
        with self._lock:
            self.is_bound = True
        self._on_event(Bound(self, exchanges, trusted))
        try:
            self._exchange_pdus(wire)
            self._flush_queue(wire)
            wire.leave()
        except Lost as lost:
            log.warning("smpp_connection_lost", why=str(lost))
        except Exception as error:  # a bug of ours, or what no service is expected to do
            log.exception("smpp_session_failed", exc_info=error)
        finally:
            self._close_wire(wire)
        return self._has_answered or time.monotonic() - began > STABLE_AFTER

    def _exchange_pdus(self, wire: Wire) -> None:
        enquired: float | None = None
        rested_at = 0.0
        while not self._stopping.is_set():
            self._flush_queue(wire)
            rest = self._read_pause(wire)
            effort = wire.effort
            for pdu in wire.turn(rest or READ_FOR, self._wakeup_fd, reads=not rest):
                self._handle_pdu(wire, pdu)
            self._allowance.use(wire.effort - effort)
            self.last_read_at, now = wire.heard_at, time.monotonic()
            rested_at = now if rest else rested_at  # while we do not read, silence means nothing
            if now - max(wire.heard_at, rested_at) < ENQUIRE_AFTER:
                enquired = None
            elif enquired is None:
                wire.put("enquire_link")
                enquired = now
            elif now - enquired > ENQUIRE_TIMEOUT:
                raise Lost("no answer to enquire_link")

    def _read_pause(self, wire: Wire) -> float:
        """Return for how many seconds not to read: the peer says more than it reads, or than we can work off."""
        if wire.is_clogged or len(self._pending_receipts) >= MAX_PENDING_RECEIPTS:
            return READ_PAUSE
        return min(self._allowance.seconds_to_wait(), READ_FOR)

    @property
    def _wakeup_fd(self) -> int | None:
        return self._pair[0].fileno() if self._pair else None

    def _flush_queue(self, wire: Wire) -> None:
        """Write what other threads have queued to the wire."""
        if self._pair is not None:
            with suppress(BlockingIOError):
                self._pair[0].recv(4096)
        while self._queue and not wire.is_clogged:
            one = self._queue.popleft()
            if isinstance(one, PendingSubmit):
                self._send_submit(wire, one)
            elif one.received.wire is wire:
                wire.put(f"{one.received.command}_resp", one.received.sequence, one.status)

    def _send_submit(self, wire: Wire, submit: PendingSubmit) -> None:
        if not submit.answer.set_running_or_notify_cancel():
            return
        try:
            self._in_flight[wire.put("submit_sm", **submit.part)] = submit
        except Lost:
            submit.answer.set_exception(_not_connected())
            raise
        except Exception as error:  # noqa: BLE001 - what cannot be encoded has not left
            broken = Rejected("The message cannot be written as SMPP.", reason="invalid_request")
            broken.code = type(error).__name__
            submit.answer.set_exception(broken)
        while len(self._in_flight) > MAX_IN_FLIGHT:
            abandoned = self._in_flight.pop(next(iter(self._in_flight)))
            abandoned.answer.set_exception(Uncertain("The service did not answer."))

    def _handle_pdu(self, wire: Wire, pdu: Pdu) -> None:
        if pdu.command in ANSWER_COMMANDS:
            self._handle_answer(pdu)
        elif pdu.command == "enquire_link":
            wire.put("enquire_link_resp", pdu.sequence)
        elif pdu.command in RECEIPT_COMMANDS:
            self._handle_receipt(wire, pdu)
        elif pdu.command == "unbind":
            wire.put("unbind_resp", pdu.sequence)
            wire.turn(0.0)
            raise Lost("the service ended the bind")

    def _handle_receipt(self, wire: Wire, pdu: Pdu) -> None:
        try:
            report = self._provider.receipt(pdu)
        except Exception as error:  # noqa: BLE001 - an unreadable receipt must not end the bind for the others
            log.error("receipt_unreadable", connection=self.pk, error=type(error).__name__)
            wire.put(f"{pdu.command}_resp", pdu.sequence, COME_AGAIN)
            return
        if report is None:  # a message from a phone, which nobody here reads
            wire.put(f"{pdu.command}_resp", pdu.sequence)
        else:
            self._add_receipt(ReceivedReceipt(wire, pdu.command, pdu.sequence, report, time.monotonic()))

    def _add_receipt(self, received: ReceivedReceipt) -> None:
        with self._lock:
            self._pending_receipts.append(received)
            is_first, self._has_announced = not self._has_announced, True
        if is_first:
            self._on_event(ReceiptsWaiting(self))

    def _handle_answer(self, pdu: Pdu) -> None:
        submit = self._in_flight.pop(pdu.sequence, None)
        if submit is None:
            return
        self._has_answered = True
        ref = pdu.text("message_id")[:MAX_ID_LENGTH]
        if ref and not pdu.status:
            self.recent_ids.add(ref, str(submit.part.get("destination_addr", "")))
        submit.answer.set_result(pdu)

    def _close_wire(self, wire: Wire) -> None:
        """Close the wire. What was sent and not answered may have been accepted; what was queued surely was not."""
        wire.close()
        with self._lock:
            self.is_bound = False
            queued = [one for one in self._queue if isinstance(one, PendingSubmit)]
            self._queue.clear()
        in_flight, self._in_flight = list(self._in_flight.values()), {}
        for submit in in_flight:
            submit.answer.set_exception(Uncertain("The connection broke before the service had answered."))
        for submit in queued:
            if submit.answer.set_running_or_notify_cancel():
                submit.answer.set_exception(_not_connected())


def _not_connected() -> Unreachable:
    return Unreachable("The connection to the service is down.")
