"""Store and answer the receipts of all sessions of a process, a slice of each session in turn.

A session has at most its parked receipts and one slice here; the rest waits in the session, then in the network. So a
message centre that floods delays its own receipts, and those of another account by a slice.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from django.db import connection as database
from django.utils import timezone

from b24app.core import spool
from b24app.core.database.outage import AWAY
from b24app.messaging.models import Connection
from b24app.messaging.smpp import receipts
from b24app.messaging.smpp.pending import ReceivedReceipt
from b24app.messaging.smpp.session import Session
from providers.kit.contract import Report
from providers.kit.smpp.wire import COME_AGAIN

log = structlog.get_logger(__name__)

SLICE_SIZE = 100  # receipts of one session, before the next session has its turn
ROUND_SECONDS = 0.05  # then messages have their turn
PARKED_FOR = 1.5  # seconds; a receipt may come before the answer with its id
MAX_PARKED = 150  # of one session, which limits it to a hundred receipts of unknown messages a second
OK = 0


@dataclass(slots=True)
class _Parked:
    """Receipts of one session whose ids are unknown so far, the oldest first."""

    receipts: deque[ReceivedReceipt] = field(default_factory=deque)
    ids_seen: int = 0  # ids the session had been given when these were last compared

    def is_due(self, session: Session) -> bool:
        late = bool(self.receipts) and self.receipts[0].at <= time.monotonic() - PARKED_FOR
        return late or (bool(self.receipts) and session.recent_ids.total != self.ids_seen)

    def take_due(self, session: Session) -> list[ReceivedReceipt]:
        """Remove and return receipts that have waited long enough, or whose id the session has been given meanwhile."""
        total = session.recent_ids.total
        late = time.monotonic() - PARKED_FOR
        due: list[ReceivedReceipt] = []
        while self.receipts and self.receipts[0].at <= late:
            due.append(self.receipts.popleft())
        if total != self.ids_seen:
            found = [one for one in self.receipts if session.recent_ids.find_numbers(receipts.id_forms(one.report.ref))]
            due += found
            taken = set(map(id, found))
            self.receipts = deque(one for one in self.receipts if id(one) not in taken)
            self.ids_seen = total
        return due


class ReceiptQueue:
    """The receipts of all sessions. For one thread, which also does all other database work."""

    def __init__(self) -> None:
        self._waiting: dict[Session, None] = {}  # in the order of their turns
        self._parked: dict[Session, _Parked] = {}
        self._reported: set[int] = set()  # connections whose `last_report_at` was set

    @property
    def is_behind(self) -> bool:
        """Return whether receipts wait to be processed."""
        return bool(self._waiting)

    @property
    def has_parked(self) -> bool:
        """Return whether parked receipts are to be looked at again soon."""
        return bool(self._parked)

    def add_session(self, session: Session) -> None:
        """Give a session with receipts its turn."""
        self._waiting.setdefault(session)

    def process_round(self, *, is_away: bool = False) -> None:
        """Process receipts of sessions in turn for `ROUND_SECONDS`; while the database `is_away`, all go to disk."""
        for session, parked in self._parked.items():
            if parked.is_due(session):
                self.add_session(session)
        end = time.monotonic() + ROUND_SECONDS
        for session in list(self._waiting):
            del self._waiting[session]
            is_away = self._process_safely(session, may_park=True, is_away=is_away)
            if time.monotonic() > end:
                return

    def process_rest(self, seconds: float) -> None:
        """Process what is left, for at most `seconds`. What remains then is not answered, and comes again."""
        end, is_away = time.monotonic() + seconds, False
        for session in self._parked:
            self.add_session(session)
        while self._waiting and time.monotonic() < end:
            for session in list(self._waiting):
                del self._waiting[session]
                is_away = self._process_safely(session, may_park=False, is_away=is_away)

    def _process_safely(self, session: Session, *, may_park: bool, is_away: bool) -> bool:
        """Process a slice of a session, whose errors cost no other; return whether the database is away."""
        try:
            is_away = self._process_session(session, may_park=may_park, is_away=is_away)
        except Exception as error:
            log.exception("receipts_processing_failed", connection=session.pk, exc_info=error)
            database.close()
        if session.has_receipts():
            self.add_session(session)
        return is_away

    def _process_session(self, session: Session, *, may_park: bool, is_away: bool) -> bool:
        parked = self._parked.pop(session, None) or _Parked(ids_seen=session.recent_ids.total)
        fresh = session.take_receipts(SLICE_SIZE)
        due = parked.take_due(session) if may_park else list(parked.receipts)
        numbers, is_away = self._find_refs(session, [*fresh, *due], is_away=is_away)
        ready, early = due, list[ReceivedReceipt]()
        for one in fresh:
            is_early = may_park and not is_away and one.report.ref and not receipts.choose_ref(one.report, numbers)
            (early if is_early else ready).append(one)
        room = max(0, MAX_PARKED - len(parked.receipts))
        parked.receipts += early[:room]
        if may_park and parked.receipts:
            self._parked[session] = parked
        session.answer_receipts(early[room:], COME_AGAIN)
        self._store_and_answer(session, ready, numbers)
        return is_away

    def _find_refs(
        self, session: Session, some: Sequence[ReceivedReceipt], *, is_away: bool
    ) -> tuple[dict[str, str], bool]:
        """Return ids the receipts may mean and messages have, each with its number; and if the database is away."""
        refs = receipts.id_forms_of(one.report for one in some)
        numbers = session.recent_ids.find_numbers(refs)
        if not is_away:
            try:
                return numbers | receipts.find_refs(session.pk, refs), False
            except AWAY:
                database.close()
            except Exception as error:
                log.exception("receipt_lookup_failed", connection=session.pk, exc_info=error)
                return numbers, False
        return numbers, True  # they go to disk, and are looked up again when the database is back

    def _store_and_answer(self, session: Session, some: Sequence[ReceivedReceipt], numbers: Mapping[str, str]) -> None:
        """Answer receipts once they are stored, in the database or on disk; one that cannot be costs no other."""
        status = OK
        try:
            self._store(session.pk, [one.report for one in some], numbers)
        except (spool.SpoolFull, OSError) as error:
            log.error("receipts_spool_failed", connection=session.pk, error=type(error).__name__)
            status = COME_AGAIN
        except Exception as error:  # noqa: BLE001 - whatever a service sent that we did not expect
            if len(some) > 1:
                for one in some:
                    self._store_and_answer(session, [one], numbers)
                return
            log.error("receipt_store_failed", connection=session.pk, error=type(error).__name__)
            status = COME_AGAIN
        session.answer_receipts(some, status)

    def _store(self, pk: int, reports: Sequence[Report], numbers: Mapping[str, str]) -> None:
        reports = [one for one in reports if one.ref and one.word]
        if reports:
            record = receipts.to_json(pk, reports)
            spool.write_or_spool(
                "receipts", record, lambda: self._insert_receipts(pk, reports, numbers), owner=f"connection {pk}"
            )

    def _insert_receipts(self, pk: int, reports: Sequence[Report], numbers: Mapping[str, str]) -> None:
        receipts.insert_receipts(pk, reports, numbers)
        if pk not in self._reported:
            Connection.objects.filter(pk=pk).update(last_report_at=timezone.now())
            self._reported.add(pk)
