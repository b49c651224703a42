"""The receipts of all sessions of a process, written down and answered: a slice of each session in turn.

A session has as many receipts here as it may have parked, and one slice: the rest waits in the session, then in the
network. So a message centre that floods delays its own receipts, and another account's by a slice.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from django.db import connection as database
from django.utils import timezone

from b24app.core import spool
from b24app.core.outage import AWAY
from b24app.messaging.models import Connection
from b24app.messaging.smpp import receipts
from b24app.messaging.smpp.pending import ReceivedReceipt
from b24app.messaging.smpp.session import Session
from providers.kit.contract import Report
from providers.kit.smpp.wire import COME_AGAIN

log = structlog.get_logger(__name__)

AT_ONCE = 100  # receipts of one session, then the next has its turn
ROUND = 0.05  # seconds; then messages have theirs
PARKED_FOR = 1.5  # seconds; a receipt may come before the answer that gives its id
PARKED_AT_MOST = 150  # of one session: so it has at most a hundred receipts of nobody's written down a second
OK = 0


@dataclass(slots=True)
class _Parked:
    """Receipts of one session whose ids are not known yet, the oldest first."""

    receipts: deque[ReceivedReceipt] = field(default_factory=deque)
    ids_seen: int = 0  # by the session when these were last compared with its ids

    def is_due(self, session: Session) -> bool:
        late = bool(self.receipts) and self.receipts[0].at <= time.monotonic() - PARKED_FOR
        return late or (bool(self.receipts) and session.recent_ids.total != self.ids_seen)

    def take_due(self, session: Session) -> list[ReceivedReceipt]:
        """Those that have waited long enough, or whose id the session has been given meanwhile."""
        given = session.recent_ids.total
        late = time.monotonic() - PARKED_FOR
        due: list[ReceivedReceipt] = []
        while self.receipts and self.receipts[0].at <= late:
            due.append(self.receipts.popleft())
        if given != self.ids_seen:
            known = [one for one in self.receipts if session.recent_ids.find_numbers(receipts.id_forms(one.report.ref))]
            due += known
            met = set(map(id, known))
            self.receipts = deque(one for one in self.receipts if id(one) not in met)
            self.ids_seen = given
        return due


class ReceiptQueue:
    """For one thread, which also does everything else with the database."""

    def __init__(self) -> None:
        self._waiting: dict[Session, None] = {}  # in the order of their turns
        self._parked: dict[Session, _Parked] = {}
        self._reported: set[int] = set()  # connections whose first report was noted

    @property
    def is_behind(self) -> bool:
        """Whether there is something to do at once."""
        return bool(self._waiting)

    @property
    def has_parked(self) -> bool:
        """Whether something is to be looked at again soon."""
        return bool(self._parked)

    def announce(self, session: Session) -> None:
        """A session has receipts to take."""
        self._waiting.setdefault(session)

    def work(self, *, is_away: bool = False) -> None:
        """Take receipts of the sessions in turn, for a moment. `is_away`: the database is, so all go to the disk."""
        for session, parked in self._parked.items():
            if parked.is_due(session):
                self.announce(session)
        end = time.monotonic() + ROUND
        for session in list(self._waiting):
            del self._waiting[session]
            is_away = self._work_on_safely(session, may_park=True, is_away=is_away)
            if time.monotonic() > end:
                return

    def finish(self, seconds: float) -> None:
        """Take what there still is, for so long at most; what is left is not answered, and comes again."""
        end, is_away = time.monotonic() + seconds, False
        for session in self._parked:
            self.announce(session)
        while self._waiting and time.monotonic() < end:
            for session in list(self._waiting):
                del self._waiting[session]
                is_away = self._work_on_safely(session, may_park=False, is_away=is_away)

    def _work_on_safely(self, session: Session, *, may_park: bool, is_away: bool) -> bool:
        """Answers whether the database is away. Whatever is wrong with one session costs no other."""
        try:
            is_away = self._work_on(session, may_park=may_park, is_away=is_away)
        except Exception as error:
            log.exception("receipts_not_taken", connection=session.pk, exc_info=error)
            database.close()
        if session.has_receipts():
            self.announce(session)
        return is_away

    def _work_on(self, session: Session, *, may_park: bool, is_away: bool) -> bool:
        parked = self._parked.pop(session, None) or _Parked(ids_seen=session.recent_ids.total)
        fresh = session.take_receipts(AT_ONCE)
        due = parked.take_due(session) if may_park else list(parked.receipts)
        numbers, is_away = self._known(session, [*fresh, *due], is_away=is_away)
        ready, early = due, list[ReceivedReceipt]()
        for one in fresh:
            is_early = may_park and not is_away and one.report.ref and not receipts.choose_ref(one.report, numbers)
            (early if is_early else ready).append(one)
        room = max(0, PARKED_AT_MOST - len(parked.receipts))
        parked.receipts += early[:room]
        if may_park and parked.receipts:
            self._parked[session] = parked
        session.answer_receipts(early[room:], COME_AGAIN)
        self._keep_and_answer(session, ready, numbers)
        return is_away

    def _known(
        self, session: Session, some: Sequence[ReceivedReceipt], *, is_away: bool
    ) -> tuple[dict[str, str], bool]:
        """The ids that they may mean and that messages have, each with its number; and whether the database is away."""
        refs = receipts.id_forms_of(one.report for one in some)
        numbers = session.recent_ids.find_numbers(refs)
        if not is_away:
            try:
                return numbers | receipts.known_refs(session.pk, refs), False
            except AWAY:
                database.close()
            except Exception as error:
                log.exception("receipts_not_looked_for", connection=session.pk, exc_info=error)
                return numbers, False
        return numbers, True  # to the disk, and whose they are is asked again when the database is back

    def _keep_and_answer(self, session: Session, some: Sequence[ReceivedReceipt], numbers: Mapping[str, str]) -> None:
        """Answer them well once they are written, in the database or on the disk; one that cannot be costs no other."""
        status = OK
        try:
            self._keep(session.pk, [one.report for one in some], numbers)
        except (spool.SpoolFull, OSError) as error:
            log.error("receipts_not_kept", connection=session.pk, error=type(error).__name__)
            status = COME_AGAIN
        except Exception as error:  # noqa: BLE001 - whatever a service said that we did not expect
            if len(some) > 1:
                for one in some:
                    self._keep_and_answer(session, [one], numbers)
                return
            log.error("receipt_not_kept", connection=session.pk, error=type(error).__name__)
            status = COME_AGAIN
        session.answer_receipts(some, status)

    def _keep(self, pk: int, told: Sequence[Report], numbers: Mapping[str, str]) -> None:
        told = [one for one in told if one.ref and one.word]
        if told:
            record = receipts.to_json(pk, told)
            spool.write_or_spool("receipts", record, lambda: self._write(pk, told, numbers), owner=f"connection {pk}")

    def _write(self, pk: int, told: Sequence[Report], numbers: Mapping[str, str]) -> None:
        receipts.insert_receipts(pk, told, numbers)
        if pk not in self._reported:
            Connection.objects.filter(pk=pk).update(last_report_at=timezone.now())
            self._reported.add(pk)
