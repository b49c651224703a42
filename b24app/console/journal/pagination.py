"""Pages of messages by key: the deepest is as quick as the first, and finding little costs no more than much."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.portals.models import Portal

PAGE = 50
WALK = 5000  # messages that one page looks through, where no index knows what is looked for
OLDEST_FIRST = tuple(name.removeprefix("-") for name in NEWEST_FIRST)

Place = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of messages; `older` and `newer` are the references to go on from, "" where nothing more is.

    `stopped`: the search went as far back as one page may, and `older` is where it goes on.
    """

    messages: Sequence[Message]
    older: str = ""
    newer: str = ""
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """A portal's messages as an index lists them, in the journal's order, and what the shown ones fit besides."""

    portal: Portal
    listed: "QuerySet[Message]"
    fitting: Q

    def page(self, before: str, after: str) -> Page:
        """The messages older than one, newer than another, or the newest; both are references, "" for none."""
        place = self.place(after)
        if place is not None:
            page = self._newer(place)
            if page.messages or page.newer:
                return page
        return self._older(self.place(before))

    def after(
        self, place: Place | None, most: int, columns: Sequence[str]
    ) -> tuple[list[tuple[Any, ...]], Place | None]:
        """At most so many of what fits, older than a place, and the place to go on from; None: there is no more.

        A row is its place, then the columns. Where hardly anything fits, few rows or none come, but soon.
        """
        listed = self.listed.filter(_older(place)) if place else self.listed
        listed = listed.order_by(*NEWEST_FIRST)
        end = None
        if self.fitting:
            end = next(iter(listed.values_list("received_at", "pk")[WALK - 1 : WALK]), None)
            if end:
                listed = listed.filter(_newer((end[0], end[1] - 1)))
        found = list(listed.filter(self.fitting).values_list("received_at", "pk", *columns)[:most])
        return found, (found[-1][0], found[-1][1]) if len(found) == most else end

    def place(self, reference: str) -> Place | None:
        """A message's place in the order; its reference stands in addresses, its id only in logs."""
        try:
            found = Message.objects.filter(portal=self.portal, reference=uuid.UUID(reference))
        except ValueError:
            return None
        return found.values_list("received_at", "pk").first()

    def _older(self, place: Place | None) -> Page:
        listed = self.listed.filter(_older(place)) if place else self.listed
        found, more, end = self._look(listed.order_by(*NEWEST_FIRST), lambda at, pk: _newer((at, pk - 1)))
        older = found[-1].reference.hex if more else end
        newer = found[0].reference.hex if found and place else ""
        return Page(found, older, newer, stopped=bool(end) and not more)

    def _newer(self, place: Place) -> Page:
        listed = self.listed.filter(_newer(place)).order_by(*OLDEST_FIRST)
        found, more, end = self._look(listed, lambda at, pk: _older((at, pk + 1)))
        newer = found[-1].reference.hex if more else end
        older = found[0].reference.hex if found else ""
        return Page(found[::-1], older, newer)

    def _look(
        self, listed: "QuerySet[Message]", up_to: Callable[[datetime, int], Q]
    ) -> tuple[list[Message], bool, str]:
        """What fits, whether more does, and where the search had to stop.

        How far it may go is asked of the index first, so that whatever plan is chosen then has few rows to look at.
        With one LIMIT over all conditions the planner guesses how soon fifty are found, and is wrong by millions.
        """
        end = ""
        if self.fitting:
            last = list(listed.values_list("received_at", "pk")[WALK - 1 : WALK + 1])
            if len(last) == 2:
                listed = listed.filter(up_to(*last[0]))
                end = Message.objects.values_list("reference", flat=True).get(pk=last[0][1]).hex
        found = list(listed.filter(self.fitting).select_related("sender", "connection")[: PAGE + 1])
        return found[:PAGE], len(found) > PAGE, end


def _older(than: Place) -> Q:
    # The first part is the index's; of the others PostgreSQL makes a filter.
    at, pk = than
    return Q(received_at__lte=at) & (Q(received_at__lt=at) | Q(pk__lt=pk))


def _newer(than: Place) -> Q:
    at, pk = than
    return Q(received_at__gte=at) & (Q(received_at__gt=at) | Q(pk__gt=pk))
