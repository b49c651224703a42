"""The pause switches of a sender and of a whole portal, and what a pause would cost; a connection has its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import TruncDay, TruncHour
from django.utils import timezone

from b24app.core.deadlock_retry import retry_on_deadlock
from b24app.messaging.connections.lifecycle import put_off_messages
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.models.guards import Rules
from b24app.messaging.models.statuses import Phase, Wait
from b24app.portals.models import Portal

MOST_GROUPS = 6
FOR_RULES = (Wait.CAP, Wait.QUIET_HOURS)


@dataclass(frozen=True, slots=True)
class Expiring:
    """So many messages expire between these two moments."""

    first: datetime
    last: datetime
    messages: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What waits now, and when it expires if nothing goes out meanwhile, the earliest first."""

    waiting: int
    groups: list[Expiring]


def waiting_of(portal: Portal, sender: Sender | None = None) -> "QuerySet[Message]":
    """What waits in a portal, or for one of its senders; by connection, for so the index of what is due has it."""
    if sender is not None:
        return Message.objects.filter(connection=sender.connection_id, sender=sender, phase=Phase.WAITING)
    accounts = list(Connection.objects.filter(portal=portal).values_list("pk", flat=True))
    return Message.objects.filter(connection__in=accounts, phase=Phase.WAITING)


def forecast_resume(waiting: "QuerySet[Message]", zone: ZoneInfo) -> Forecast:
    """Count what waits by the hour in which it expires; by the day where those are many."""
    for trunc in (TruncHour, TruncDay):
        groups = _grouped(waiting, trunc("expires_at", tzinfo=zone))
        if len(groups) <= MOST_GROUPS:
            break
    else:
        rest = groups[MOST_GROUPS - 1 :]
        late = Expiring(rest[0].first, rest[-1].last, sum(one.messages for one in rest))
        groups = [*groups[: MOST_GROUPS - 1], late]
    return Forecast(sum(one.messages for one in groups), groups)


def _grouped(waiting: "QuerySet[Message]", by: TruncHour | TruncDay) -> list[Expiring]:
    rows = waiting.annotate(together=by).values("together").order_by("together")
    rows = rows.annotate(first=Min("expires_at"), last=Max("expires_at"), messages=Count("pk"))
    return [Expiring(row["first"], row["last"], row["messages"]) for row in rows]


@retry_on_deadlock
def pause_sender(sender: Sender) -> int:
    """Send nothing of a sender until somebody resumes; answers how many messages are put off now."""
    with transaction.atomic():
        Sender.objects.filter(pk=sender.pk, paused_at=None).update(paused_at=timezone.now())
        return _put_off(waiting_of(sender.portal, sender))


@retry_on_deadlock
def resume_sender(sender: Sender) -> int:
    """Send again; answers how many messages were waiting for that."""
    with transaction.atomic():
        Sender.objects.filter(pk=sender.pk).update(paused_at=None)
        return _release(waiting_of(sender.portal, sender), [Wait.PAUSED])


@retry_on_deadlock
def pause_portal(portal: Portal) -> int:
    """Send nothing of a portal until somebody resumes; answers how many messages are put off now."""
    with transaction.atomic():
        rules, _created = Rules.objects.get_or_create(portal=portal)
        Rules.objects.filter(pk=rules.pk, paused_at=None).update(paused_at=timezone.now())
        return _put_off(waiting_of(portal))


@retry_on_deadlock
def resume_portal(portal: Portal) -> int:
    """Send again; answers how many messages were waiting for that."""
    with transaction.atomic():
        Rules.objects.filter(portal=portal).update(paused_at=None)
        return _release(waiting_of(portal), [Wait.PAUSED])


@retry_on_deadlock
def reconsider_waiting(portal: Portal, sender: Sender | None = None) -> int:
    """The rules have changed: what was held by the old ones is looked at again. Answers how many messages."""
    with transaction.atomic():
        return _release(waiting_of(portal, sender), FOR_RULES)


def _put_off(waiting: "QuerySet[Message]") -> int:
    """What waits for its account goes on doing so."""
    return put_off_messages(waiting.exclude(wait__in=[Wait.BLOCKED, Wait.UNAVAILABLE]), Wait.PAUSED)


def _release(waiting: "QuerySet[Message]", waits: Iterable[Wait]) -> int:
    return waiting.filter(wait__in=list(waits)).update(wait=Wait.NONE, due_at=timezone.now())
