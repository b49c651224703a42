"""Read from the rows what is due, by EXISTS over partial indexes: it costs the same with any number of rows."""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from b24app.core.isolation import work_isolated
from b24app.messaging import dead_letters
from b24app.messaging.dispatch.lease_queries import SMPP_SERVICES
from b24app.messaging.models import Connection, Message
from b24app.messaging.models.app_events import AppEvent
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.notices import Notice
from b24app.messaging.models.statuses import Phase, Status
from b24app.messaging.notices import detection, failure_rate
from b24app.messaging.push import postponing, timeline
from b24app.messaging.reports import due_queue
from b24app.portals.models import Portal, PortalCopy

BATCH_SIZE = 500
LONG_WAIT = timedelta(minutes=15)  # then "queued" is pushed to the portal


def to_drain() -> Sequence[tuple[int, bool]]:
    """Return connections with messages to send, expire or recover: id and whether the service is slow.

    Not SMPP accounts: their process looks for them itself.
    """
    now = timezone.now()
    messages = Message.objects.filter(connection=OuterRef("pk"))
    due = Exists(messages.filter(phase=Phase.WAITING, due_at__lte=now))
    stranded = Exists(messages.filter(phase=Phase.ON_WIRE, lease_until__lt=now))
    held = Q(lease_until__gt=now) | Q(throttled_until__gt=now) | Q(breaker_until__gt=now)
    rows = Connection.objects.filter(due | stranded, portal__uninstalled_at=None).exclude(held)
    rows = rows.exclude(service__in=SMPP_SERVICES).exclude(pk__in=_held_ids(Kind.ACCOUNT))
    return list(rows.values_list("pk", "slow")[:BATCH_SIZE])


def reports_are_due() -> bool:
    """Return whether there are reports to apply."""
    first = due_queue.first_due_at()
    return first is not None and first <= timezone.now()


def to_poll() -> Sequence[tuple[int, bool]]:
    """Return connections with messages whose status is to be polled: id and whether the service is slow."""
    due = Message.objects.filter(connection=OuterRef("pk"), poll_at__lte=timezone.now())
    rows = Connection.objects.filter(Exists(due), portal__uninstalled_at=None)
    rows = rows.exclude(pk__in=dead_letters.held_ids("poll"))
    return list(rows.values_list("pk", "slow")[:BATCH_SIZE])


def to_push() -> Sequence[int]:
    """Return portals with statuses to push."""
    now = timezone.now()
    due = Message.objects.filter(portal=OuterRef("pk"), push_at__lte=now)
    rows = Portal.objects.callable_at(now).filter(Exists(due)).exclude(pk__in=dead_letters.held_ids("push"))
    rows = rows.exclude(Q(push_lease_until__gt=now) | Q(push_after__gt=now))
    rows = rows.exclude(postponing.waiting_for_token(now))
    return list(rows.values_list("pk", flat=True)[:BATCH_SIZE])


def to_notify() -> Sequence[int]:
    """Return portals whose administrators may have to be notified."""
    now = timezone.now()
    due = Notice.objects.filter(portal=OuterRef("pk"), due_at__lte=now)
    rows = Portal.objects.callable_at(now).filter(Q(Exists(due)) | detection.portals_to_sync())
    rows = rows.exclude(pk__in=dead_letters.held_ids("notify"))
    return list(rows.values_list("pk", flat=True)[:BATCH_SIZE])


def to_note() -> Sequence[int]:
    """Return portals with scheduled messages that were sent and have no entry in the timeline yet."""
    now = timezone.now()
    due = timeline.sent_on_schedule().filter(portal=OuterRef("pk"))
    rows = Portal.objects.callable_at(now).filter(Exists(due)).exclude(pk__in=dead_letters.held_ids("note"))
    return list(rows.values_list("pk", flat=True)[:BATCH_SIZE])


def to_watch() -> Sequence[int]:
    """Return portals where a sender may fail too often, and whose administrators can be notified."""
    now = timezone.now()
    rows = Portal.objects.installed().filter(
        failure_rate.portals_with_failures(now), suspension="", no_token_since=None
    )
    rows = rows.exclude(pk__in=dead_letters.held_ids("notify")).exclude(rest_after__gt=now)
    return list(rows.values_list("pk", flat=True)[:BATCH_SIZE])


def to_check_copies() -> Sequence[int]:
    """Return portals with other addresses that are due to be looked into or settled."""
    due = PortalCopy.objects.filter(due_at__lte=timezone.now(), portal__uninstalled_at=None)
    due = due.exclude(portal__in=dead_letters.held_ids("copies"))
    return list(due.order_by("due_at").values_list("portal", flat=True)[:BATCH_SIZE])


def to_erase() -> Sequence[int]:
    """Return erasures that are not finished."""
    rows = Erasure.objects.filter(due_at__lte=timezone.now()).exclude(pk__in=dead_letters.held_ids("erase"))
    return list(rows.values_list("pk", flat=True)[:BATCH_SIZE])


def to_apply_app_events() -> Sequence[int]:
    """Return events of the application's life that are due."""
    rows = AppEvent.objects.filter(due_at__lte=timezone.now()).exclude(pk__in=dead_letters.held_ids("app_event"))
    return list(rows.order_by("due_at").values_list("pk", flat=True)[:BATCH_SIZE])


def to_leave() -> Sequence[int]:
    """Return uninstalled portals whose data are to be erased."""
    rows = Portal.objects.filter(erase_at__lte=timezone.now(), uninstalled_at__isnull=False)
    rows = rows.exclude(pk__in=dead_letters.held_ids("erase_portal"))
    return list(rows.order_by("erase_at").values_list("pk", flat=True)[:BATCH_SIZE])


def push_long_waits() -> int:
    """Make a push due for messages that have been queued for long; return how many."""
    waiting = Message.objects.filter(
        phase=Phase.WAITING,
        message_id__isnull=False,
        pushed=Status.SENT,
        push_at=None,
        received_at__lt=timezone.now() - LONG_WAIT,
    )
    # In the order of its index: otherwise the planner reads the whole table.
    oldest = (
        waiting.exclude(pk__in=_held_ids(Kind.STATUS)).order_by("received_at").values_list("pk", flat=True)[:BATCH_SIZE]
    )
    return sum(work_isolated(list(oldest), _make_push_due, _note_failed_status))


def _make_push_due(messages: Sequence[int]) -> int:
    return Message.objects.filter(pk__in=list(messages)).update(push_at=timezone.now())


def _note_failed_status(pk: int, error: Exception) -> None:
    dead_letters.note(Kind.STATUS, pk, error, retry=True)


def _held_ids(kind: Kind) -> list[int]:
    return [int(key) for key in dead_letters.held(kind)]
