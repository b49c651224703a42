"""Wishes into rows, many at a time: what the handler's door does with the database in the ordinary case.

What a sender's terms say is known by heart for some seconds, for reading only. Whether the sender may still send, and
whether the address called is still good, is asked of the rows themselves, in the statement that writes.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from b24app.core import raw_sql, sealing
from b24app.core.group_commit import GroupCommit
from b24app.core.outage import AWAY
from b24app.core.ttl_cache import TtlCache
from b24app.messaging.intake.payload import IncomingMessage, SenderSettings
from b24app.messaging.models import Message

KNOWN_FOR, KNOWN_AT_MOST = 5.0, 2_000  # seconds, senders

REMOVED = "(s.state IN ('removing', 'removed') OR c.state = 'removed')"
EARLIER = "coalesce(s.installation <> p.generation, false)"
TERMS = f"""
SELECT s.id, s.portal_id, s.connection_id, s.bulk, s.max_age, {REMOVED}, c.service, c.slow, p.country, p.time_zone,
       p.no_token_since IS NOT NULL, s.oldest_generation, s.previous_until, p.uninstalled_at IS NOT NULL,
       {EARLIER}, p.member_id, p.application_token
FROM messaging_sender s JOIN messaging_connection c ON c.id = s.connection_id
JOIN portals_portal p ON p.id = s.portal_id WHERE s.uuid = %s
"""  # noqa: S608 - made of constants

WRITTEN = (
    "reference", "message_id", "raw_to", "to", "country", "text", "author_id", "module", "links", "note", "day",
    "received_at", "expires_at", "due_at",
)  # fmt: skip
OF_SENDER = ("portal_id", "connection_id", "sender_id", "bulk")

# The same as `admission.refusal` says, but for a foreign token, which only the application can read.
ADMITTED = f"""
p.uninstalled_at IS NULL AND NOT {EARLIER} AND (w.generation IS NULL OR w.generation >= s.oldest_generation
    OR (w.vouched AND w.received_at < s.previous_until))
"""


@dataclass(frozen=True, slots=True)
class InsertedMessage:
    """A wish whose row is committed."""

    portal_id: int
    connection_id: int
    slow: bool
    lacks_token: bool


def sender_settings(sender: uuid.UUID) -> SenderSettings | None:
    """A sender's terms, not older than some seconds; None where there is no such sender."""
    return _known.get(sender) or read_sender_settings(sender)


def read_sender_settings(sender: uuid.UUID) -> SenderSettings | None:
    """A sender's terms as they are now."""
    for row in raw_sql.execute_raw(TERMS, sender):
        found = SenderSettings(*(*row[:-1], _opened(row[-1])))
        _known.put(sender, found)
        return found
    _known.forget(sender)
    return None


def _opened(sealed: str) -> str:
    """The application_token; none where no key opens it, for then calls are taken without it."""
    try:
        return sealing.unseal(sealed.encode()).decode() if sealed else ""
    except sealing.CannotOpen:
        return ""


def insert_message(wish: IncomingMessage) -> tuple[InsertedMessage | None, Sequence[InsertedMessage | None]]:
    """Write a wish, together with others that come at the same time; None where it was not taken.

    Also answers the outcomes of all to the one who wrote them, none to others. Raises AWAY.
    """
    return _together.put(wish)


def _write(wishes: Sequence[IncomingMessage]) -> list[InsertedMessage | None]:
    try:
        rows = raw_sql.as_json(
            [{**wish.values, "generation": wish.generation, "vouched": wish.vouched} for wish in wishes]
        )
        stored = {reference: InsertedMessage(*facts) for reference, *facts in raw_sql.execute_raw(_insert(), rows)}
    except AWAY:
        raise
    except Exception:  # noqa: BLE001 - whatever one of them raises
        stored = {}  # something is wrong with one of them: each goes the careful way, where it can only harm itself
    return [stored.get(wish.values["reference"]) for wish in wishes]


@cache
def _insert() -> str:
    """The statement; what it does not take came before, cannot be sent, or came at an address that is no longer good.

    Nobody's wishes wait for a lock on somebody else's rows: where such a lock is, the wish is not taken. Rows go in by
    their unique key, so that two processes with the same two wishes do not wait for each other in turn.
    """
    defaults = raw_sql.column_defaults(Message, [*WRITTEN, *OF_SENDER])
    columns = ", ".join(raw_sql.quote_name(name) for name in (*WRITTEN, *OF_SENDER, *defaults))
    written = ", ".join(f"w.{raw_sql.quote_name(name)}" for name in WRITTEN)
    literals = ", ".join(map(raw_sql.sql_literal, defaults.values()))
    return f"""
    INSERT INTO messaging_message AS m ({columns})
    SELECT {written}, s.portal_id, s.connection_id, s.id, s.bulk, {literals}
    FROM json_to_recordset(%s)
        AS w(sender_id bigint, generation bigint, vouched bool, {raw_sql.typed_columns(Message, WRITTEN)})
    JOIN LATERAL (SELECT s.id, s.portal_id, s.connection_id, s.bulk
                  FROM messaging_sender s JOIN messaging_connection c ON c.id = s.connection_id
                  JOIN portals_portal p ON p.id = s.portal_id
                  WHERE s.id = w.sender_id AND NOT {REMOVED} AND {ADMITTED} FOR KEY SHARE SKIP LOCKED) s ON true
    ORDER BY s.portal_id, w.message_id ON CONFLICT DO NOTHING
    RETURNING m.reference, m.portal_id, m.connection_id,
        (SELECT c.slow FROM messaging_connection c WHERE c.id = m.connection_id),
        (SELECT p.no_token_since IS NOT NULL FROM portals_portal p WHERE p.id = m.portal_id)
    """  # noqa: S608 - made of the model's own columns


_known = TtlCache[uuid.UUID, SenderSettings](KNOWN_FOR, KNOWN_AT_MOST)
_together = GroupCommit(_write)
