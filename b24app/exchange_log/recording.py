"""Writing exchanges to the log: those of messages in batches, those of checks, log-ins and look-ups as they end."""

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol

from django.db import DatabaseError
from django.db import connection as database
from structlog import get_logger

from b24app.core import sanitize
from b24app.core.database.raw_sql import as_json
from b24app.exchange_log.models import Exchange as Row

log = get_logger(__name__)


class RedactedExchange(Protocol):
    """A redacted exchange, as the providers' HTTP client or the portal's gives it."""

    @property
    def at(self) -> datetime: ...

    @property
    def method(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def status(self) -> int: ...

    @property
    def ms(self) -> int: ...

    @property
    def request(self) -> str: ...

    @property
    def response(self) -> str: ...

    @property
    def error(self) -> str: ...


def exchange_row(
    exchange: RedactedExchange,
    peer: str,
    *,
    portal: int | None = None,
    connection: int | None = None,
    message: int | None = None,
) -> Row:
    """Return the unsaved row of an exchange."""
    return Row(
        at=exchange.at,
        portal_id=portal,
        connection_id=connection,
        message_id=message,
        peer=peer,
        method=exchange.method,
        host=exchange.host[:255],
        path=sanitize.sanitize_text(exchange.path)[:500],
        status=exchange.status,
        ms=exchange.ms,
        request=sanitize.sanitize_text(exchange.request),
        response=sanitize.sanitize_text(exchange.response),
        error=sanitize.sanitize_text(exchange.error)[:300],
    )


INSERT = """
INSERT INTO journal_exchange
       (at, portal_id, connection_id, message_id, peer, method, host, path, status, ms, request, response, error)
SELECT at, portal_id, connection_id, message_id, peer, method, host, path, status, ms, request, response, error
FROM json_to_recordset(%s)
     AS w(at timestamptz, portal_id bigint, connection_id bigint, message_id bigint, peer text, method text, host text,
          path text, status smallint, ms int, request text, response text, error text)
"""
COLUMNS = (
    "at", "portal_id", "connection_id", "message_id", "peer", "method", "host", "path", "status", "ms", "request",
    "response", "error",
)  # fmt: skip


def insert_exchanges(rows: Sequence[Row]) -> None:
    """Insert rows in one statement, within the caller's transaction."""
    if rows:
        with database.cursor() as cursor:
            cursor.execute(INSERT, [as_json([{name: getattr(one, name) for name in COLUMNS} for one in rows])])


class Recorder:
    """Collects exchanges and writes them at the end of the block; if the database fails, only they are lost."""

    def __init__(self, portal: int, peer: str, connection: int | None = None) -> None:
        self._portal, self._peer, self._connection = portal, peer, connection
        self._rows: list[Row] = []

    def __call__(self, exchange: RedactedExchange) -> None:
        self._rows.append(exchange_row(exchange, self._peer, portal=self._portal, connection=self._connection))

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            Row.objects.bulk_create(self._rows)
        except DatabaseError:
            log.warning("exchanges_not_recorded", count=len(self._rows))
