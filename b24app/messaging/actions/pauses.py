"""Pause and resume a sender or a whole portal, and forecast which messages would expire; connections have their own."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import TruncDay, TruncHour
from django.utils import timezone

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.messaging.connections.lifecycle import put_off_messages
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.models.guards import Rules
from b24app.messaging.models.statuses import Phase, Wait
from b24app.portals.models import Portal

MAX_GROUPS = 6
HELD_BY_RULES = (Wait.CAP, Wait.QUIET_HOURS)


@dataclass(frozen=True, slots=True)
class ExpiryGroup:
    """How many messages expire between two moments."""

    first: datetime
    last: datetime
    messages: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many messages wait now, and when they expire if nothing is sent in the meantime, earliest first."""

    waiting: int
    groups: list[ExpiryGroup]


def waiting_messages(portal: Portal, sender: Sender | None = None) -> "QuerySet[Message]":
    """Return the waiting messages of a portal or of one of its senders.

    Filtered by connection because the index of due messages starts with it.
    """
    if sender is not None:
        return Message.objects.filter(connection=sender.connection_id, sender=sender, phase=Phase.WAITING)
    accounts = list(Connection.objects.filter(portal=portal).values_list("pk", flat=True))
    return Message.objects.filter(connection__in=accounts, phase=Phase.WAITING)


def forecast_resume(waiting: "QuerySet[Message]", zone: ZoneInfo) -> Forecast:
    """Count waiting messages by the hour in which they expire; by the day if there are too many hours.

    If there are too many days as well, the last group has all remaining ones.
    """
    for trunc in (TruncHour, TruncDay):
        groups = _group_by_expiry(waiting, trunc("expires_at", tzinfo=zone))
        if len(groups) <= MAX_GROUPS:
            break
    else:
        rest = groups[MAX_GROUPS - 1 :]
        last_group = ExpiryGroup(rest[0].first, rest[-1].last, sum(one.messages for one in rest))
        groups = [*groups[: MAX_GROUPS - 1], last_group]
    return Forecast(sum(one.messages for one in groups), groups)


def _group_by_expiry(waiting: "QuerySet[Message]", by: TruncHour | TruncDay) -> list[ExpiryGroup]:
    rows = waiting.annotate(together=by).values("together").order_by("together")
    rows = rows.annotate(first=Min("expires_at"), last=Max("expires_at"), messages=Count("pk"))
    return [ExpiryGroup(row["first"], row["last"], row["messages"]) for row in rows]


@retry_on_deadlock
def pause_sender(sender: Sender) -> int:
    """Send nothing from a sender until somebody resumes it; return how many messages are held now."""
    with transaction.atomic():
        if Sender.objects.filter(pk=sender.pk, paused_at=None).update(paused_at=timezone.now()):
            record_change(Action.PAUSED, sender.audit_subject)
        return _hold_as_paused(waiting_messages(sender.portal, sender))


@retry_on_deadlock
def resume_sender(sender: Sender) -> int:
    """Send again; return how many messages were waiting for that."""
    with transaction.atomic():
        if Sender.objects.filter(pk=sender.pk, paused_at__isnull=False).update(paused_at=None):
            record_change(Action.RESUMED, sender.audit_subject)
        return _release_waiting(waiting_messages(sender.portal, sender), [Wait.PAUSED])


@retry_on_deadlock
def pause_portal(portal: Portal) -> int:
    """Send nothing from a portal until somebody resumes it; return how many messages are held now."""
    with transaction.atomic():
        rules, _created = Rules.objects.get_or_create(portal=portal)
        if Rules.objects.filter(pk=rules.pk, paused_at=None).update(paused_at=timezone.now()):
            record_change(Action.PAUSED, _portal_subject(portal))
        return _hold_as_paused(waiting_messages(portal))


@retry_on_deadlock
def resume_portal(portal: Portal) -> int:
    """Send again; return how many messages were waiting for that."""
    with transaction.atomic():
        if Rules.objects.filter(portal=portal, paused_at__isnull=False).update(paused_at=None):
            record_change(Action.RESUMED, _portal_subject(portal))
        return _release_waiting(waiting_messages(portal), [Wait.PAUSED])


@retry_on_deadlock
def reconsider_waiting(portal: Portal, sender: Sender | None = None) -> int:
    """Make due what limits or quiet hours hold, after these have changed; return how many messages."""
    with transaction.atomic():
        return _release_waiting(waiting_messages(portal, sender), HELD_BY_RULES)


def _portal_subject(portal: Portal) -> Subject:
    return Subject(portal.pk, Kind.PORTAL, portal.pk)


def _hold_as_paused(waiting: "QuerySet[Message]") -> int:
    """Hold waiting messages as paused, except those that wait for their account: these keep their reason."""
    return put_off_messages(waiting.exclude(wait__in=[Wait.BLOCKED, Wait.UNAVAILABLE]), Wait.PAUSED)


def _release_waiting(waiting: "QuerySet[Message]", waits: Iterable[Wait]) -> int:
    return waiting.filter(wait__in=list(waits)).update(wait=Wait.NONE, due_at=timezone.now())
