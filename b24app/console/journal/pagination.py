"""Keyset pages of messages: the deepest is as quick as the first, and a rare match costs no more than a common one."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from b24app.core.database.keyset import rows_after
from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.portals.models import Portal

PAGE_SIZE = 50
MAX_SCANNED = 5000  # messages that one page looks through, where no index knows the conditions
MAX_COUNTED = 5000
OLDEST_FIRST = tuple(name.removeprefix("-") for name in NEWEST_FIRST)

Place = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of messages; `older` and `newer` are the references to go on from, "" for no more.

    `stopped`: the search went as far back as one page may, and goes on at `older`.
    """

    messages: Sequence[Message]
    older: str = ""
    newer: str = ""
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Total:
    """How many messages a search finds; `is_more`: there are or may be more, for no more were looked at."""

    number: int
    is_more: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """A portal's messages as an index lists them, in the journal's order, and the condition on those shown."""

    portal: Portal
    listed: "QuerySet[Message]"
    fitting: Q

    def find_page(self, before: str, after: str) -> Page:
        """Return the messages older than one, newer than another, or the newest; both are references, "" for none."""
        place = self.find_place(after)
        if place is not None:
            page = self._newer_page(place)
            if page.messages or page.newer:
                return page
        return self._older_page(self.find_place(before))

    def find_batch(
        self, place: Place | None, limit: int, columns: Sequence[str]
    ) -> tuple[list[tuple[Any, ...]], Place | None]:
        """Return up to `limit` fitting rows older than a place, and the place to go on from, None at the end.

        A row is its place, then the columns. Where hardly anything fits, few rows or none come, but soon.
        """
        listed = self.listed.filter(rows_after(NEWEST_FIRST, place)) if place else self.listed
        listed = listed.order_by(*NEWEST_FIRST)
        end = None
        if self.fitting:
            end = next(iter(listed.values_list("received_at", "pk")[MAX_SCANNED - 1 : MAX_SCANNED]), None)
            if end:
                listed = listed.filter(rows_after(OLDEST_FIRST, (end[0], end[1] - 1)))
        found = list(listed.filter(self.fitting).values_list("received_at", "pk", *columns)[:limit])
        return found, (found[-1][0], found[-1][1]) if len(found) == limit else end

    def count_fitting(self) -> Total:
        """Count what fits, among no more messages than one page looks through."""
        listed = self.listed.order_by(*NEWEST_FIRST)
        if not self.fitting:
            number = listed.values("pk")[: MAX_COUNTED + 1].count()
            return Total(min(number, MAX_COUNTED), number > MAX_COUNTED)
        last = list(listed.values_list("received_at", "pk")[MAX_SCANNED - 1 : MAX_SCANNED + 1])
        if len(last) == 2:
            listed = listed.filter(rows_after(OLDEST_FIRST, (last[0][0], last[0][1] - 1)))
        return Total(listed.filter(self.fitting).order_by().count(), len(last) == 2)

    def find_place(self, reference: str) -> Place | None:
        """Return a message's place in the order; its reference stands in addresses, its id only in logs."""
        try:
            found = Message.objects.filter(portal=self.portal, reference=uuid.UUID(reference))
        except ValueError:
            return None
        return found.values_list("received_at", "pk").first()

    def _older_page(self, place: Place | None) -> Page:
        listed = self.listed.filter(rows_after(NEWEST_FIRST, place)) if place else self.listed
        found, has_more, end = self._fetch(
            listed.order_by(*NEWEST_FIRST), lambda at, pk: rows_after(OLDEST_FIRST, (at, pk - 1))
        )
        older = found[-1].reference.hex if has_more else end
        newer = found[0].reference.hex if found and place else ""
        return Page(found, older, newer, stopped=bool(end) and not has_more)

    def _newer_page(self, place: Place) -> Page:
        listed = self.listed.filter(rows_after(OLDEST_FIRST, place)).order_by(*OLDEST_FIRST)
        found, has_more, end = self._fetch(listed, lambda at, pk: rows_after(NEWEST_FIRST, (at, pk + 1)))
        newer = found[-1].reference.hex if has_more else end
        older = found[0].reference.hex if found else ""
        return Page(found[::-1], older, newer)

    def _fetch(
        self, listed: "QuerySet[Message]", up_to: Callable[[datetime, int], Q]
    ) -> tuple[list[Message], bool, str]:
        """Return the fitting messages, whether there are more, and the reference at which the search had to stop.

        The index is asked first how far the search may go, so that whatever plan is chosen then has few rows to look
        at. With one LIMIT over all conditions the planner guesses how soon fifty are found, and is wrong by millions.
        """
        end = ""
        if self.fitting:
            last = list(listed.values_list("received_at", "pk")[MAX_SCANNED - 1 : MAX_SCANNED + 1])
            if len(last) == 2:
                listed = listed.filter(up_to(*last[0]))
                end = Message.objects.values_list("reference", flat=True).get(pk=last[0][1]).hex
        found = list(listed.filter(self.fitting).select_related("sender", "connection")[: PAGE_SIZE + 1])
        return found[:PAGE_SIZE], len(found) > PAGE_SIZE, end
