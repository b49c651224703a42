"""Insert the reports of many calls in one statement: the usual path of a report to the database.

A connection's account is cached for some seconds. A cached account may accept a report; a rejection is checked against
the database first.
"""

import uuid
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from b24app.core.database import raw_sql
from b24app.core.database.outage import AWAY
from b24app.core.group_commit import GroupCommit
from b24app.core.ttl_cache import TtlCache
from b24app.exchange_log.recording import Recorder
from b24app.messaging.connections import lifecycle
from b24app.messaging.connections.token_cache import RedisTokenCache
from b24app.messaging.models import Connection, DeliveryReport
from providers.kit import contract, registry
from providers.kit.http import Exchange

CACHED_FOR, CACHED_AT_MOST = 5.0, 1_000  # seconds, accounts

READ_ACCOUNT = "SELECT id, portal_id, service, account FROM messaging_connection WHERE uuid = %s"
REPORT_COLUMNS = (
    "connection_id", "fingerprint", "ref", "reference", "recipient", "status", "word", "code", "detail", "reason",
    "price", "currency", "received_at", "due_at",
)  # fmt: skip

ReportRow = Mapping[str, Any]


@dataclass(slots=True)
class ReportVerifier:
    """A connection's account, as far as verifying its reports needs it; `fields` are its unsealed credentials."""

    uuid: uuid.UUID
    pk: int
    portal_id: int
    service: str
    fields: dict[str, Any]
    has_reported: bool = False  # `last_report_at` has been updated while this was cached
    _provider: contract.Provider | None = None
    _exchanges: deque[Exchange] = field(default_factory=deque)

    def service_client(self) -> contract.Provider:
        """Return the service with this account, built once and shared by threads; raise Unavailable."""
        if self._provider is None:
            kind = registry.get(self.service)
            http = lifecycle.http_for(kind, self.fields, self._exchanges.append)
            self._provider = kind(self.fields, http, RedisTokenCache(self.uuid.hex))
        return self._provider

    def record_exchanges(self) -> None:
        """Write the HTTP exchanges since the last call to the log; most services verify a report without any."""
        if self._exchanges:
            with Recorder(self.portal_id, self.service, self.pk) as record, suppress(IndexError):
                while True:
                    record(self._exchanges.popleft())

    def is_same_as(self, other: "ReportVerifier") -> bool:
        return (self.service, self.fields) == (other.service, other.fields)


def cached_verifier(connection: uuid.UUID) -> ReportVerifier | None:
    """Return a connection's account, at most some seconds old; None for an unknown connection."""
    return _verifier_cache.get(connection) or read_verifier(connection)


def read_verifier(connection: uuid.UUID) -> ReportVerifier | None:
    """Read a connection's account from the database and cache it; return None for an unknown connection."""
    for pk, portal_id, service, sealed in raw_sql.execute_raw(READ_ACCOUNT, connection):
        fields = Connection._meta.get_field("account").from_db_value(sealed)
        found = ReportVerifier(connection, pk, portal_id, service, fields)
        _verifier_cache.put(connection, found)
        return found
    _verifier_cache.forget(connection)
    return None


def insert_rows(rows: Sequence[ReportRow]) -> tuple[bool, Collection[int]]:
    """Insert the reports of one connection, together with others that arrive at the same time.

    Return whether they were inserted, and the connections of the whole batch, which have due reports now; only the
    thread that executed the statement gets them. Raise AWAY.
    """
    inserted, batch = _inserts.put(rows)
    return inserted is not None, {pk for pk in batch if pk is not None}


def _insert_calls(calls: Sequence[Sequence[ReportRow]]) -> list[int | None]:
    """Insert the rows of several calls; return each call's connection, None for a call that was skipped."""
    try:
        rows = raw_sql.as_json([{"nth": nth, **row} for nth, call in enumerate(calls) for row in call])
        inserted = dict(raw_sql.execute_raw(_insert_sql(), rows))
    except AWAY:
        raise
    except Exception:  # noqa: BLE001 - whatever one of them raises
        inserted = {}  # one row is at fault: each call is inserted alone, where it can harm only itself
    return [inserted.get(nth) for nth in range(len(calls))]


@cache
def _insert_sql() -> str:
    """Return the statement; it skips rows of connections that are gone or locked.

    Rows are inserted in the order of their unique key, so that two processes with the same two reports do not deadlock.
    """
    defaults = raw_sql.column_defaults(DeliveryReport, REPORT_COLUMNS)
    columns = ", ".join(raw_sql.quote_name(name) for name in (*REPORT_COLUMNS, *defaults))
    written = ", ".join(raw_sql.quote_name(name) for name in REPORT_COLUMNS)
    return f"""
    WITH accepted AS (
        SELECT w.* FROM json_to_recordset(%s) AS w(nth int, {raw_sql.typed_columns(DeliveryReport, REPORT_COLUMNS)})
        JOIN LATERAL (SELECT FROM messaging_connection c WHERE c.id = w.connection_id FOR KEY SHARE SKIP LOCKED) c
          ON true
    ), inserted AS (
        INSERT INTO messaging_deliveryreport ({columns})
        SELECT {written}, {", ".join(map(raw_sql.sql_literal, defaults.values()))}
        FROM accepted ORDER BY connection_id, fingerprint ON CONFLICT DO NOTHING
    )
    SELECT DISTINCT nth, connection_id FROM accepted
    """  # noqa: S608 - made of the model's own columns


_verifier_cache = TtlCache[uuid.UUID, ReportVerifier](CACHED_FOR, CACHED_AT_MOST)
_inserts = GroupCommit(_insert_calls)
