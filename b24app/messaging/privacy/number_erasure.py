"""Export or erase everything stored about one phone number, on an administrator's request.

Erasing takes long: it works in batches, and waits for messages that are on the wire. Messages stay with their status,
so that the statistics still add up; only what identifies the person is erased.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.core import sealing, shutdown
from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.core.database.keyset import iterate_pages
from b24app.exchange_log.models import Exchange
from b24app.messaging.guards import limits, stop_list
from b24app.messaging.models import Connection, DeliveryReport, Message
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.guards import StoppedNumber
from b24app.messaging.models.statuses import Change, Phase, Reason, Status
from b24app.portals.crm_names import names
from b24app.portals.models import Portal
from providers.kit.phones import mask_number

BATCH_SIZE = 500
ROUND_SECONDS = 10.0  # of a task; then other tasks get their turn
RETRY_AFTER = timedelta(seconds=10)
LEASE = timedelta(minutes=2)
OLDEST_FIRST = ("received_at", "id")
UNFINISHED = (Phase.WAITING, Phase.ON_WIRE)


@dataclass(frozen=True, slots=True)
class NumberSummary:
    """How much is stored about a number."""

    messages: int
    oldest: datetime | None
    stopped: StoppedNumber | None


@dataclass(frozen=True, slots=True)
class ExportedMessage:
    """A message and its delivery reports."""

    message: Message
    reports: Sequence[DeliveryReport]


def summarize_number(portal: Portal, number: str) -> NumberSummary:
    """Count what is stored about a number (E.164)."""
    rows = Message.objects.filter(portal=portal, to=number)
    oldest = rows.order_by(*OLDEST_FIRST).values_list("received_at", flat=True).first()
    return NumberSummary(rows.count(), oldest, stop_list.find_entry(portal, number))


def export_number(portal: Portal, number: str) -> Iterator[ExportedMessage]:
    """Yield all messages to a number (E.164) with their reports, oldest first, read in pages."""
    rows = Message.objects.filter(portal=portal, to=number).select_related("sender")
    for page in iterate_pages(rows, OLDEST_FIRST, attrgetter(*OLDEST_FIRST), BATCH_SIZE):
        reports = _reports_by_message([one.pk for one in page])
        for message in page:
            yield ExportedMessage(message, reports.get(message.pk, ()))


def _reports_by_message(messages: Sequence[int]) -> Mapping[int, list[DeliveryReport]]:
    found: dict[int, list[DeliveryReport]] = {}
    for report in DeliveryReport.objects.filter(message__in=messages).order_by("received_at", "pk"):
        if report.message_id is not None:
            found.setdefault(report.message_id, []).append(report)
    return found


def request_erasure(portal: Portal, number: str, user_id: int, *, keep_stopped: bool, why: str) -> Erasure:
    """Request that a number is erased; the caller enqueues the task. Return the open request if there is one."""
    with transaction.atomic():
        Portal.objects.select_for_update(no_key=True).get(pk=portal.pk)
        for pending in Erasure.objects.filter(portal=portal, due_at__isnull=False):
            if pending.number == number:
                return pending
        erasure = Erasure.objects.create(
            portal=portal,
            number=number,
            asked_by=user_id,
            keep_stopped=keep_stopped,
            why=why[:200],
            found=Message.objects.filter(portal=portal, to=number).count(),
        )
        subject = Subject(portal.pk, Kind.NUMBER, erasure.pk, mask_number(number))
        record_change(Action.ERASED, subject, after={"keep_stopped": keep_stopped})
        return erasure


def run_erasure(erasure_id: int, seconds: float = ROUND_SECONDS) -> datetime | None:
    """Process an erasure for about `seconds` at most; return when to resume, None if it is finished or not due."""
    now = timezone.now()
    due = Erasure.objects.filter(pk=erasure_id, due_at__lte=now)
    if not due.update(due_at=now + LEASE):
        return None
    erasure = Erasure.objects.select_related("portal").get(pk=erasure_id)
    sealing.require_opened(erasure.number)
    until = time.monotonic() + seconds
    while time.monotonic() < until and not shutdown.is_requested():
        started = time.monotonic()
        if not _cancel_waiting(erasure) + _erase_batch(erasure):
            break
        shutdown.wait_for_request(time.monotonic() - started)  # leaves half of the disk's time to others
    if not _messages_to_erase(erasure).exists():
        _finish_erasure(erasure)
        return None
    resume_at = timezone.now() + (timedelta() if time.monotonic() >= until else RETRY_AFTER)
    Erasure.objects.filter(pk=erasure_id).update(due_at=resume_at)
    return resume_at


def _messages_to_erase(erasure: Erasure) -> "QuerySet[Message]":
    rows = Message.objects.filter(portal=erasure.portal, to=erasure.number, received_at__lte=erasure.asked_at)
    found: QuerySet[Message] = rows.order_by(*OLDEST_FIRST)
    return found


@retry_on_deadlock
def _cancel_waiting(erasure: Erasure) -> int:
    """Cancel a batch of messages that still wait; return how many."""
    waiting = _messages_to_erase(erasure).filter(phase=Phase.WAITING)
    with transaction.atomic():
        batch = list(waiting.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH_SIZE])
        Message.objects.advance(Change(pk=pk, status=Status.FAILED, reason=Reason.CANCELLED) for pk in batch)
    return len(batch)


@retry_on_deadlock
def _erase_batch(erasure: Erasure) -> int:
    """Erase personal data from a batch of finished messages and their reports and exchanges; return how many."""
    rows = _messages_to_erase(erasure).exclude(phase__in=UNFINISHED)
    with transaction.atomic():
        batch = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH_SIZE])
        Message.objects.filter(pk__in=batch).update(text="", to="", raw_to="", detail="", note="", links={})
        DeliveryReport.objects.filter(message__in=batch).update(recipient="", detail="")
        Exchange.objects.filter(message_id__in=batch).delete()
        Erasure.objects.filter(pk=erasure.pk).update(erased=F("erased") + len(batch))
    return len(batch)


def _finish_erasure(erasure: Erasure) -> None:
    """Erase the number from the last places that may contain it, the request itself included."""
    portal, number = erasure.portal, erasure.number
    accounts = Connection.objects.filter(portal=portal)
    digits = number.removeprefix("+")
    with transaction.atomic():
        account_ids = list(accounts.values_list("pk", flat=True))
        unmatched = DeliveryReport.objects.filter(connection__in=account_ids, message=None)
        unmatched.filter(recipient__endswith=digits).update(recipient="", detail="")
        accounts.filter(error_words__contains=digits).update(error_words="")
        limits.forget_recipient(portal.pk, number)
        names.forget_number(portal, number)
        stop_list.forget_removals(portal, number)
        entry = StoppedNumber.objects.filter(portal=portal, number=number)
        if erasure.keep_stopped:
            entry.update(note=erasure.why)
        else:
            entry.delete()
        Erasure.objects.filter(pk=erasure.pk).update(number="", why="", due_at=None, finished_at=timezone.now())
