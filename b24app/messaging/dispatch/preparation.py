"""From a claim to the messages that may be sent: an error on one costs no other.

A message that raises waits longer each time, with its attempt given back, and expires at last. Until then it does not
hold up any other message.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.utils import timezone

from b24app.core.isolation import work_apart, work_isolated
from b24app.messaging import dead_letters
from b24app.messaging.dispatch import claims
from b24app.messaging.dispatch import drain as sending
from b24app.messaging.dispatch.claims import ClaimRequest
from b24app.messaging.dispatch.drain import Drain
from b24app.messaging.guards import pipeline
from b24app.messaging.models import Message
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.statuses import Phase

Drains = Mapping[int, Drain]

RESCHEDULE = """
UPDATE messaging_message m SET
    phase = 'waiting', wait = 'retry', lease_until = NULL, attempts = m.attempts - %(counted)s,
    due_at = CASE WHEN %(counted)s = 1 THEN least(%(again)s, m.expires_at) ELSE %(again)s END,
    first_attempt_at = CASE WHEN %(counted)s = 1 AND m.attempts <= 1 THEN NULL ELSE m.first_attempt_at END
WHERE m.id = %(pk)s AND m.phase = %(phase)s AND m.attempts = %(attempts)s
"""


def prepare_claims(drains: Drains, holder: UUID, requests: Sequence[ClaimRequest], lease: datetime) -> list[Message]:
    """Claim messages until `lease` and return those that may be sent now, each with its sender loaded in its drain.

    Raise AWAY; then it is not known what was claimed.
    """
    claimed = _claim_isolated(holder, requests, lease)
    alive = _drop_expired(drains, claimed)
    allowed = [one for some in work_isolated(alive, pipeline.apply_guards, _reschedule_claimed) for one in some]
    return _with_loaded_senders(drains, allowed)


def undo_claims(record: Mapping[str, Any]) -> None:
    """Do what `claims.undo_claim` does, for each account on its own where one of them raises."""
    connections: list[int] = list(record["connections"])
    work_isolated(connections, lambda some: claims.undo_claim({**record, "connections": some}), _note_failed_undo)


def _note_failed_undo(connection: int, error: Exception) -> None:
    """Leave the messages on the wire until their lease ends."""
    dead_letters.note(Kind.ACCOUNT, connection, error, retry=True)


def _claim_isolated(holder: UUID, requests: Sequence[ClaimRequest], lease: datetime) -> list[Message]:
    claimed: list[Message] = []

    def claim_singly(request: ClaimRequest, error: Exception) -> None:
        claim = partial(_claim_these, holder, request, lease)
        for some in work_apart(claims.next_due_ids(request), claim, _reschedule_unclaimed, error):
            claimed.extend(some)

    for some in work_isolated(requests, lambda part: claims.claim_messages(holder, part, lease), claim_singly):
        claimed += some
    return claimed


def _claim_these(holder: UUID, request: ClaimRequest, lease: datetime, ids: Sequence[int]) -> list[Message]:
    return claims.claim_messages(holder, [request], lease, only=ids)


def _drop_expired(drains: Drains, messages: Sequence[Message]) -> list[Message]:
    """Expire the messages that may not be sent any more and return the others."""
    now = timezone.now()
    alive: list[Message] = []
    expired: dict[int, list[Message]] = defaultdict(list)
    for message in messages:
        (expired[message.connection_id] if claims.is_expired(message, now) else alive).append(message)
    for pk, some in expired.items():
        drain = drains[pk]
        work_isolated(some, partial(claims.expire_messages, drain.service), _reschedule_expired)
        drain.mark_active()
    return alive


def _with_loaded_senders(drains: Drains, messages: Sequence[Message]) -> list[Message]:
    sending.load_senders(drains, list(messages))
    sendable = []
    for message in messages:
        if message.sender_id in drains[message.connection_id].senders:
            sendable.append(message)
        else:
            _reschedule_claimed(message, LookupError())
    return sendable


def _reschedule_claimed(message: Message, error: Exception) -> None:
    _reschedule_message(message, Phase.ON_WIRE, error, counted=1)


def _reschedule_expired(message: Message, error: Exception) -> None:
    """Reschedule a message that is too old to be sent: it was claimed without counting an attempt."""
    _reschedule_message(message, Phase.ON_WIRE, error, counted=0)


def _reschedule_unclaimed(pk: int, error: Exception) -> None:
    _reschedule_message(Message.objects.get(pk=pk), Phase.WAITING, error, counted=0)


def _reschedule_message(message: Message, phase: Phase, error: Exception, *, counted: int) -> None:
    retry_at = dead_letters.note(Kind.MESSAGE, message.pk, error, portal=message.portal_id, retry=True)
    row: dict[str, Any] = {"pk": message.pk, "attempts": message.attempts, "phase": phase.value}
    with database.cursor() as cursor:
        cursor.execute(RESCHEDULE, {**row, "again": retry_at, "counted": counted})
