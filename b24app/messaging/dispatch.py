"""Step 2: what is due on a connection goes to its service.

One drain per connection at a time, so its rate and its concurrency are its own business.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import Q
from django.utils import timezone

from b24app.core.leases import let_go
from b24app.messaging import connections
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.sending import CONNECTION_LEASE, Drain
from b24app.messaging.statuses import Change, Phase, Reason, Status, Wait
from b24app.messaging.verdicts import question_of_unknown, repeatable_until
from providers.kit import registry
from providers.kit.contract import Provider

log = structlog.get_logger(__name__)

EXPIRE_AT_ONCE = 1000
LOOK_FOR_SERVICE = timedelta(minutes=5)


@dataclass(slots=True)
class Visit:
    """What a drain leaves behind: when to come back, and whether a report waits for one of the refs it wrote."""

    again: datetime | None = None
    slow: bool = False
    early_reports: bool = False
    to_ask: datetime | None = None


def drain(connection_id: int) -> Visit:
    """Send what is due on a connection, unless somebody else is at it."""
    holder = uuid.uuid4()
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    if not Connection.objects.filter(free, pk=connection_id).update(
        lease_until=now + CONNECTION_LEASE, lease_holder=holder
    ):
        return Visit()  # whoever holds it looks once more after letting go
    visit = Visit()
    connection = Connection.objects.select_related("portal").get(pk=connection_id)
    try:
        visit.early_reports = _drain(connection)
    finally:
        _let_go(connection, holder)
    connection.refresh_from_db()
    visit.slow, visit.again, visit.to_ask = connection.slow, _next_due(connection), _next_question(connection)
    return visit


def _next_due(connection: Connection) -> datetime | None:
    if connection.portal.uninstalled_at is not None:
        return None
    waiting = Message.objects.filter(connection=connection, phase=Phase.WAITING).order_by("due_at")
    # One class at a time, for only so does the index give the order.
    firsts = [waiting.filter(bulk=bulk).values_list("due_at", flat=True).first() for bulk in (False, True)]
    first = min(filter(None, firsts), default=None)
    if first is None:
        return None
    return max(filter(None, (first, connection.throttled_until, connection.breaker_until, connection.paced_until)))


def _next_question(connection: Connection) -> datetime | None:
    asked = Message.objects.filter(connection=connection, poll_at__isnull=False)
    return asked.order_by("poll_at").values_list("poll_at", flat=True).first()


def _let_go(connection: Connection, holder: uuid.UUID) -> None:
    mine = Connection.objects.filter(pk=connection.pk, lease_holder=holder)
    let_go(lambda: mine.update(lease_until=None, lease_holder=None, paced_until=connection.paced_until))


def _drain(connection: Connection) -> bool:
    """Answers whether reports came before the refs that this drain wrote."""
    if connection.portal.uninstalled_at is not None:
        return False
    try:
        service = registry.get(connection.service)
    except registry.Unavailable as missing:
        log.error("service_unavailable", service=connection.service, why=str(missing))
        expire(connection)
        _wait_for_service(connection)
        return False
    give_up_repeats(connection, service)
    expire(connection)
    recover(connection, service)
    if connection.state == ConnectionState.REMOVED:
        _fail_waiting(connection, Reason.SENDER_REMOVED)
    elif connection.state == ConnectionState.ACTIVE:
        now = timezone.now()
        if not (connection.throttled_until and connection.throttled_until > now):
            return Drain(connection, service).run()
    else:
        connections.hold(connection)
    return False


def _wait_for_service(connection: Connection) -> None:
    """Its file does not load here; another node's may, or the next version's."""
    now = timezone.now()
    due = Message.objects.filter(connection=connection, phase=Phase.WAITING, due_at__lte=now)
    due.update(wait=Wait.UNAVAILABLE, due_at=now + LOOK_FOR_SERVICE)


def expire(connection: Connection) -> None:
    """Fail what has waited for its whole life."""
    old = Message.objects.filter(
        connection=connection,
        phase=Phase.WAITING,
        due_at__lte=timezone.now(),
        expires_at__lte=timezone.now(),
        repeat_until=None,
    ).order_by("id")[:EXPIRE_AT_ONCE]
    Message.objects.advance(
        Change(pk=one.pk, status=Status.FAILED, reason=Reason.EXPIRED, code=one.service_code, detail=one.detail)
        for one in old
    )


def recover(connection: Connection, service: type[Provider]) -> None:
    """Messages on the wire whose lease ran out: their worker was killed, so nobody knows whether they left."""
    now = timezone.now()
    lost = Message.objects.filter(connection=connection, phase=Phase.ON_WIRE, lease_until__lt=now)
    for message in lost.order_by("id"):
        row = lost.filter(pk=message.pk, attempts=message.attempts)
        until = repeatable_until(connection, service, message.first_attempt_at or now)
        if now < until:
            row.update(phase=Phase.WAITING, wait=Wait.RETRY, due_at=now, lease_until=None, repeat_until=until)
        else:
            ask = question_of_unknown(service)
            row.update(phase=Phase.UNKNOWN, reason=Reason.INTERRUPTED, lease_until=None, due_at=None, poll_at=ask)


def give_up_repeats(connection: Connection, service: type[Provider]) -> None:
    """Messages that may have been taken and waited too long: a repeat would be sent a second time."""
    now = timezone.now()
    due = Message.objects.filter(connection=connection, phase=Phase.WAITING, due_at__lte=now)
    due.filter(Q(repeat_until__lte=now) | Q(repeat_until__isnull=False, expires_at__lte=now)).update(
        phase=Phase.UNKNOWN, wait=Wait.NONE, due_at=None, reason=Reason.TIMED_OUT, poll_at=question_of_unknown(service)
    )


def _fail_waiting(connection: Connection, reason: Reason) -> None:
    waiting = Message.objects.filter(connection=connection, phase=Phase.WAITING).order_by("id")[:EXPIRE_AT_ONCE]
    Message.objects.advance(Change(pk=one.pk, status=Status.FAILED, reason=reason) for one in waiting)
