"""What portals no longer want kept goes: texts and numbers first, later whole messages; the day tallies stay.

A round is bounded in time and takes small batches of all portals in turn, so that millions of old rows of one hold up
neither the others nor the sending.
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

from b24app.core import shutdown
from b24app.core.deadlock_retry import retry_on_deadlock
from b24app.core.isolation import work_each, work_isolated
from b24app.core.outage import AWAY
from b24app.exchange_log import pruning
from b24app.exchange_log.models import Exchange
from b24app.messaging import dead_letters
from b24app.messaging.models import NEWEST_FIRST, DeliveryReport, Message, MessagePart
from b24app.messaging.models.dead_letters import Kind
from b24app.portals.models import Portal

log = structlog.get_logger(__name__)

ROUND = 20.0  # seconds
AT_ONCE = 1000
PORTALS_AT_ONCE = 500
STRAYS = timedelta(days=30)  # reports that belong to no message of ours
NOBODYS_EXCHANGES = timedelta(days=30)
OLDEST_FIRST = tuple(name.removeprefix("-") for name in NEWEST_FIRST)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Batch:
    """What is done a thousand rows at a time; `work` answers of how many. Its key names it where it raises."""

    step: str
    portal_id: int | None
    work: Callable[[], int]

    @property
    def key(self) -> str:
        return f"{self.step}:{self.portal_id or 0}"


def prune_messages(seconds: float = ROUND) -> int:
    """Work for about so long at most; answers how many rows went or were emptied."""
    try:
        batches = deque(_due(timezone.now()))
        return sum(work_each(shutdown.in_time(_in_turn(batches), seconds), partial(_work, batches), _set_aside))
    except AWAY as error:
        log.warning("pruning_stopped", error=type(error).__name__)
        return 0


def _in_turn(batches: deque[Batch]) -> Iterator[Batch]:
    while batches:
        yield batches.popleft()


def _work(batches: deque[Batch], batch: Batch) -> int:
    started = time.monotonic()
    count = batch.work()
    shutdown.wait_for_request(time.monotonic() - started)  # half of the disk's time is for the others
    if count >= AT_ONCE:
        batches.append(batch)
    return count


def _set_aside(batch: Batch, error: Exception) -> None:
    """It is left out for a while, longer each time."""
    dead_letters.note(Kind.RETENTION, batch.key, error, portal=batch.portal_id, retry=True)


def _due(now: datetime) -> list[Batch]:
    """A batch for everything that is due; in random order, for a round may end before the last."""
    hour = now.replace(minute=0, second=0, microsecond=0)  # so that a portal is visited for an hour's rows at a time
    batches = [
        Batch("strays", None, partial(_drop_strays, now - STRAYS)),
        Batch("nobody", None, partial(pruning.prune_exchanges, None, now - NOBODYS_EXCHANGES, AT_ONCE)),
    ]
    messages = Message.objects.filter(portal=OuterRef("pk"))
    with_texts = messages.filter(received_at__gte=Coalesce(OuterRef("texts_emptied_to"), Value(LONG_AGO)))
    exchanges = Exchange.objects.filter(portal_id=OuterRef("pk"))
    due = _portals(with_texts.filter(received_at__lt=_before(hour, "keep_texts")))
    batches += [Batch("texts", one.pk, partial(_empty, one.pk, hour - one.keep_texts)) for one in due]
    due = _portals(messages.filter(received_at__lt=_before(hour, "keep_messages")))
    batches += [Batch("messages", one.pk, partial(_drop, one.pk, hour - one.keep_messages)) for one in due]
    due = _portals(exchanges.filter(at__lt=_before(hour, "keep_exchanges")))
    batches += [
        Batch("exchanges", one.pk, partial(pruning.prune_exchanges, one.pk, hour - one.keep_exchanges, AT_ONCE))
        for one in due
    ]
    held = dead_letters.held(Kind.RETENTION)
    batches = [batch for batch in batches if batch.key not in held]
    random.shuffle(batches)
    return batches


def _before(hour: datetime, period: str) -> "ExpressionWrapper[Any]":
    return ExpressionWrapper(Value(hour) - OuterRef(period), DateTimeField())


def _portals(rows: "QuerySet[Any]") -> "QuerySet[Portal]":
    """Some of the portals that have such rows, other ones each time: one look into an index for each portal."""
    return Portal.objects.filter(Exists(rows)).order_by("?")[:PORTALS_AT_ONCE]


@retry_on_deadlock
def _empty(portal_id: int, before: datetime) -> int:
    """Empty texts and numbers of the oldest messages that have some; how far that went is kept on the portal.

    Whatever its phase: no message lives for so long (`Sender.max_age`), so nothing is emptied that is still to be sent.
    """
    emptied_to = Portal.objects.values_list("texts_emptied_to", flat=True).filter(pk=portal_id).first()
    rows = Message.objects.filter(~Q(text="") | ~Q(to="") | ~Q(raw_to=""), portal_id=portal_id, received_at__lt=before)
    rows = rows.filter(received_at__gte=emptied_to or LONG_AGO).order_by(*OLDEST_FIRST)
    with transaction.atomic():
        batch = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:AT_ONCE])
        Message.objects.filter(pk__in=batch).update(text="", to="", raw_to="")
        DeliveryReport.objects.filter(message__in=batch).exclude(recipient="").update(recipient="")
        # What was locked by somebody else is met again.
        first_left = rows.values_list("received_at", flat=True).first()
        Portal.objects.filter(pk=portal_id).update(texts_emptied_to=first_left or before)
    return len(batch)


@retry_on_deadlock
def _drop(portal_id: int, before: datetime) -> int:
    rows = Message.objects.filter(portal_id=portal_id, received_at__lt=before).order_by(*OLDEST_FIRST)
    with transaction.atomic():
        batch = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:AT_ONCE])
        forget_numbers(batch)
    return len(batch)


def forget_numbers(messages: Sequence[int]) -> None:
    """Remove messages and all that hangs on them, but for the day tallies; belongs into a transaction."""
    Exchange.objects.filter(message_id__in=messages).delete()
    DeliveryReport.objects.filter(message__in=messages).delete()
    MessagePart.objects.filter(message__in=messages).delete()
    Message.objects.filter(resend_of__in=messages).update(resend_of=None)
    # Not by the ORM, which would read every row with its text before it deletes it.
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM messaging_message WHERE id = ANY(%s)", [list(messages)])


def _drop_strays(before: datetime) -> int:
    """Reports that were given up: no message of ours has their ref. They are of many portals."""
    strays = DeliveryReport.objects.filter(message=None, due_at=None, received_at__lt=before).order_by("received_at")
    held = [int(key) for key in dead_letters.held(Kind.STRAY)]
    ids = list(strays.exclude(pk__in=held).values_list("pk", flat=True)[:AT_ONCE])
    work_isolated(ids, _delete_strays, _set_stray_aside)
    return len(ids)


def _delete_strays(ids: Sequence[int]) -> None:
    # Not one that was made due again meanwhile, for its message has turned up.
    DeliveryReport.objects.filter(pk__in=list(ids), message=None, due_at=None).delete()


def _set_stray_aside(pk: int, error: Exception) -> None:
    dead_letters.note(Kind.STRAY, pk, error, retry=True)
