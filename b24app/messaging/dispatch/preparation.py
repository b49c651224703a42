"""From a claim to the messages that may go: whatever one of them raises, those of the others go all the same.

One that raises waits for longer each time, with its attempt given back, and ends as expired at last. Nobody's message
is claimed before it again.
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
from b24app.messaging.dispatch.claims import Want
from b24app.messaging.dispatch.drain import Drain
from b24app.messaging.guards import pipeline
from b24app.messaging.models import Message
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.statuses import Phase

Drains = Mapping[int, Drain]

PUT_OFF = """
UPDATE messaging_message m SET
    phase = 'waiting', wait = 'retry', lease_until = NULL, attempts = m.attempts - %(counted)s,
    due_at = CASE WHEN %(counted)s = 1 THEN least(%(again)s, m.expires_at) ELSE %(again)s END,
    first_attempt_at = CASE WHEN %(counted)s = 1 AND m.attempts <= 1 THEN NULL ELSE m.first_attempt_at END
WHERE m.id = %(pk)s AND m.phase = %(phase)s AND m.attempts = %(attempts)s
"""


def prepare_claims(drains: Drains, holder: UUID, wants: Sequence[Want], lease: datetime) -> list[Message]:
    """Claim messages until `lease` and return those that may go now, each with its sender known to its drain.

    Raise AWAY; then nobody knows what was claimed.
    """
    claimed = _claim(holder, wants, lease)
    alive = _without_the_dead(drains, claimed)
    going = [one for some in work_isolated(alive, pipeline.apply_guards, _put_off) for one in some]
    return _of_known_senders(drains, going)


def undo_claims(kept: Mapping[str, Any]) -> None:
    """Do what `claims.give_back` does, for each account apart where one of them raises."""
    connections: list[int] = list(kept["connections"])
    work_isolated(connections, lambda some: claims.undo_claim({**kept, "connections": some}), _keep_claimed)


def _keep_claimed(connection: int, error: Exception) -> None:
    """Its messages stay on the wire until their lease is over."""
    dead_letters.note(Kind.ACCOUNT, connection, error, retry=True)


def _claim(holder: UUID, wants: Sequence[Want], lease: datetime) -> list[Message]:
    claimed: list[Message] = []

    def one_by_one(want: Want, error: Exception) -> None:
        claim = partial(_claim_these, holder, want, lease)
        for some in work_apart(claims.next_due(want), claim, _put_off_unclaimed, error):
            claimed.extend(some)

    for some in work_isolated(wants, lambda part: claims.claim_messages(holder, part, lease), one_by_one):
        claimed += some
    return claimed


def _claim_these(holder: UUID, want: Want, lease: datetime, ids: Sequence[int]) -> list[Message]:
    return claims.claim_messages(holder, [want], lease, only=ids)


def _without_the_dead(drains: Drains, messages: Sequence[Message]) -> list[Message]:
    now = timezone.now()
    alive: list[Message] = []
    dead: dict[int, list[Message]] = defaultdict(list)
    for message in messages:
        (dead[message.connection_id] if claims.is_expired(message, now) else alive).append(message)
    for pk, some in dead.items():
        drain = drains[pk]
        work_isolated(some, partial(claims.expire_messages, drain.service), _put_off_dead)
        drain.touch()
    return alive


def _of_known_senders(drains: Drains, messages: Sequence[Message]) -> list[Message]:
    sending.load_senders(drains, list(messages))
    known = []
    for message in messages:
        if message.sender_id in drains[message.connection_id].senders:
            known.append(message)
        else:
            _put_off(message, LookupError())
    return known


def _put_off(message: Message, error: Exception) -> None:
    _wait(message, Phase.ON_WIRE, error, counted=1)


def _put_off_dead(message: Message, error: Exception) -> None:
    """What is too old to be sent was claimed without an attempt."""
    _wait(message, Phase.ON_WIRE, error, counted=0)


def _put_off_unclaimed(pk: int, error: Exception) -> None:
    _wait(Message.objects.get(pk=pk), Phase.WAITING, error, counted=0)


def _wait(message: Message, phase: Phase, error: Exception, *, counted: int) -> None:
    again = dead_letters.note(Kind.MESSAGE, message.pk, error, portal=message.portal_id, retry=True)
    row: dict[str, Any] = {"pk": message.pk, "attempts": message.attempts, "phase": phase.value}
    with database.cursor() as cursor:
        cursor.execute(PUT_OFF, {**row, "again": again, "counted": counted})
