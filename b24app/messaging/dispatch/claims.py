"""Claiming: put the messages that are sent now on the wire, in one statement for all connections of a worker."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from b24app.core.monitoring import metrics
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Change, Phase, Reason, Status, Wait
from b24app.messaging.retry_policy import poll_unknown_at
from providers.kit.contract import Provider

MESSAGE_LEASE = timedelta(seconds=180)  # longer than the longest send and a minute without a database

# The branches of the union run one after the other, the second only for what the first leaves of the limit. Expired
# messages are claimed too, in the order of `due_at` like all others, so that no other query has to find them.
_CLAIM = """
WITH wanted AS (
    SELECT w.id, w.room, w.bulk, p.left_at
    FROM unnest(%(ids)s::bigint[], %(rooms)s::int[], %(bulk)s::bool[], %(checked)s::timestamptz[])
         AS w(id, room, bulk, checked_at)
    JOIN messaging_connection c ON c.id = w.id JOIN portals_portal p ON p.id = c.portal_id
    WHERE c.lease_holder = %(holder)s AND c.state = 'active' AND c.checked_at IS NOT DISTINCT FROM w.checked_at
      AND (c.throttled_until IS NULL OR c.throttled_until <= %(now)s)
      AND (c.breaker_until IS NULL OR c.breaker_until <= %(now)s) AND p.uninstalled_at IS NULL
), picked AS MATERIALIZED (
    SELECT due.id, (due.received_at < w.left_at) IS TRUE AS left_behind,
           due.expires_at > %(now)s AND (due.repeat_until IS NULL OR due.repeat_until > %(now)s)
           AND (due.received_at < w.left_at) IS NOT TRUE AS alive
    FROM wanted w CROSS JOIN LATERAL (
        SELECT * FROM (SELECT m.id, m.expires_at, m.repeat_until, m.received_at FROM messaging_message m
         WHERE m.connection_id = w.id AND m.phase = 'waiting' AND m.bulk = w.bulk AND m.due_at <= %(now)s{only}
         ORDER BY m.due_at, m.id LIMIT w.room FOR UPDATE SKIP LOCKED) first
        UNION ALL
        SELECT * FROM (SELECT m.id, m.expires_at, m.repeat_until, m.received_at FROM messaging_message m
         WHERE m.connection_id = w.id AND m.phase = 'waiting' AND m.bulk = NOT w.bulk AND m.due_at <= %(now)s{only}
         ORDER BY m.due_at, m.id LIMIT w.room FOR UPDATE SKIP LOCKED) rest
        LIMIT w.room) due
)
UPDATE messaging_message m SET
    phase = 'on_wire', wait = '', lease_until = %(lease)s, claimed_by = %(holder)s,
    attempts = m.attempts + picked.alive::int,
    first_attempt_at = CASE WHEN picked.alive THEN coalesce(m.first_attempt_at, %(now)s) ELSE m.first_attempt_at END
FROM picked WHERE m.id = picked.id
RETURNING m.*, picked.left_behind
"""
CLAIM = _CLAIM.format(only="")
CLAIM_THESE = _CLAIM.format(only=" AND m.id = ANY(%(only)s)")


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """At most `limit` messages of a connection, bulk first or last; none if it was checked again after `checked_at`."""

    connection: int
    limit: int
    bulk_first: bool
    checked_at: datetime | None


def claim_messages(
    holder: uuid.UUID, requests: Sequence[ClaimRequest], lease: datetime, *, only: Sequence[int] | None = None
) -> list[Message]:
    """Put due messages on the wire until `lease`, if `holder` leases the connection and it may send.

    Messages that may not be sent any more are among them, see `is_expired`. `only` restricts the claim to these ids.
    """
    values = {
        "holder": holder,
        "now": timezone.now(),
        "lease": lease,
        "ids": [request.connection for request in requests],
        "rooms": [request.limit for request in requests],
        "bulk": [request.bulk_first for request in requests],
        "checked": [request.checked_at for request in requests],
        "only": list(only or ()),
    }
    sql = CLAIM if only is None else CLAIM_THESE
    return sorted(Message.objects.raw(sql, values), key=lambda message: message.pk)


def next_due_ids(request: ClaimRequest) -> list[int]:
    """Return the ids of the messages that would be claimed next."""
    due = Message.objects.filter(connection=request.connection, phase=Phase.WAITING, due_at__lte=timezone.now())
    classes = [due.filter(bulk=bulk).order_by("due_at", "id") for bulk in (request.bulk_first, not request.bulk_first)]
    ids = [pk for rows in classes for pk in rows.values_list("pk", flat=True)[: request.limit]]
    return ids[: request.limit]


def is_expired(message: Message, now: datetime) -> bool:
    """Return whether a claimed message is past its expiry, or so old that a repeat would be sent a second time.

    Messages that waited when the portal uninstalled us are not sent either, even if it came back.
    """
    if _was_left_behind(message):
        return True
    return message.expires_at <= now or (message.repeat_until is not None and message.repeat_until <= now)


def _was_left_behind(message: Message) -> bool:
    return bool(getattr(message, "left_behind", False))  # a column of the CLAIM statement


def expire_messages(service: type[Provider], messages: Iterable[Message], *, phase: Phase = Phase.ON_WIRE) -> None:
    """Fail messages past their expiry; those that may already have been sent become unknown."""
    maybe_sent: list[Message] = []
    expired: list[Message] = []
    for message in messages:
        (expired if message.repeat_until is None else maybe_sent).append(message)
    Message.objects.advance(
        Change(
            pk=one.pk,
            status=Status.FAILED,
            reason=Reason.SENDER_REMOVED if _was_left_behind(one) else Reason.EXPIRED,
            code=one.service_code,
            detail=one.detail,
        )
        for one in expired
    )
    if maybe_sent:
        unknown = Message.objects.filter(pk__in=[one.pk for one in maybe_sent], phase=phase).update(
            phase=Phase.UNKNOWN,
            wait=Wait.NONE,
            due_at=None,
            lease_until=None,
            reason=Reason.TIMED_OUT,
            poll_at=poll_unknown_at(service),
        )
        metrics.UNKNOWN.labels(service.code, Reason.TIMED_OUT).inc(unknown)


def undo_claim(record: Mapping[str, Any]) -> None:
    """Let messages claimed under this lease, and surely never sent, wait again, without counting an attempt.

    `record` has the keys connections, lease and messages; without the last one it means all messages under that lease.
    """
    lease = datetime.fromisoformat(record["lease"])
    claimed_at = lease - MESSAGE_LEASE
    rows = Message.objects.filter(connection__in=record["connections"], phase=Phase.ON_WIRE, lease_until=lease)
    if "messages" in record:
        rows = rows.filter(pk__in=record["messages"])
    alive = Q(expires_at__gt=claimed_at) & (Q(repeat_until=None) | Q(repeat_until__gt=claimed_at))
    again = {"phase": Phase.WAITING, "due_at": timezone.now(), "lease_until": None}
    rows.filter(alive, attempts__lte=1).update(**again, attempts=0, first_attempt_at=None)
    rows.filter(alive).update(**again, wait=Wait.RETRY, attempts=F("attempts") - 1)
    rows.update(**again, wait=Wait.RETRY)
