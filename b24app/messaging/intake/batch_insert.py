"""Insert the messages of many handler calls in one statement: the usual path of a call to the database.

A sender's settings are cached for some seconds, and used only to read the payload. Whether the sender may still send
and whether the address is still valid is checked against the rows themselves, by the statement that inserts.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from b24app.core import sealing
from b24app.core.database import raw_sql
from b24app.core.database.outage import AWAY
from b24app.core.group_commit import GroupCommit
from b24app.core.monitoring import metrics
from b24app.core.ttl_cache import TtlCache
from b24app.messaging.intake.payload import IncomingMessage, SenderSettings
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Origin

CACHED_FOR, CACHED_AT_MOST = 5.0, 2_000  # seconds, senders

REMOVED = "(s.state IN ('removing', 'removed') OR c.state = 'removed')"
EARLIER = "coalesce(s.installation <> p.generation, false)"
READ_SETTINGS = f"""
SELECT s.id, s.portal_id, s.connection_id, s.bulk, s.max_age, {REMOVED}, c.service, c.slow, p.country, p.time_zone,
       p.no_token_since IS NOT NULL, s.oldest_generation, s.previous_until, p.uninstalled_at IS NOT NULL,
       {EARLIER}, p.member_id, p.domain, p.client_endpoint,
       ARRAY(SELECT o.host FROM portals_portalcopy o WHERE o.portal_id = p.id AND o.state = 'allowed'),
       ARRAY(SELECT o.host FROM portals_portalcopy o WHERE o.portal_id = p.id AND o.state = 'blocked'),
       p.application_token
FROM messaging_sender s JOIN messaging_connection c ON c.id = s.connection_id
JOIN portals_portal p ON p.id = s.portal_id WHERE s.uuid = %s
"""  # noqa: S608 - made of constants

MESSAGE_COLUMNS = (
    "reference", "message_id", "raw_to", "to", "country", "text", "author_id", "module", "links", "note", "day",
    "received_at", "expires_at", "due_at",
)  # fmt: skip
SENDER_COLUMNS = ("portal_id", "connection_id", "sender_id", "bulk")

# The rule of `admission.find_refusal`, except for a foreign token: only the application can unseal tokens.
ADMITTED = f"""
p.uninstalled_at IS NULL AND NOT {EARLIER} AND (w.generation IS NULL OR w.generation >= s.oldest_generation
    OR (w.token_matches AND w.received_at < s.previous_until))
"""


@dataclass(frozen=True, slots=True)
class InsertedMessage:
    """A message whose row is committed."""

    portal_id: int
    connection_id: int
    slow: bool
    lacks_token: bool


def sender_settings(sender: uuid.UUID) -> SenderSettings | None:
    """Return a sender's settings, at most some seconds old; None for an unknown sender."""
    return _settings_cache.get(sender) or read_sender_settings(sender)


def read_sender_settings(sender: uuid.UUID) -> SenderSettings | None:
    """Read a sender's settings from the database and cache them; return None for an unknown sender."""
    for row in raw_sql.execute_raw(READ_SETTINGS, sender):
        found = SenderSettings(*(*row[:-1], _unseal_token(row[-1])))
        _settings_cache.put(sender, found)
        return found
    _settings_cache.forget(sender)
    return None


def _unseal_token(sealed: str) -> str:
    """Return the application_token; "" if no key unseals it, for then calls are accepted without it."""
    try:
        return sealing.unseal(sealed.encode()).decode() if sealed else ""
    except sealing.CannotOpen:
        return ""


def insert_message(message: IncomingMessage) -> tuple[InsertedMessage | None, Sequence[InsertedMessage | None]]:
    """Insert a message, together with others that arrive at the same time.

    Return its row, None if the statement skipped it, and the rows of the whole batch, which only the thread that
    executed it gets; other threads get none. Raise AWAY.
    """
    return _inserts.put(message)


def _insert_batch(messages: Sequence[IncomingMessage]) -> list[InsertedMessage | None]:
    try:
        rows = raw_sql.as_json(
            [{**one.values, "generation": one.generation, "token_matches": one.token_matches} for one in messages]
        )
        stored = {reference: InsertedMessage(*facts) for reference, *facts in raw_sql.execute_raw(_insert_sql(), rows)}
    except AWAY:
        raise
    except Exception:  # noqa: BLE001 - whatever one of them raises
        stored = {}  # one row is at fault: each call is accepted alone, where it can harm only itself
    metrics.ACCEPTED.labels(Origin.PORTAL).inc(len(stored))
    return [stored.get(one.values["reference"]) for one in messages]


@cache
def _insert_sql() -> str:
    """Return the statement; it skips duplicates, and rows whose sender or address is no longer valid.

    It also skips rows whose portal, account or sender is locked: no portal's messages wait for another portal's lock.
    Rows are inserted in the order of their unique key, so that two processes with the same two messages do not
    deadlock.
    """
    defaults = raw_sql.column_defaults(Message, [*MESSAGE_COLUMNS, *SENDER_COLUMNS])
    columns = ", ".join(raw_sql.quote_name(name) for name in (*MESSAGE_COLUMNS, *SENDER_COLUMNS, *defaults))
    written = ", ".join(f"w.{raw_sql.quote_name(name)}" for name in MESSAGE_COLUMNS)
    literals = ", ".join(map(raw_sql.sql_literal, defaults.values()))
    return f"""
    INSERT INTO messaging_message AS m ({columns})
    SELECT {written}, s.portal_id, s.connection_id, s.id, s.bulk, {literals}
    FROM json_to_recordset(%s)
        AS w(sender_id bigint, generation bigint, token_matches bool, {raw_sql.typed_columns(Message, MESSAGE_COLUMNS)})
    JOIN LATERAL (SELECT s.id, s.portal_id, s.connection_id, s.bulk
                  FROM messaging_sender s JOIN messaging_connection c ON c.id = s.connection_id
                  JOIN portals_portal p ON p.id = s.portal_id
                  WHERE s.id = w.sender_id AND NOT {REMOVED} AND {ADMITTED} FOR KEY SHARE SKIP LOCKED) s ON true
    ORDER BY s.portal_id, w.message_id ON CONFLICT DO NOTHING
    RETURNING m.reference, m.portal_id, m.connection_id,
        (SELECT c.slow FROM messaging_connection c WHERE c.id = m.connection_id),
        (SELECT p.no_token_since IS NOT NULL FROM portals_portal p WHERE p.id = m.portal_id)
    """  # noqa: S608 - made of the model's own columns


_settings_cache = TtlCache[uuid.UUID, SenderSettings](CACHED_FOR, CACHED_AT_MOST)
_inserts = GroupCommit(_insert_batch)
