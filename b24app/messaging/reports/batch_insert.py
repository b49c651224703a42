"""Reports into rows, many at a time: what the report door does with the database in the ordinary case.

An account is known by heart for some seconds: enough to verify with, as long as a refusal is given on fresh knowledge.
"""

import uuid
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from b24app.core import raw_sql
from b24app.core.group_commit import GroupCommit
from b24app.core.outage import AWAY
from b24app.core.ttl_cache import TtlCache
from b24app.exchange_log.recording import Recorder
from b24app.messaging.connections import lifecycle
from b24app.messaging.connections.token_cache import SharedMemo
from b24app.messaging.models import Connection, DeliveryReport
from providers.kit import contract, registry
from providers.kit.http import Exchange

KNOWN_FOR, KNOWN_AT_MOST = 5.0, 1_000  # seconds, accounts

ACCOUNT = "SELECT id, portal_id, service, account FROM messaging_connection WHERE uuid = %s"
WRITTEN = (
    "connection_id", "fingerprint", "ref", "reference", "recipient", "status", "word", "code", "detail", "reason",
    "price", "currency", "received_at", "due_at",
)  # fmt: skip

Row = Mapping[str, Any]


@dataclass(slots=True)
class ReportVerifier:
    """What a connection's reports are verified with; `fields` are its credentials, opened."""

    uuid: uuid.UUID
    pk: int
    portal_id: int
    service: str
    fields: dict[str, Any]
    has_reported: bool = False  # and that was noted
    _provider: contract.Provider | None = None
    _spoken: deque[Exchange] = field(default_factory=deque)

    def provider(self) -> contract.Provider:
        """The service with this account, made once and shared by threads. Raises Unavailable."""
        if self._provider is None:
            kind = registry.get(self.service)
            http = lifecycle.http_for(kind, self.fields, self._spoken.append)
            self._provider = kind(self.fields, http, SharedMemo(self.uuid.hex))
        return self._provider

    def record(self) -> None:
        """Write down what was said meanwhile, if anything was: most services read a report without asking back."""
        if self._spoken:
            with Recorder(self.portal_id, self.service, self.pk) as record, suppress(IndexError):
                while True:
                    record(self._spoken.popleft())

    def same_as(self, other: "ReportVerifier") -> bool:
        return (self.service, self.fields) == (other.service, other.fields)


def verifier_of(connection: uuid.UUID) -> ReportVerifier | None:
    """A connection's account, not older than some seconds; None where there is no such connection."""
    return _known.get(connection) or read_verifier(connection)


def read_verifier(connection: uuid.UUID) -> ReportVerifier | None:
    """A connection's account as it is now."""
    for pk, portal_id, service, sealed in raw_sql.execute_raw(ACCOUNT, connection):
        fields = Connection._meta.get_field("account").from_db_value(sealed)
        found = ReportVerifier(connection, pk, portal_id, service, fields)
        _known.put(connection, found)
        return found
    _known.forget(connection)
    return None


def insert_rows(rows: Sequence[Row]) -> tuple[bool, Collection[int]]:
    """Write the reports of one connection, together with others that come at the same time.

    Answers whether they were taken, and to the one who wrote also the connections that have something to settle now.
    Raises AWAY.
    """
    taken, written = _together.put(rows)
    return taken is not None, {pk for pk in written if pk is not None}


def _write(calls: Sequence[Sequence[Row]]) -> list[int | None]:
    """For each call its connection, None where it was not taken."""
    try:
        rows = raw_sql.as_json([{"nth": nth, **row} for nth, call in enumerate(calls) for row in call])
        taken = dict(raw_sql.execute_raw(_insert(), rows))
    except AWAY:
        raise
    except Exception:  # noqa: BLE001 - whatever one of them raises
        taken = {}  # something is wrong with one of them: each goes the careful way, where it can only harm itself
    return [taken.get(nth) for nth in range(len(calls))]


@cache
def _insert() -> str:
    """The statement; what it does not take is of a connection that is gone, or that somebody has locked.

    Rows go in by their unique key, so that two processes with the same two reports do not wait for each other.
    """
    defaults = raw_sql.column_defaults(DeliveryReport, WRITTEN)
    columns = ", ".join(raw_sql.quote_name(name) for name in (*WRITTEN, *defaults))
    written = ", ".join(raw_sql.quote_name(name) for name in WRITTEN)
    return f"""
    WITH told AS (
        SELECT w.* FROM json_to_recordset(%s) AS w(nth int, {raw_sql.typed_columns(DeliveryReport, WRITTEN)})
        JOIN LATERAL (SELECT FROM messaging_connection c WHERE c.id = w.connection_id FOR KEY SHARE SKIP LOCKED) c
          ON true
    ), kept AS (
        INSERT INTO messaging_deliveryreport ({columns})
        SELECT {written}, {", ".join(map(raw_sql.sql_literal, defaults.values()))}
        FROM told ORDER BY connection_id, fingerprint ON CONFLICT DO NOTHING
    )
    SELECT DISTINCT nth, connection_id FROM told
    """  # noqa: S608 - made of the model's own columns


_known = TtlCache[uuid.UUID, ReportVerifier](KNOWN_FOR, KNOWN_AT_MOST)
_together = GroupCommit(_write)
