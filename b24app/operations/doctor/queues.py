"""Checks of what is due, from the rows: how long the oldest of each kind has been."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from b24app.messaging import dead_letters
from b24app.messaging.models import Message
from b24app.messaging.models.app_events import AppEvent
from b24app.messaging.models.dead_letters import DeadLetter
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.statuses import Phase
from b24app.messaging.reports import due_queue
from b24app.operations.doctor.findings import Finding, count_of, error, ok, warning
from b24app.portals.models import Portal

SLOW, STUCK = 60.0, 600.0  # seconds
SEND = "Look whether `worker` and `smpp` run, and which accounts are marked slow."
PUSH = "Look whether `pusher` runs, and which portals do not answer."
CARE = "Look whether `pusher` runs; it consumes `care` too."


def check_due() -> Iterator[Finding]:
    """Find what has been due for longer than it should."""
    now = timezone.now()
    for what, oldest, mend in (
        ("message to send", _oldest_to_send(now), SEND),
        ("message on the wire whose lease ended", _oldest_stranded(now), SEND),
        ("delivery report to apply", due_queue.first_due_at(), SEND),
        ("status to ask a service for", _oldest_to_poll(now), CARE),
        ("status to push", _oldest_to_push(now), PUSH),
        ("event of the application", _oldest(AppEvent.objects.filter(due_at__lte=now), "due_at"), CARE),
        ("erasure", _oldest(Erasure.objects.filter(due_at__lte=now), "due_at"), CARE),
    ):
        age = (now - oldest).total_seconds() if oldest and oldest < now else 0.0
        if age > SLOW:
            yield (error if age > STUCK else warning)(f"The oldest {what} has been due for {age:.0f} s.", mend)
        else:
            yield ok(f"Oldest {what}: {f'due for {age:.0f} s' if age else 'none due'}.")


def check_dead_letters() -> Iterator[Finding]:
    """Find work that raised and was set aside."""
    count = DeadLetter.objects.count()
    if count:
        yield warning(f"The dead letters hold {count_of(count, 'step')} that raised.", "See `manage.py dead_letters`.")
    else:
        yield ok("Nothing was set aside.")


def _oldest_to_send(now: datetime) -> datetime | None:
    """Return since when a message could be sent; not of accounts that rest, and not what only waits for its turn."""
    rows = Message.objects.filter(phase=Phase.WAITING, due_at__lte=now, connection__portal__uninstalled_at=None)
    return _oldest(rows.exclude(_of_resting_account(now)), "due_at")


def _oldest_to_poll(now: datetime) -> datetime | None:
    rows = Message.objects.filter(poll_at__lte=now, connection__portal__uninstalled_at=None)
    return _oldest(rows.exclude(_of_resting_account(now)), "poll_at")


def _of_resting_account(now: datetime) -> Q:
    return Q(connection__throttled_until__gt=now) | Q(connection__breaker_until__gt=now)


def _oldest_stranded(now: datetime) -> datetime | None:
    rows = Message.objects.filter(phase=Phase.ON_WIRE, lease_until__lte=now)
    return _oldest(rows.filter(connection__portal__uninstalled_at=None), "lease_until")


def _oldest_to_push(now: datetime) -> datetime | None:
    portals = Portal.objects.callable_at(now).exclude(pk__in=dead_letters.held_ids("push"))
    portals = portals.exclude(push_after__gt=now)
    return _oldest(Message.objects.filter(push_at__lte=now, portal__in=portals), "push_at")


def _oldest(rows: "QuerySet[Any]", column: str) -> datetime | None:
    found: datetime | None = rows.aggregate(oldest=Min(column))["oldest"]
    return found
