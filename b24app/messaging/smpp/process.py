"""The board of the process that keeps accounts bound: besides what every board does, it writes receipts down."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from typing import Any

import structlog
from django.db import connection as database
from django.utils import timezone

from b24app.core import spool
from b24app.core.outage import AWAY
from b24app.journal import recording
from b24app.messaging import accounts, holding
from b24app.messaging.board import POLL, Board
from b24app.messaging.models import Connection
from b24app.messaging.sending import Landing
from b24app.messaging.smpp import receipts
from b24app.messaging.smpp.binds import Binds, nobody
from b24app.messaging.smpp.flights import BoundDrain
from b24app.messaging.smpp.session import Bound, News, Received, Session, Unbound
from b24app.messaging.verdicts import KINDS, Kind, Verdict
from providers.kit.contract import Report
from providers.kit.errors import AccountBlocked, SmsError
from providers.kit.smpp.wire import COME_AGAIN

log = structlog.get_logger(__name__)

IDLE_POLL = 0.2  # seconds between looks for new messages while there were none
PARKED_FOR = 1.5  # seconds; a receipt may come before the answer that gives its id
UNBOUND_IN = 3.0  # seconds


class Switchboard(Board):
    """One thread does the database for all accounts of this process, as ever; every bind has a thread of its own."""

    def __init__(self) -> None:
        inbox: SimpleQueue[Any] = SimpleQueue()
        self.binds = Binds(inbox.put)
        super().__init__(nobody, inbox=inbox, held=self.binds)
        self.news: list[Bound | Unbound] = []
        self.receipts: list[Received] = []
        self.reported: set[int] = set()  # connections whose first report was noted

    def turn(self, patience: float) -> None:
        super().turn(patience)
        self._keep_receipts()

    def stop(self) -> None:
        sessions = self._sessions()
        super().stop()
        self._keep_receipts(last=True)
        for session in sessions:
            session.stop()
        end = time.monotonic() + UNBOUND_IN
        for session in sessions:
            session.join(end - time.monotonic())
        self.binds.leave_the_others()

    def _patience(self) -> float:
        base = super()._patience()
        if time.monotonic() < self.away_until or base == 0.0:
            return base
        busy = any(time.monotonic() - drain.touched_at < holding.LINGER for drain in self.drains.values())
        return POLL if busy else IDLE_POLL if self.drains or self.receipts else base

    def _take(self, heard: int | Landing | News) -> None:
        if isinstance(heard, Received):
            self.receipts.append(heard)
        elif isinstance(heard, Bound | Unbound):
            self.news.append(heard)
        else:
            super()._take(heard)

    def _write(self) -> None:
        super()._write()
        while self.news:
            self._note(self.news[0])
            del self.news[0]

    # -- binds -------------------------------------------------------------------------------------------------------

    def _note(self, news: Bound | Unbound) -> None:
        drain = self._drain_of(news.session)
        if drain is None:
            return
        connection = drain.connection
        rows = [
            recording.row(one, connection.service, portal=connection.portal_id, connection=connection.pk)
            for one in news.exchanges
        ]
        if isinstance(news, Bound):
            recording.insert(rows)
            _note_bound(drain, trusted=news.trusted)
        else:
            if not drain.in_trouble:  # the tries that follow say the same
                recording.insert(rows)
            drain.in_trouble = True
            drain.closed = drain.closed or isinstance(news.error, AccountBlocked)
            accounts.judge([(connection, [_verdict_on_account(news.error)])])

    def _drain_of(self, session: Session) -> BoundDrain | None:
        mine = (drain for drain in self.drains.values() if isinstance(drain, BoundDrain))
        return next((drain for drain in mine if drain.session is session), None)

    def _sessions(self) -> list[Session]:
        return [drain.session for drain in self.drains.values() if isinstance(drain, BoundDrain)]

    # -- receipts ----------------------------------------------------------------------------------------------------

    def _keep_receipts(self, *, last: bool = False) -> None:
        by_session: dict[Session, list[Received]] = defaultdict(list)
        for one in self.receipts:
            by_session[one.session].append(one)
        self.receipts = []
        for session, some in by_session.items():
            self._keep_some(session, some, last=last)

    def _keep_some(self, session: Session, some: list[Received], *, last: bool) -> None:
        refs = receipts.forms_of(one.report for one in some)
        numbers = session.given(refs)
        try:
            numbers |= receipts.known(session.pk, refs)
        except AWAY:
            database.close()
            last = True  # to the disk, and whose they are is asked again when the database is back
        patient = time.monotonic() - PARKED_FOR
        parked = [one for one in some if not last and one.at > patient and not receipts.choose(one.report, numbers)]
        self.receipts += parked
        ready = [one for one in some if one not in parked]
        status = self._keep_told(session.pk, [one.report for one in ready], numbers)
        for one in ready:
            session.answer(one, status)

    def _keep_told(self, pk: int, told: Sequence[Report], numbers: Mapping[str, str]) -> int:
        """The status of the answers to them: good once they are written, in the database or on the disk."""
        told = [one for one in told if one.ref and one.word]
        if not told:
            return 0
        try:
            spool.kept("receipts", receipts.to_json(pk, told), lambda: self._write_told(pk, told, numbers))
        except Exception as error:  # noqa: BLE001 - the disk is full, or a defect of ours: the service keeps them
            log.error("receipts_not_kept", error=type(error).__name__)
            return COME_AGAIN
        return 0

    def _write_told(self, pk: int, told: Sequence[Report], numbers: Mapping[str, str]) -> None:
        receipts.keep(pk, told, numbers)
        if pk not in self.reported:
            Connection.objects.filter(pk=pk).update(last_report_at=timezone.now())
            self.reported.add(pk)


def _verdict_on_account(error: SmsError) -> Verdict:
    """What a failed bind says of the account: a verdict on no message."""
    kind = next((kind for of, kind in KINDS.items() if isinstance(error, of)), Kind.UNCERTAIN)
    return Verdict(
        pk=0,
        attempt=0,
        kind=kind,
        first_attempt_at="",
        expires_at="",
        reason=error.reason,
        code=error.code,
        words=error.words,
    )


def _note_bound(drain: BoundDrain, *, trusted: bool) -> None:
    """What kept us out is over: no need to wait for the breaker, unless binds break before anything is answered."""
    row, now = Connection.objects.filter(pk=drain.connection.pk), timezone.now()
    breaker = drain.connection.breaker_until
    if trusted and breaker is not None and breaker > now:
        row.filter(breaker_until__gt=now).update(breaker_until=now)
        drain.connection.breaker_until = now
    if drain.in_trouble:
        row.update(error_code="", error_words="", error_at=None)
        drain.in_trouble = False
