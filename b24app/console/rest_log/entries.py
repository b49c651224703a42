"""The REST log of a portal: its exchanges with Bitrix24, and its handler calls, which are its messages' rows.

A handler call is written down once, as the message that it became, so recording it costs nothing. Both tables are read
by index in one order, newest first, and merged page by page.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from django.db.models import Q, QuerySet

from b24app.core.database.keyset import rows_after
from b24app.exchange_log.models import INCOMING, WITH_PORTAL, Exchange
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Origin
from b24app.portals.rest.exchange_records import BATCH, HANDLER

MAX_SCANNED = 5000  # rows that one page looks through, where no index knows the conditions
FROM_PORTAL, TO_PORTAL = "in", "out"
EXCHANGES, MESSAGES = 1, 0  # of two rows of one moment the exchange comes first
MAX_OF_MESSAGE = 1000  # exchanges that are about one message
MESSAGE_COLUMNS = ("received_at", "message_id", "author_id", "module", "reference", "sender", "sender__code")

Place: TypeAlias = tuple[datetime, int, int]
"""Where an entry stands in the log: its time, its table and its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the log is narrowed to; empty means all. `messages` are ids of ours, None for any exchange."""

    name: str = ""
    direction: str = ""  # FROM_PORTAL or TO_PORTAL
    errors: bool = False
    since: datetime | None = None
    until: datetime | None = None
    messages: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An exchange, or the message that a handler call became."""

    place: Place
    row: Exchange | Message


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries, newest first, and where to go on; `stopped`: the search went as far back as one page may."""

    entries: Sequence[Entry]
    older: Place | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows of one table in the order of an index, and the condition on those that fit."""

    table: int
    rows: "QuerySet[Any]"
    fitting: Q
    time: str = "at"

    def fetch(self, after: Place | None, limit: int) -> tuple[list[Entry], Place | None]:
        """Return up to `limit` entries behind a place, and how far the search went if it stopped before the end.

        The index is asked first where that is, so that whatever plan is chosen then has few rows to look at.
        """
        newest_first, oldest_first = (f"-{self.time}", "-id"), (self.time, "id")
        listed = self.rows.filter(self._behind(after)) if after else self.rows
        listed = listed.order_by(*newest_first)
        end = None
        if self.fitting:
            last = list(listed.values_list(self.time, "pk")[MAX_SCANNED - 1 : MAX_SCANNED + 1])
            if len(last) == 2:
                (at, pk), _next = last
                listed = listed.filter(rows_after(oldest_first, (at, pk - 1)))
                end = (at, self.table, pk)
        found = [
            Entry((getattr(row, self.time), self.table, row.pk), row) for row in listed.filter(self.fitting)[:limit]
        ]
        return found, None if len(found) == limit else end

    def _behind(self, place: Place) -> Q:
        at, table, pk = place
        if table == self.table:
            return rows_after((f"-{self.time}", "-id"), (at, pk))
        return Q((f"{self.time}__lte" if table > self.table else f"{self.time}__lt", at))


def find_page(portal_id: int, conditions: Conditions, after: Place | None, size: int) -> EntryPage:
    """Return a page of the log that begins behind a place, or with the newest entry."""
    fetched = [source.fetch(after, size + 1) for source in _sources(portal_id, conditions)]
    entries = sorted((entry for found, _end in fetched for entry in found), key=lambda one: one.place, reverse=True)
    # Behind the place where the first of them stopped, the others' entries are not all that there is.
    stopped_at = max((end for _found, end in fetched if end), default=None)
    if stopped_at:
        entries = [entry for entry in entries if entry.place >= stopped_at]
    if len(entries) > size:
        return EntryPage(entries[:size], entries[size - 1].place)
    return EntryPage(entries, stopped_at, stopped=stopped_at is not None)


def iterate_entries(portal_id: int, conditions: Conditions, size: int) -> Iterator[Entry]:
    """Yield the whole log, newest first, in pages that are queried when they are asked for."""
    page = find_page(portal_id, conditions, None, size)
    yield from page.entries
    while page.older:
        page = find_page(portal_id, conditions, page.older, size)
        yield from page.entries


def _sources(portal_id: int, conditions: Conditions) -> Iterable[_Source]:
    exchanges = Exchange.objects.filter(WITH_PORTAL, portal_id=portal_id)
    yield from (
        _Source(EXCHANGES, _within(rows, "at", conditions), fitting)
        for rows, fitting in _exchange_sources(exchanges, conditions)
    )
    if not conditions.errors and conditions.direction != TO_PORTAL and conditions.name in {"", HANDLER}:
        messages = Message.objects.filter(portal_id=portal_id).only(*MESSAGE_COLUMNS).select_related("sender")
        if conditions.messages is not None:
            messages = messages.filter(pk__in=conditions.messages)
        yield _Source(
            MESSAGES, _within(messages, "received_at", conditions), Q(origin=Origin.PORTAL), time="received_at"
        )


def _exchange_sources(
    exchanges: "QuerySet[Exchange]", conditions: Conditions
) -> Iterator[tuple["QuerySet[Exchange]", Q]]:
    """Yield rows as the narrowest index lists them, with the conditions that it does not know."""
    fits_name = Q(name=conditions.name) if conditions.name else Q()
    fits_batch = Q(name=BATCH, request__contains=f" {conditions.name}=")
    failed = ~Q(error="") if conditions.errors else Q()
    fits_direction = {FROM_PORTAL: Q(method__in=INCOMING), TO_PORTAL: ~Q(method__in=INCOMING)}.get(
        conditions.direction, Q()
    )
    if conditions.messages is not None:
        about = exchanges.filter(pk__in=_exchanges_about(conditions.messages))
        yield about, failed & fits_direction & (fits_name | fits_batch if conditions.name else Q())
    elif conditions.errors:
        yield exchanges.filter(failed), fits_direction & (fits_name | fits_batch if conditions.name else Q())
    elif conditions.name:
        yield exchanges.filter(fits_name), fits_direction
        if conditions.name != BATCH:
            yield exchanges.filter(name=BATCH), fits_batch & fits_direction
    elif conditions.direction == FROM_PORTAL:
        yield exchanges.filter(fits_direction), Q()
    else:
        yield exchanges, fits_direction


def _exchanges_about(messages: Sequence[int]) -> list[int]:
    """Return the ids of the exchanges about these messages, on their own or in a batch.

    A query of its own, for the planner does not know how few they are and would read the log until it has a page.
    """
    rows = Exchange.objects.values_list("pk", flat=True)
    alone = rows.filter(message_id__in=messages)[:MAX_OF_MESSAGE]
    return [*alone, *rows.filter(messages__overlap=list(messages))[:MAX_OF_MESSAGE]]


def _within(rows: "QuerySet[Any]", time: str, conditions: Conditions) -> "QuerySet[Any]":
    if conditions.since:
        rows = rows.filter(Q((f"{time}__gte", conditions.since)))
    if conditions.until:
        rows = rows.filter(Q((f"{time}__lt", conditions.until)))
    return rows
