"""Retry dead letters on an operator's command, once their cause is fixed."""

from collections.abc import Callable, Mapping, Sequence

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.messaging.models import DeliveryReport, Message
from b24app.messaging.models.dead_letters import DeadLetter, Kind
from b24app.messaging.models.statuses import Phase
from b24app.messaging.statistics.breakdowns import RETURN_CLIMBS

BATCH_SIZE = 1000


def retry_kind(kind: Kind) -> int:
    """Make due what was set aside of a kind, and delete its letters; return how many.

    Nothing is enqueued: the next sweep finds the rows. Of a send result only the letter is deleted, because its message
    has become unknown.
    """
    total = 0
    while count := _retry_batch(kind):
        total += count
    return total


def _retry_batch(kind: Kind) -> int:
    with transaction.atomic():
        letters = DeadLetter.objects.filter(kind=kind).order_by("pk").select_for_update(skip_locked=True)
        keys = list(letters.values_list("key", flat=True)[:BATCH_SIZE])
        if kind in MAKE_DUE:
            MAKE_DUE[kind]([int(key) for key in keys])
        DeadLetter.objects.filter(kind=kind, key__in=keys).delete()
    return len(keys)


def _reapply_reports(reports: Sequence[int]) -> None:
    DeliveryReport.objects.filter(pk__in=reports, message=None).update(due_at=timezone.now(), tries=0)


def _recount_climbs(climbs: Sequence[int]) -> None:
    with database.cursor() as cursor:
        cursor.execute(RETURN_CLIMBS, [list(climbs)])


def _resend_waiting(messages: Sequence[int]) -> None:
    Message.objects.filter(pk__in=messages, phase=Phase.WAITING).update(due_at=timezone.now())


def _repush_statuses(messages: Sequence[int]) -> None:
    Message.objects.filter(pk__in=messages).exclude(push_error="").update(push_at=timezone.now(), push_error="")


# All other kinds are processed in rounds, which no longer skip them once their letters are deleted.
MAKE_DUE: Mapping[Kind, Callable[[Sequence[int]], None]] = {
    Kind.REPORT: _reapply_reports,
    Kind.CLIMB: _recount_climbs,
    Kind.MESSAGE: _resend_waiting,
    Kind.STATUS: _repush_statuses,
}
