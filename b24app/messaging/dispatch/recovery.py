"""Recover messages whose worker was killed, and those of accounts that do not send: no attempt is left hanging."""

from collections.abc import Collection, Iterable
from datetime import timedelta

import structlog
from django.db.models import Q, QuerySet
from django.utils import timezone

from b24app.core.monitoring import metrics
from b24app.messaging.connections import lifecycle
from b24app.messaging.dispatch.claims import expire_messages
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.models.statuses import Change, Phase, Reason, Status, Wait
from b24app.messaging.retry_policy import poll_unknown_at, repeatable_until
from providers.kit import registry
from providers.kit.contract import Provider

log = structlog.get_logger(__name__)

BATCH_SIZE = 1000
SERVICE_RETRY_AFTER = timedelta(minutes=5)


def recover_stranded(connection: Connection, service: type[Provider]) -> None:
    """Recover messages on the wire whose lease ended: their worker was killed, so nobody knows whether they left."""
    now = timezone.now()
    rows = Message.objects.filter(connection=connection, phase=Phase.ON_WIRE, lease_until__lt=now)
    rows.filter(first_attempt_at=None).update(phase=Phase.WAITING, due_at=now, lease_until=None)
    for message in rows.order_by("id"):
        row = rows.filter(pk=message.pk, attempts=message.attempts)
        until = repeatable_until(connection, service, message.first_attempt_at or now)
        if now < until:
            row.update(phase=Phase.WAITING, wait=Wait.RETRY, due_at=now, lease_until=None, repeat_until=until)
        else:
            poll_at = poll_unknown_at(service)
            interrupted = {"phase": Phase.UNKNOWN, "reason": Reason.INTERRUPTED, "lease_until": None, "due_at": None}
            if row.update(**interrupted, poll_at=poll_at):
                metrics.UNKNOWN.labels(service.code, Reason.INTERRUPTED).inc()


def load_service(connection: Connection) -> type[Provider] | None:
    """Return the connection's service; None if its file does not load here. Then its messages wait until it may."""
    try:
        return registry.get(connection.service)
    except registry.Unavailable as missing:
        log.error("service_unavailable", service=connection.service, why=str(missing))
    _fail_expired(_due_messages(connection).filter(repeat_until=None))
    _due_messages(connection).update(wait=Wait.UNAVAILABLE, due_at=timezone.now() + SERVICE_RETRY_AFTER)
    return None


def resolve_unsendable(connection: Connection, service: type[Provider]) -> None:
    """Expire old messages of a connection that does not send; hold the others, or fail all if it was removed."""
    now = timezone.now()
    due = _due_messages(connection)
    _fail_expired(due.filter(repeat_until=None))
    maybe_sent = due.filter(Q(repeat_until__lte=now) | Q(repeat_until__isnull=False, expires_at__lte=now))
    expire_messages(service, maybe_sent.order_by("id")[:BATCH_SIZE], phase=Phase.WAITING)
    if connection.state == ConnectionState.REMOVED:
        waiting = Message.objects.filter(connection=connection, phase=Phase.WAITING).order_by("id")[:BATCH_SIZE]
        _fail_messages(waiting, Reason.SENDER_REMOVED)
    else:
        lifecycle.hold_messages(connection)


def _due_messages(connection: Connection) -> "QuerySet[Message]":
    return Message.objects.filter(connection=connection, phase=Phase.WAITING, due_at__lte=timezone.now())


def _fail_expired(due: "QuerySet[Message]") -> None:
    _fail_messages(due.filter(expires_at__lte=timezone.now()).order_by("id")[:BATCH_SIZE], Reason.EXPIRED)


def _fail_messages(messages: Iterable[Message], reason: Reason) -> None:
    Message.objects.advance(
        Change(pk=one.pk, status=Status.FAILED, reason=reason, code=one.service_code, detail=one.detail)
        for one in messages
    )


def with_stranded_messages(ids: Collection[int]) -> list[int]:
    """Return connections that have messages on the wire whose lease ended."""
    if not ids:
        return []
    now = timezone.now()
    rows = Message.objects.filter(connection__in=list(ids), phase=Phase.ON_WIRE, lease_until__lt=now)
    return list(rows.values_list("connection_id", flat=True).distinct())
