"""Claiming: which messages of which connections go on the wire now, in one statement for all that a worker drains."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Change, Phase, Reason, Status, Wait
from b24app.messaging.retry_policy import poll_unknown_at
from providers.kit.contract import Provider

MESSAGE_LEASE = timedelta(seconds=180)  # longer than the longest send and a minute without a database

# The branches of the union run one after the other, and the second only for room that the first leaves. What is dead
# comes along, so that nobody has to look for it: it is in the order of `due_at` like everything else.
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
    phase = 'on_wire', wait = '', lease_until = %(lease)s,
    attempts = m.attempts + picked.alive::int,
    first_attempt_at = CASE WHEN picked.alive THEN coalesce(m.first_attempt_at, %(now)s) ELSE m.first_attempt_at END
FROM picked WHERE m.id = picked.id
RETURNING m.*, picked.left_behind
"""
CLAIM = _CLAIM.format(only="")
CLAIM_THESE = _CLAIM.format(only=" AND m.id = ANY(%(only)s)")


@dataclass(frozen=True, slots=True)
class Want:
    """So many messages of one connection, bulk first or last; nothing if the account has other credentials by now."""

    connection: int
    room: int
    bulk_first: bool
    checked_at: datetime | None


def claim_messages(
    holder: uuid.UUID, wants: Sequence[Want], lease: datetime, *, only: Sequence[int] | None = None
) -> list[Message]:
    """Put what is due on the wire until `lease`, where `holder` has the connection's lease and it may send.

    Messages that may not be sent any more are among them: see `is_dead`. `only` names the messages that may be
    claimed.
    """
    values = {
        "holder": holder,
        "now": timezone.now(),
        "lease": lease,
        "ids": [want.connection for want in wants],
        "rooms": [want.room for want in wants],
        "bulk": [want.bulk_first for want in wants],
        "checked": [want.checked_at for want in wants],
        "only": list(only or ()),
    }
    sql = CLAIM if only is None else CLAIM_THESE
    return sorted(Message.objects.raw(sql, values), key=lambda message: message.pk)


def next_due(want: Want) -> list[int]:
    """The messages that would be claimed next, or soon."""
    due = Message.objects.filter(connection=want.connection, phase=Phase.WAITING, due_at__lte=timezone.now())
    classes = [due.filter(bulk=bulk).order_by("due_at", "id") for bulk in (want.bulk_first, not want.bulk_first)]
    found = [pk for rows in classes for pk in rows.values_list("pk", flat=True)[: want.room]]
    return found[: want.room]


def is_expired(message: Message, now: datetime) -> bool:
    """Whether a claimed message waited for its whole life, or so long that a repeat would be sent a second time.

    Nor is sent what waited when the portal uninstalled us, although it came back since.
    """
    if _was_left_behind(message):
        return True
    return message.expires_at <= now or (message.repeat_until is not None and message.repeat_until <= now)


def _was_left_behind(message: Message) -> bool:
    return bool(getattr(message, "left_behind", False))  # a column of the claim's own


def expire_messages(service: type[Provider], dead: Iterable[Message], *, phase: Phase = Phase.ON_WIRE) -> None:
    """Fail what is dead; what may have been sent meanwhile becomes unknown."""
    doubtful: list[Message] = []
    expired: list[Message] = []
    for message in dead:
        (expired if message.repeat_until is None else doubtful).append(message)
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
    if doubtful:
        Message.objects.filter(pk__in=[one.pk for one in doubtful], phase=phase).update(
            phase=Phase.UNKNOWN,
            wait=Wait.NONE,
            due_at=None,
            lease_until=None,
            reason=Reason.TIMED_OUT,
            poll_at=poll_unknown_at(service),
        )


def undo_claim(kept: Mapping[str, Any]) -> None:
    """Let messages wait again that were claimed under this very lease and surely never left: it was no attempt.

    They are those that `messages` names; all under that lease where it is missing.
    """
    lease = datetime.fromisoformat(kept["lease"])
    claimed_at = lease - MESSAGE_LEASE
    rows = Message.objects.filter(connection__in=kept["connections"], phase=Phase.ON_WIRE, lease_until=lease)
    if "messages" in kept:
        rows = rows.filter(pk__in=kept["messages"])
    alive = Q(expires_at__gt=claimed_at) & (Q(repeat_until=None) | Q(repeat_until__gt=claimed_at))
    again = {"phase": Phase.WAITING, "due_at": timezone.now(), "lease_until": None}
    rows.filter(alive, attempts__lte=1).update(**again, attempts=0, first_attempt_at=None)
    rows.filter(alive).update(**again, wait=Wait.RETRY, attempts=F("attempts") - 1)
    rows.update(**again, wait=Wait.RETRY)
