"""Delete what is past a portal's retention periods: texts and numbers first, later whole messages; tallies stay.

A round is limited in time and takes small batches of all portals in turn, so that millions of old rows of one portal
delay neither the others nor the sending.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.db import connection as database
from django.db import transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from b24app.audit import pruning as audit_pruning
from b24app.core import shutdown
from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.core.database.outage import AWAY
from b24app.core.isolation import work_each, work_isolated
from b24app.exchange_log import pruning
from b24app.exchange_log.models import Exchange
from b24app.messaging import dead_letters
from b24app.messaging.models import NEWEST_FIRST, DeliveryReport, Message, MessagePart
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.privacy import departed
from b24app.portals.crm_names import names
from b24app.portals.models import CrmName, Portal

log = structlog.get_logger(__name__)

ROUND_SECONDS = 20.0  # seconds
BATCH_SIZE = 1000
PORTALS_PER_ROUND = 500
KEEP_UNMATCHED = timedelta(days=30)  # reports that belong to no message of ours
KEEP_UNOWNED_EXCHANGES = timedelta(days=30)
OLDEST_FIRST = tuple(name.removeprefix("-") for name in NEWEST_FIRST)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Batch:
    """One kind of row of one portal, pruned a thousand at a time: `work` prunes some and returns how many.

    The key identifies it in dead letters.
    """

    step: str
    portal_id: int | None
    work: Callable[[], int]

    @property
    def key(self) -> str:
        return f"{self.step}:{self.portal_id or 0}"


def prune_messages(seconds: float = ROUND_SECONDS) -> int:
    """Prune for about `seconds` at most; return how many rows were deleted or emptied."""
    try:
        batches = deque(_due_batches(timezone.now()))
        in_time = shutdown.in_time(_rotate_batches(batches), seconds)
        return sum(work_each(in_time, partial(_run_batch, batches), _set_aside_batch))
    except AWAY as error:
        log.warning("retention_interrupted", error=type(error).__name__)
        return 0


def _rotate_batches(batches: deque[Batch]) -> Iterator[Batch]:
    while batches:
        yield batches.popleft()


def _run_batch(batches: deque[Batch], batch: Batch) -> int:
    started = time.monotonic()
    count = batch.work()
    shutdown.wait_for_request(time.monotonic() - started)  # leaves half of the disk's time to others
    if count >= BATCH_SIZE:
        batches.append(batch)
    return count


def _set_aside_batch(batch: Batch, error: Exception) -> None:
    """Skip it for a while, longer each time it raises."""
    dead_letters.note(Kind.RETENTION, batch.key, error, portal=batch.portal_id, retry=True)


def _due_batches(now: datetime) -> list[Batch]:
    """Return a batch for everything that is due, in random order, because a round may end before the last."""
    hour = now.replace(minute=0, second=0, microsecond=0)  # a portal's rows are pruned an hour's worth at a time
    batches = [
        Batch("strays", None, partial(_delete_unmatched, now - KEEP_UNMATCHED)),
        Batch("changes", None, partial(audit_pruning.prune_changes, BATCH_SIZE)),
        Batch("nobody", None, partial(pruning.prune_exchanges, None, now - KEEP_UNOWNED_EXCHANGES, BATCH_SIZE)),
    ]
    gone = departed.find_some()
    batches += [Batch("departed", one, partial(departed.delete_exchanges, one, BATCH_SIZE)) for one in gone]
    messages = Message.objects.filter(portal=OuterRef("pk"))
    with_texts = messages.filter(received_at__gte=Coalesce(OuterRef("texts_emptied_to"), Value(LONG_AGO)))
    exchanges = Exchange.objects.filter(portal_id=OuterRef("pk"))
    due = _portals_with(with_texts.filter(received_at__lt=_keep_limit(hour, "keep_texts")))
    batches += [Batch("texts", one.pk, partial(_empty_texts, one.pk, hour - one.keep_texts)) for one in due]
    scheduled = messages.exclude(text="").filter(scheduled_at__lt=_keep_limit(hour, "keep_texts"))
    due = _portals_with(scheduled)
    batches += [Batch("scheduled", one.pk, partial(_empty_scheduled, one.pk, hour - one.keep_texts)) for one in due]
    due = _portals_with(messages.filter(received_at__lt=_keep_limit(hour, "keep_messages")))
    batches += [Batch("messages", one.pk, partial(_delete_batch, one.pk, hour - one.keep_messages)) for one in due]
    due = _portals_with(exchanges.filter(at__lt=_keep_limit(hour, "keep_exchanges")))
    batches += [
        Batch("exchanges", one.pk, partial(pruning.prune_exchanges, one.pk, hour - one.keep_exchanges, BATCH_SIZE))
        for one in due
    ]
    unused = CrmName.objects.filter(portal=OuterRef("pk"), asked_at__lt=now - names.KEEP_FOR)
    batches += [
        Batch("names", one.pk, partial(names.forget_unused, one.pk, BATCH_SIZE)) for one in _portals_with(unused)
    ]
    held = dead_letters.held(Kind.RETENTION)
    batches = [batch for batch in batches if batch.key not in held]
    random.shuffle(batches)
    return batches


def _keep_limit(hour: datetime, period: str) -> "ExpressionWrapper[Any]":
    return ExpressionWrapper(Value(hour) - OuterRef(period), DateTimeField())


def _portals_with(rows: "QuerySet[Any]") -> "QuerySet[Portal]":
    """Return some of the portals that have such rows, others each time, with one index look-up per portal."""
    return Portal.objects.filter(Exists(rows)).order_by("?")[:PORTALS_PER_ROUND]


@retry_on_deadlock
def _empty_texts(portal_id: int, before: datetime) -> int:
    """Empty the texts and numbers of the oldest messages that have some; record on the portal how far that went.

    The phase is not checked: no message waits for that long (`Sender.max_age`), so none of them is still to be sent.
    Scheduled ones may wait longer and are left to `_empty_scheduled`.
    """
    emptied_to = Portal.objects.values_list("texts_emptied_to", flat=True).filter(pk=portal_id).first()
    rows = Message.objects.filter(~Q(text="") | ~Q(to="") | ~Q(raw_to=""), portal_id=portal_id, received_at__lt=before)
    rows = rows.filter(received_at__gte=emptied_to or LONG_AGO, scheduled_at=None).order_by(*OLDEST_FIRST)
    with transaction.atomic():
        batch = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH_SIZE])
        _empty_messages(batch)
        # Rows that another transaction has locked are left for the next batch.
        first_left = rows.values_list("received_at", flat=True).first()
        Portal.objects.filter(pk=portal_id).update(texts_emptied_to=first_left or before)
    return len(batch)


@retry_on_deadlock
def _empty_scheduled(portal_id: int, before: datetime) -> int:
    """Empty scheduled messages, whose period counts from the time they were scheduled for."""
    rows = Message.objects.exclude(text="").filter(portal_id=portal_id, scheduled_at__lt=before)
    with transaction.atomic():
        oldest = rows.order_by("scheduled_at").select_for_update(skip_locked=True)
        batch = list(oldest.values_list("pk", flat=True)[:BATCH_SIZE])
        _empty_messages(batch)
    return len(batch)


def _empty_messages(messages: Sequence[int]) -> None:
    Message.objects.filter(pk__in=messages).update(text="", to="", raw_to="")
    DeliveryReport.objects.filter(message__in=messages).exclude(recipient="").update(recipient="")


@retry_on_deadlock
def _delete_batch(portal_id: int, before: datetime) -> int:
    rows = Message.objects.filter(portal_id=portal_id, received_at__lt=before).order_by(*OLDEST_FIRST)
    with transaction.atomic():
        batch = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH_SIZE])
        delete_messages(batch)
    return len(batch)


def delete_messages(messages: Sequence[int]) -> None:
    """Delete messages with their exchanges, reports and parts, but not from the tallies.

    Runs inside the caller's transaction.
    """
    Exchange.objects.filter(message_id__in=messages).delete()
    DeliveryReport.objects.filter(message__in=messages).delete()
    MessagePart.objects.filter(message__in=messages).delete()
    audit_pruning.forget_messages(messages)
    Message.objects.filter(resend_of__in=messages).update(resend_of=None)
    # Without the ORM, which would read every row with its text before deleting it.
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM messaging_message WHERE id = ANY(%s)", [list(messages)])


def _delete_unmatched(before: datetime) -> int:
    """Delete a batch of old reports, of any portal, that no message was found for; return how many."""
    unmatched = DeliveryReport.objects.filter(message=None, due_at=None, received_at__lt=before).order_by("received_at")
    held = [int(key) for key in dead_letters.held(Kind.STRAY)]
    ids = list(unmatched.exclude(pk__in=held).values_list("pk", flat=True)[:BATCH_SIZE])
    work_isolated(ids, _delete_reports, _set_aside_report)
    return len(ids)


def _delete_reports(ids: Sequence[int]) -> None:
    # Except those that were made due again in the meantime, because their message was found.
    DeliveryReport.objects.filter(pk__in=list(ids), message=None, due_at=None).delete()


def _set_aside_report(pk: int, error: Exception) -> None:
    dead_letters.note(Kind.STRAY, pk, error, retry=True)
