"""The board of the process that keeps accounts bound: besides what every board does, it takes receipts."""

import time
from collections import deque
from queue import SimpleQueue
from typing import Any

from django.utils import timezone

from b24app.core.outage import AWAY
from b24app.exchange_log import recording
from b24app.messaging import dead_letters
from b24app.messaging.dispatch import account_health, leases
from b24app.messaging.dispatch.dispatcher import POLL_EVERY, Dispatcher
from b24app.messaging.dispatch.drain import FinishedSend
from b24app.messaging.models import Connection
from b24app.messaging.models.dead_letters import Kind as DeadLetterKind
from b24app.messaging.send_results import RESULT_KINDS, ResultKind, SendResult
from b24app.messaging.smpp import bind_limit
from b24app.messaging.smpp.bind_leases import BindLeases, nobody
from b24app.messaging.smpp.receipt_queue import ReceiptQueue
from b24app.messaging.smpp.session import Session
from b24app.messaging.smpp.session_events import Bound, ReceiptsWaiting, SessionEvent, Unbound
from b24app.messaging.smpp.smpp_drain import SmppDrain
from providers.kit.errors import AccountBlocked, SmsError

IDLE_POLL = 0.2  # seconds between looks for new messages while there were none
FINISHED_IN = 1.0  # seconds for the receipts that are here when the process ends
UNBOUND_IN = 3.0  # seconds


class SmppDispatcher(Dispatcher):
    """One thread does the database for all accounts of this process, as ever; every bind has a thread of its own."""

    def __init__(self) -> None:
        inbox: SimpleQueue[Any] = SimpleQueue()
        self.binds = BindLeases(inbox.put)
        super().__init__(nobody, inbox=inbox, leases=self.binds)
        self.news: deque[Bound | Unbound] = deque()
        self.receiving = ReceiptQueue()

    def run_once(self, timeout: float) -> None:
        try:
            super().run_once(timeout)
        finally:  # whatever is wrong with a message, receipts are written down and answered
            self.receiving.work(is_away=time.monotonic() < self.database_away_until)

    def stop(self) -> None:
        sessions = self._sessions()
        super().stop()
        self.receiving.finish(FINISHED_IN)
        for session in sessions:
            session.stop()
        end = time.monotonic() + UNBOUND_IN
        for session in sessions:
            session.join(end - time.monotonic())
        self.binds.leave_the_others()

    def _seconds_to_wait(self) -> float:
        if self.receiving.is_behind:
            return 0.0
        base = super()._seconds_to_wait()
        if time.monotonic() < self.database_away_until or base == 0.0:
            return base
        busy = any(time.monotonic() - drain.last_active_at < leases.LINGER for drain in self.drains.values())
        return POLL_EVERY if busy else IDLE_POLL if self.drains or self.receiving.has_parked else base

    def _handle(self, event: int | FinishedSend | SessionEvent) -> None:
        if isinstance(event, ReceiptsWaiting):
            self.receiving.announce(event.session)
        elif isinstance(event, Bound | Unbound):
            self.news.append(event)
        else:
            super()._handle(event)

    def _write_results(self) -> None:
        super()._write_results()
        while self.news:
            self._note_safely(self.news[0])
            self.news.popleft()

    # -- binds -------------------------------------------------------------------------------------------------------

    def _note_safely(self, news: Bound | Unbound) -> None:
        """What cannot be written of one account costs no other. Raises AWAY."""
        try:
            self._note(news)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one account raises
            dead_letters.note(DeadLetterKind.ACCOUNT, news.session.pk, error, retry=True)

    def _note(self, news: Bound | Unbound) -> None:
        drain = self._drain_of(news.session)
        if drain is None:
            return
        connection = drain.connection
        rows = [
            recording.exchange_row(one, connection.service, portal=connection.portal_id, connection=connection.pk)
            for one in news.exchanges
        ]
        if isinstance(news, Bound):
            recording.insert_exchanges(rows)
            _note_bound(drain, trusted=news.trusted)
        else:
            if not drain.in_trouble:  # the tries that follow say the same
                recording.insert_exchanges(rows)
            drain.in_trouble = True
            drain.closed = drain.closed or isinstance(news.error, AccountBlocked)
            account_health.update_health([(connection, [_verdict_on_account(news.error)])])

    def _drain_of(self, session: Session) -> SmppDrain | None:
        mine = (drain for drain in self.drains.values() if isinstance(drain, SmppDrain))
        return next((drain for drain in mine if drain.session is session), None)

    def _sessions(self) -> list[Session]:
        return [drain.session for drain in self.drains.values() if isinstance(drain, SmppDrain)]


def _verdict_on_account(error: SmsError) -> SendResult:
    """What a failed bind says of the account: a verdict on no message."""
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


def _note_bound(drain: SmppDrain, *, trusted: bool) -> None:
    """What kept us out is over: no need to wait for the breaker, unless binds break before anything is answered."""
    row, now = Connection.objects.filter(pk=drain.connection.pk), timezone.now()
    breaker = drain.connection.breaker_until
    if trusted and breaker is not None and breaker > now:
        row.filter(breaker_until__gt=now).update(breaker_until=now)
        drain.connection.breaker_until = now
    if drain.in_trouble or drain.connection.error_code == bind_limit.NO_ROOM:
        row.update(error_code="", error_words="", error_at=None)
        drain.in_trouble = False
