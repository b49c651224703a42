"""The journal as a table: its columns and cells, and its rows in bounded batches."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from django.utils.functional import Promise
from django.utils.translation import gettext, override, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from b24app.console.formats.csv_files import blank_if_none
from b24app.console.journal.conditions import SOURCES
from b24app.console.journal.crm_names import MessageNames, is_by_hand
from b24app.console.journal.pagination import Place, Search
from b24app.console.templatetags.console import STATUS_WORDS
from b24app.console.wording.employees import EmployeeNames
from b24app.console.wording.explained import service_title
from b24app.console.wording.explanations import REASON_NAMES, WAIT_NAMES
from b24app.messaging.models import Sender
from b24app.messaging.models.dimensions import source_of
from b24app.messaging.models.statuses import Phase, Wait
from b24app.portals.crm_names.names import ADMINISTRATORS
from b24app.portals.models import Portal

BATCH_SIZE = 2000
COLUMNS = (
    "status", "phase", "wait", "reason", "to", "raw_to", "text", "sender_id", "parts", "price", "currency", "origin",
    "module", "author_id", "final_at", "detail", "service_code", "reference", "ref", "links",
)  # fmt: skip
AUTHOR = 2 + COLUMNS.index("author_id")  # in a row, which begins with its place
LINKS = 2 + COLUMNS.index("links")
_TITLES: tuple[str | Promise, ...] = (
    _("Status"), _("Status code"), _("Error"), _("To"), _("Recipient"), pgettext_lazy("column", "CRM item"),
    _("Message"), _("Sender"), _("Service"), _("Segments"), _("Price"), _("Currency"), _("Source"), _("Employee"),
    _("Employee name"), _("Final status at"), _("Service response"), _("Code"), _("Sendline ID"),
    _("Service message ID"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowNames:
    """The names in a row, "" where one is not known."""

    employee: str
    person: str
    item: str


@dataclass(frozen=True, slots=True)
class RowLabels:
    """All words of the file in one language, looked up once: a row is made a hundred thousand times."""

    titles: tuple[str, ...]
    statuses: Mapping[str, str]
    unknown: str
    reasons: Mapping[str, str]
    waits: Mapping[str, str]
    sources: Mapping[str, str]
    senders: Mapping[int, tuple[str, str]]

    @classmethod
    def load(cls, portal: Portal, language: str) -> Self:
        """Load the words for a portal's messages; `language` is Django's code."""
        with override(language):
            return cls(
                titles=(gettext("Time") + f" ({portal.zone.key})", *map(str, _TITLES)),
                statuses={code: str(words) for code, words in STATUS_WORDS.items()},
                unknown=gettext("Unknown"),
                reasons={code: str(words) for code, words in REASON_NAMES.items()},
                waits={code: str(words) for code, words in WAIT_NAMES.items()},
                sources={code: str(words) for code, (words, _query) in SOURCES.items()},
                senders={
                    one.pk: (one.name, service_title(one.connection.service))
                    for one in Sender.objects.filter(portal=portal).select_related("connection")
                },
            )


def export_rows(search: Search, labels: RowLabels, on_progress: Callable[[int], None]) -> Iterator[tuple[object, ...]]:
    """Yield the titles, then all rows, newest first; `on_progress` gets the number of rows after every batch."""
    yield labels.titles
    zone, count = search.portal.zone, 0
    place: Place | None = None
    while True:
        found, place = search.find_batch(place, BATCH_SIZE, COLUMNS)
        people = EmployeeNames.load(search.portal, {row[AUTHOR] for row in found})
        names = MessageNames.load_known(search.portal, ADMINISTRATORS, [row[LINKS] for row in found])
        for row in found:
            named = _name_row(row, people, names)
            yield _make_cells(row, labels, named, lambda at: f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}")
        count += len(found)
        on_progress(count)
        if place is None:
            return


def _name_row(row: tuple[Any, ...], people: EmployeeNames, names: MessageNames) -> RowNames:
    values = dict(zip(COLUMNS, row[2:], strict=True))
    links, by_hand = values["links"], is_by_hand(values["origin"], values["module"])
    person = names.find_person(links, values["to"], by_hand=by_hand)
    item = names.find_item(links)
    return RowNames(people.names.get(values["author_id"], ""), person.name if person else "", item.name if item else "")


def _make_cells(
    row: tuple[Any, ...], labels: RowLabels, named: RowNames, clock: Callable[[datetime], str]
) -> tuple[object, ...]:
    (received_at, _pk, status, phase, wait, reason, to, raw_to, text, sender, parts, price, currency, origin, module,
     author, final_at, detail, code, reference, ref, _links) = row  # fmt: skip
    name, service = labels.senders.get(sender, ("", ""))
    is_unknown = phase == Phase.UNKNOWN
    is_waiting = phase == Phase.WAITING and wait != Wait.NONE
    why = labels.waits.get(wait, "") if is_waiting else labels.reasons.get(reason, "")
    return (
        clock(received_at), labels.unknown if is_unknown else labels.statuses[status],
        Phase.UNKNOWN.value if is_unknown else status, why, to or raw_to, named.person, named.item, text, name,
        service, blank_if_none(parts), _plain_price(price), currency, labels.sources[source_of(origin, module)],
        author or "", named.employee, clock(final_at) if final_at else "", detail, code, reference.hex, ref,
    )  # fmt: skip


def _plain_price(price: Decimal | None) -> str:
    """Return a price without idle zeros, as a spreadsheet reads it."""
    return "" if price is None else f"{price.normalize():f}"
