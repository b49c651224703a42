"""An operator's order to try again what was set aside, once its cause is mended."""

from collections.abc import Callable, Mapping, Sequence

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.messaging.models import DeliveryReport, Message
from b24app.messaging.models.dead_letters import DeadLetter, Kind
from b24app.messaging.models.statuses import Phase
from b24app.messaging.statistics.breakdowns import COUNT_AGAIN

AT_ONCE = 1000


def retry_kind(kind: Kind) -> int:
    """Make due what was set aside of a kind, and drop its letters; return how many.

    Ring for nothing: the next sweep finds it. Of a verdict only the letter goes, for its message has become unknown.
    """
    total = 0
    while some := _retry_some(kind):
        total += some
    return total


def _retry_some(kind: Kind) -> int:
    with transaction.atomic():
        letters = DeadLetter.objects.filter(kind=kind).order_by("pk").select_for_update(skip_locked=True)
        keys = list(letters.values_list("key", flat=True)[:AT_ONCE])
        if kind in MAKE_DUE:
            MAKE_DUE[kind]([int(key) for key in keys])
        DeadLetter.objects.filter(kind=kind, key__in=keys).delete()
    return len(keys)


def _apply_again(reports: Sequence[int]) -> None:
    DeliveryReport.objects.filter(pk__in=reports, message=None).update(due_at=timezone.now(), tries=0)


def _count_again(climbs: Sequence[int]) -> None:
    with database.cursor() as cursor:
        cursor.execute(COUNT_AGAIN, [list(climbs)])


def _send_again(messages: Sequence[int]) -> None:
    Message.objects.filter(pk__in=messages, phase=Phase.WAITING).update(due_at=timezone.now())


def _tell_again(messages: Sequence[int]) -> None:
    Message.objects.filter(pk__in=messages).exclude(push_error="").update(push_at=timezone.now(), push_error="")


# All other kinds are worked in rounds, which pass them over no more once their letters are gone.
MAKE_DUE: Mapping[Kind, Callable[[Sequence[int]], None]] = {
    Kind.REPORT: _apply_again,
    Kind.CLIMB: _count_again,
    Kind.MESSAGE: _send_again,
    Kind.STATUS: _tell_again,
}
