"""The journal as a table for spreadsheets: the words of its columns and cells, and its rows in bounded batches."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.utils.functional import Promise
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from b24app.console.journal.filters import SOURCES
from b24app.console.journal.pagination import Place, Search
from b24app.console.templatetags.console import STATUS_WORDS
from b24app.console.wording.employees import EmployeeNames
from b24app.console.wording.explained import service_title
from b24app.console.wording.explanations import REASON_NAMES, WAIT_NAMES
from b24app.messaging.models import Sender
from b24app.messaging.models.dimensions import source_of
from b24app.messaging.models.statuses import Phase, Wait
from b24app.portals.models import Portal

BATCH = 2000
COLUMNS = (
    "status", "phase", "wait", "reason", "to", "raw_to", "text", "sender_id", "parts", "price", "currency", "origin",
    "module", "author_id", "final_at", "detail", "service_code", "reference", "ref",
)  # fmt: skip
AUTHOR = 2 + COLUMNS.index("author_id")  # in a row, which begins with its place
_TITLES: tuple[str | Promise, ...] = (
    _("Status"), _("Error"), _("To"), _("Text"), _("Sender"), _("Service"), _("Segments"), _("Price"), _("Currency"),
    _("Source"), _("Employee"), _("Employee’s name"), _("Final word"), _("The service’s words"), _("Code"),
    _("Our reference"), _("The service’s number"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """All words of a sheet in one language, looked up once: a row is made a hundred thousand times."""

    titles: tuple[str, ...]
    statuses: Mapping[str, str]
    unknown: str
    reasons: Mapping[str, str]
    waits: Mapping[str, str]
    sources: Mapping[str, str]
    senders: Mapping[int, tuple[str, str]]

    @classmethod
    def of(cls, portal: Portal, language: str) -> Self:
        """The words for a portal's messages; `language` is Django's code."""
        with override(language):
            return cls(
                titles=(gettext("Time") + f" ({portal.zone.key})", *map(str, _TITLES)),
                statuses={code: str(words) for code, words in STATUS_WORDS.items()},
                unknown=gettext("Outcome unknown"),
                reasons={code: str(words) for code, words in REASON_NAMES.items()},
                waits={code: str(words) for code, words in WAIT_NAMES.items()},
                sources={code: str(words) for code, (words, _query) in SOURCES.items()},
                senders={
                    one.pk: (one.name, service_title(one.connection.service))
                    for one in Sender.objects.filter(portal=portal).select_related("connection")
                },
            )


def rows(search: Search, words: Words, told: Callable[[int], None]) -> Iterator[tuple[object, ...]]:
    """The titles, then all that is found, newest first; `told` hears after every batch how many rows there are."""
    yield words.titles
    zone, count = search.portal.zone, 0
    place: Place | None = None
    while True:
        found, place = search.after(place, BATCH, COLUMNS)
        people = EmployeeNames.load(search.portal, {row[AUTHOR] for row in found})
        for row in found:
            who = people.names.get(row[AUTHOR], "")
            yield _cells(row, words, who, lambda at: f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}")
        count += len(found)
        told(count)
        if place is None:
            return


def _cells(row: tuple[Any, ...], words: Words, who: str, clock: Callable[[datetime], str]) -> tuple[object, ...]:
    (received_at, _pk, status, phase, wait, reason, to, raw_to, text, sender, parts, price, currency, origin, module,
     author, final_at, detail, code, reference, ref) = row  # fmt: skip
    name, service = words.senders.get(sender, ("", ""))
    is_unknown = phase == Phase.UNKNOWN
    why = words.waits.get(wait, "") if phase == Phase.WAITING and wait != Wait.NONE else words.reasons.get(reason, "")
    return (
        clock(received_at), words.unknown if is_unknown else words.statuses[status], why, to or raw_to, text, name,
        service, _told(parts), _told(price), currency, words.sources[source_of(origin, module)], _told(author), who,
        clock(final_at) if final_at else "", detail, code, reference.hex, ref,
    )  # fmt: skip


def _told(value: object) -> object:
    return "" if value is None else value
