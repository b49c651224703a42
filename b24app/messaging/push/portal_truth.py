"""What portals may show wrongly: statuses that they have not acknowledged although there was time enough for it.

A portal does not say what it shows: `message.status.get` wants a number of its own that we never learn
(docs/bitrix24.md D.6). So this counts what has not been acknowledged, and has it pushed once more.
"""

from datetime import timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from django.utils import timezone

from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.messaging.models.messages import IN_DOUBT
from b24app.messaging.models.statuses import Phase, Status, Wait
from b24app.messaging.push.answers import LAST_TRY
from b24app.portals.models import Portal
from b24app.portals.status_timing import DELETED_AFTER

MAX_COUNTED = 1000
LATE_AFTER = timedelta(minutes=15)  # a push that has been due, or a status that has been final, for so long
SETTLED = timedelta(hours=1)  # a message's age at which a status is pushed again: the portal has its row by then
PUSHED_AGAIN = 1000  # at once, which is what one visit pushes

_copies = Message.objects.filter(status=Status.DELIVERED)
_HAS_DELIVERED_COPY = ~Q(status=Status.DELIVERED) & (
    Q(Exists(_copies.filter(resend_of=OuterRef("pk"))))
    | Q(Exists(_copies.filter(pk=OuterRef("resend_of"))))
    | Q(Exists(_copies.filter(resend_of=OuterRef("resend_of"))))
)
# The status is the one that the portal should show.
_SHOWN = (
    Q(message_id__isnull=False)
    & ~Q(phase=Phase.UNKNOWN)
    & ~Q(wait=Wait.COPY)
    & ~Q(status=Status.SENT, pushed=Status.SENT)
    & ~_HAS_DELIVERED_COPY
)
_LATE = Q(push_at__lte=Now() - LATE_AFTER)
# The portal has the message still. Late ones are few: the planner is kept from reading all of an index by age for it.
_IS_RECENT = Q(received_at__gte=Now() - DELETED_AFTER)
_IS_RECENT_UNINDEXED = Q(GreaterThanOrEqual(Coalesce("received_at", "push_at"), Now() - DELETED_AFTER))
# It has said twice that it has no such message: then it shows nothing.
_IS_MISSING = Q(push_error="ERROR_MESSAGE_NOT_FOUND", push_at__isnull=True, pushed_again_at__isnull=False)
_REFUSED = (
    IN_DOUBT
    & Q(LessThanOrEqual(Coalesce("final_at", "sent_at", "received_at"), Now() - LATE_AFTER))
    & ~_IS_MISSING
    & ~_LATE
)


def count_doubtful(portal: Portal) -> int:
    """Return how many statuses a portal may show wrongly, MAX_COUNTED at most; it should be none."""
    return len(find_doubtful(portal))


def find_doubtful(portal: Portal) -> list[int]:
    """Return messages whose statuses a portal may show wrongly, MAX_COUNTED at most."""
    late = _late().filter(portal=portal).order_by("push_at").values_list("pk", flat=True)
    refused = _refused().filter(portal=portal).order_by(*NEWEST_FIRST).values_list("pk", flat=True)
    found = list(late[:MAX_COUNTED])
    return found + list(refused[: MAX_COUNTED - len(found)])


def list_portals(limit: int, after: tuple[int, int] | None = None) -> list[tuple[int, Portal]]:
    """Return installed portals that may show statuses wrongly, with how many; those with most first.

    `after` is the number and the id of the last portal of the page before.
    """
    counts: dict[int, int] = {}
    for found in (_late(), _refused()):
        for portal_id, count in found.order_by().values_list("portal_id").annotate(Count("pk")):
            counts[portal_id] = counts.get(portal_id, 0) + count
    installed = Portal.objects.installed().in_bulk(list(counts))
    worst = sorted((-counts[portal_id], portal_id) for portal_id in installed)
    if after is not None:
        worst = [place for place in worst if place > (-after[0], after[1])]
    return [(-count, installed[portal_id]) for count, portal_id in worst[:limit]]


def push_again(portal: Portal) -> int:
    """Make statuses that are pushed no more due once again, each once; return how many."""
    now = timezone.now()
    lost = _refused().filter(portal=portal, push_at=None, pushed_again_at=None, received_at__lte=now - SETTLED)
    messages = list(lost.order_by(*NEWEST_FIRST).values_list("pk", flat=True)[:PUSHED_AGAIN])
    still = Message.objects.filter(pk__in=messages, push_at=None)
    return still.update(push_at=now, push_tries=LAST_TRY, pushed_again_at=now)


def _late() -> "QuerySet[Message]":
    return Message.objects.filter(_SHOWN & _LATE & _IS_RECENT_UNINDEXED)


def _refused() -> "QuerySet[Message]":
    return Message.objects.filter(_SHOWN & _REFUSED & _IS_RECENT)
