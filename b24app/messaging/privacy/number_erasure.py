"""All that is kept of one phone number: told to whoever asks for it, and forgotten on an administrator's order.

To forget is long work: it goes in batches, and waits for what is on the wire. The messages stay with their fate, so
that the books do; only what tells of the person goes.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from b24app.core import shutdown
from b24app.core.deadlock_retry import retry_on_deadlock
from b24app.core.keyset import iterate_pages
from b24app.exchange_log.models import Exchange
from b24app.messaging.guards import limits, stop_list
from b24app.messaging.models import Connection, DeliveryReport, Message
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.guards import StoppedNumber
from b24app.messaging.models.statuses import Change, Phase, Reason, Status
from b24app.portals.models import Portal

AT_ONCE = 500
ROUND = 10.0  # seconds of a task; then others have their turn
COME_BACK = timedelta(seconds=10)
LEASE = timedelta(minutes=2)
OLDEST_FIRST = ("received_at", "id")
STILL_GOING = (Phase.WAITING, Phase.ON_WIRE)


@dataclass(frozen=True, slots=True)
class NumberSummary:
    """How much is kept of a number."""

    messages: int
    oldest: datetime | None
    stopped: StoppedNumber | None


@dataclass(frozen=True, slots=True)
class ErasureProgress:
    """A message and what its service reported of it."""

    message: Message
    reports: Sequence[DeliveryReport]


def summarize_number(portal: Portal, number: str) -> NumberSummary:
    """Count what is kept of a number (E.164)."""
    rows = Message.objects.filter(portal=portal, to=number)
    oldest = rows.order_by(*OLDEST_FIRST).values_list("received_at", flat=True).first()
    return NumberSummary(rows.count(), oldest, stop_list.find_entry(portal, number))


def export_number(portal: Portal, number: str) -> Iterator[ErasureProgress]:
    """All messages to a number, oldest first, read piece by piece."""
    rows = Message.objects.filter(portal=portal, to=number).select_related("sender")
    for page in iterate_pages(rows, OLDEST_FIRST, attrgetter(*OLDEST_FIRST), AT_ONCE):
        reports = _reports([one.pk for one in page])
        for message in page:
            yield ErasureProgress(message, reports.get(message.pk, ()))


def _reports(messages: Sequence[int]) -> Mapping[int, list[DeliveryReport]]:
    found: dict[int, list[DeliveryReport]] = {}
    for report in DeliveryReport.objects.filter(message__in=messages).order_by("received_at", "pk"):
        if report.message_id is not None:
            found.setdefault(report.message_id, []).append(report)
    return found


def request_erasure(portal: Portal, number: str, user_id: int, *, keep_stopped: bool, why: str) -> Erasure:
    """Order that a number be forgotten; ring for it afterwards. The same order given twice is one."""
    with transaction.atomic():
        Portal.objects.select_for_update(no_key=True).get(pk=portal.pk)
        for open_one in Erasure.objects.filter(portal=portal, due_at__isnull=False):
            if open_one.number == number:
                return open_one
        return Erasure.objects.create(
            portal=portal,
            number=number,
            asked_by=user_id,
            keep_stopped=keep_stopped,
            why=why[:200],
            found=Message.objects.filter(portal=portal, to=number).count(),
        )


def run_erasure(erasure_id: int, seconds: float = ROUND) -> datetime | None:
    """Work on an order for about so long at most; answers when to come back, None when it is done."""
    now = timezone.now()
    mine = Erasure.objects.filter(pk=erasure_id, due_at__lte=now)
    if not mine.update(due_at=now + LEASE):
        return None
    erasure = Erasure.objects.select_related("portal").get(pk=erasure_id)
    until = time.monotonic() + seconds
    while time.monotonic() < until and not shutdown.is_requested():
        started = time.monotonic()
        if not _cancel(erasure) + _empty(erasure):
            break
        shutdown.wait_for_request(time.monotonic() - started)  # half of the disk's time is for the others
    if not _messages(erasure).exists():
        _finish(erasure)
        return None
    again = timezone.now() + (timedelta() if time.monotonic() >= until else COME_BACK)
    Erasure.objects.filter(pk=erasure_id).update(due_at=again)
    return again


def _messages(erasure: Erasure) -> "QuerySet[Message]":
    rows = Message.objects.filter(portal=erasure.portal, to=erasure.number, received_at__lte=erasure.asked_at)
    found: QuerySet[Message] = rows.order_by(*OLDEST_FIRST)
    return found


@retry_on_deadlock
def _cancel(erasure: Erasure) -> int:
    """What still waits is not sent."""
    waiting = _messages(erasure).filter(phase=Phase.WAITING)
    with transaction.atomic():
        batch = list(waiting.select_for_update(skip_locked=True).values_list("pk", flat=True)[:AT_ONCE])
        Message.objects.advance(Change(pk=pk, status=Status.FAILED, reason=Reason.CANCELLED) for pk in batch)
    return len(batch)


@retry_on_deadlock
def _empty(erasure: Erasure) -> int:
    """Empty what tells of the person in messages that are at their end, and in all that hangs on them."""
    rows = _messages(erasure).exclude(phase__in=STILL_GOING)
    with transaction.atomic():
        batch = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:AT_ONCE])
        Message.objects.filter(pk__in=batch).update(text="", to="", raw_to="", detail="", note="", links={})
        DeliveryReport.objects.filter(message__in=batch).update(recipient="", detail="")
        Exchange.objects.filter(message_id__in=batch).delete()
        Erasure.objects.filter(pk=erasure.pk).update(erased=F("erased") + len(batch))
    return len(batch)


def _finish(erasure: Erasure) -> None:
    """The last places that may name the number, and the order itself."""
    portal, number = erasure.portal, erasure.number
    accounts = Connection.objects.filter(portal=portal)
    digits = number.removeprefix("+")
    with transaction.atomic():
        strays = DeliveryReport.objects.filter(connection__in=list(accounts.values_list("pk", flat=True)), message=None)
        strays.filter(recipient__endswith=digits).update(recipient="", detail="")
        accounts.filter(error_words__contains=digits).update(error_words="")
        limits.forget_recipient(portal.pk, number)
        stopped = StoppedNumber.objects.filter(portal=portal, number=number)
        if erasure.keep_stopped:
            stopped.update(note=erasure.why)
        else:
            stopped.delete()
        Erasure.objects.filter(pk=erasure.pk).update(number="", why="", due_at=None, finished_at=timezone.now())
