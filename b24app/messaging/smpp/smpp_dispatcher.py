"""The dispatcher of the SMPP process: it keeps accounts bound and takes receipts, besides what dispatchers do."""

import time
from collections import deque
from queue import SimpleQueue
from typing import Any

from django.utils import timezone

from b24app.core.database.outage import AWAY
from b24app.exchange_log import recording
from b24app.messaging import dead_letters
from b24app.messaging.dispatch import account_health, leases
from b24app.messaging.dispatch.dispatcher import POLL_EVERY, Dispatcher, Probe
from b24app.messaging.dispatch.drain import FinishedSend
from b24app.messaging.models import Connection
from b24app.messaging.models.dead_letters import Kind as DeadLetterKind
from b24app.messaging.send_results import RESULT_KINDS, ResultKind, SendResult
from b24app.messaging.smpp import bind_limit
from b24app.messaging.smpp.bind_leases import BindLeases, ignore_release
from b24app.messaging.smpp.receipt_queue import ReceiptQueue
from b24app.messaging.smpp.session import Session
from b24app.messaging.smpp.session_events import Bound, ReceiptsWaiting, SessionEvent, Unbound
from b24app.messaging.smpp.smpp_drain import SmppDrain
from providers.kit.errors import AccountBlocked, SmsError

IDLE_POLL_EVERY = 0.2  # seconds between claims while there are no messages
FINISH_TIMEOUT = 1.0  # seconds for receipts that have arrived when the process ends
UNBIND_TIMEOUT = 3.0  # seconds


class SmppDispatcher(Dispatcher):
    """One thread does the database work for all accounts of this process; each session has a thread of its own."""

    def __init__(self) -> None:
        inbox: SimpleQueue[Any] = SimpleQueue()
        self.bind_leases = BindLeases(inbox.put)
        super().__init__(ignore_release, inbox=inbox, leases=self.bind_leases)
        self.bind_events: deque[Bound | Unbound] = deque()
        self.receipt_queue = ReceiptQueue()

    def run_once(self, timeout: float) -> None:
        try:
            super().run_once(timeout)
        finally:  # whatever is wrong with a message, receipts are stored and answered
            self.receipt_queue.process_round(is_away=time.monotonic() < self.database_away_until)

    def stop(self) -> None:
        sessions = self._open_sessions()
        super().stop()
        self.receipt_queue.process_rest(FINISH_TIMEOUT)
        for session in sessions:
            session.stop()
        end = time.monotonic() + UNBIND_TIMEOUT
        for session in sessions:
            session.join(end - time.monotonic())
        self.bind_leases.unregister_process()

    def _seconds_to_wait(self) -> float:
        if self.receipt_queue.is_behind:
            return 0.0
        base = super()._seconds_to_wait()
        if time.monotonic() < self.database_away_until or base == 0.0:
            return base
        busy = any(time.monotonic() - drain.last_active_at < leases.LINGER for drain in self.drains.values())
        return POLL_EVERY if busy else IDLE_POLL_EVERY if self.drains or self.receipt_queue.has_parked else base

    def _handle(self, event: int | FinishedSend | Probe | SessionEvent) -> None:
        if isinstance(event, ReceiptsWaiting):
            self.receipt_queue.add_session(event.session)
        elif isinstance(event, Bound | Unbound):
            self.bind_events.append(event)
        else:
            super()._handle(event)

    def _write_results(self) -> None:
        super()._write_results()
        while self.bind_events:
            self._record_safely(self.bind_events[0])
            self.bind_events.popleft()

    # -- binds -------------------------------------------------------------------------------------------------------

    def _record_safely(self, event: Bound | Unbound) -> None:
        """Record an event of a session. What cannot be written of one account costs no other. Raise AWAY."""
        try:
            self._record_bind_event(event)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one account raises
            dead_letters.note(DeadLetterKind.ACCOUNT, event.session.pk, error, retry=True)

    def _record_bind_event(self, event: Bound | Unbound) -> None:
        drain = self._find_drain(event.session)
        if drain is None:
            return
        connection = drain.connection
        rows = [
            recording.exchange_row(one, connection.service, portal=connection.portal_id, connection=connection.pk)
            for one in event.exchanges
        ]
        if isinstance(event, Bound):
            recording.insert_exchanges(rows)
            _clear_trouble(drain, trusted=event.trusted)
        else:
            if not drain.in_trouble:  # later attempts say the same
                recording.insert_exchanges(rows)
            drain.in_trouble = True
            drain.closed = drain.closed or isinstance(event.error, AccountBlocked)
            account_health.update_health([(connection, [_account_result(event.error)])])

    def _find_drain(self, session: Session) -> SmppDrain | None:
        mine = (drain for drain in self.drains.values() if isinstance(drain, SmppDrain))
        return next((drain for drain in mine if drain.session is session), None)

    def _open_sessions(self) -> list[Session]:
        return [drain.session for drain in self.drains.values() if isinstance(drain, SmppDrain)]


def _account_result(error: SmsError) -> SendResult:
    """Return what a failed bind says about the account, as a result of no message."""
    kind = next((kind for of, kind in RESULT_KINDS.items() if isinstance(error, of)), ResultKind.UNCERTAIN)
    return SendResult(
        pk=0,
        attempt=0,
        kind=kind,
        first_attempt_at="",
        expires_at="",
        reason=error.reason,
        code=error.code,
        detail=error.words,
    )


def _clear_trouble(drain: SmppDrain, *, trusted: bool) -> None:
    """Clear the trouble of an account that is bound again.

    It need not wait for the breaker either, unless its binds break before anything is answered.
    """
    row, now = Connection.objects.filter(pk=drain.connection.pk), timezone.now()
    breaker = drain.connection.breaker_until
    if trusted and breaker is not None and breaker > now:
        row.filter(breaker_until__gt=now).update(breaker_until=now)
        drain.connection.breaker_until = now
    if drain.in_trouble or drain.connection.error_code == bind_limit.NO_ROOM:
        row.update(error_code="", error_words="", error_at=None)
        drain.in_trouble = False
