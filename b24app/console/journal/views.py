"""All messages of the portal, newest first; employees who are not administrators see their own."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseStopPolling

from b24app.console.formats import locales
from b24app.console.frame.screen import FramedRequest, render_screen
from b24app.console.journal import pagination
from b24app.console.journal.filters import SOURCES, STATUSES, Filters
from b24app.console.journal.message_history import no_text, source
from b24app.console.journal.pagination import Page
from b24app.console.journal.search import hides_numbers, search
from b24app.console.wording import explained, explanations
from b24app.console.wording.employees import EmployeeNames
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Phase, Wait
from b24app.messaging.statistics.authors import authors_of
from b24app.portals.models import Portal
from providers.kit.segments import measure

MOST_EMPLOYEES = 100


@dataclass(frozen=True, slots=True)
class Row:
    message: Message
    service: str
    source: str
    parts: int
    why: str
    no_text: str
    until: datetime | None
    new_day: bool
    may: bool
    ticked: bool


@require_safe
def journal(request: FramedRequest) -> HttpResponse:
    """A page of the journal. A poll with `seen` is answered only if the page has changed, and ends when it cannot."""
    filters = Filters.read(request.GET.dict())
    is_live = not filters.is_over and "before" not in request.GET and "after" not in request.GET
    if "seen" in request.GET and not is_live:
        return HttpResponseStopPolling()
    page = _page(request, filters)
    seen = _digest(page.messages)
    if request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    senders = Sender.objects.filter(portal=request.portal).order_by("pk") if request.visitor.is_admin else None
    employees = _employees(request, filters)
    people = EmployeeNames.load(request.portal, employees)
    context = {
        "filters": filters,
        "rows": _rows(page.messages, request.portal, request.GET.getlist("m")),
        "page": page,
        "walk": pagination.WALK,
        "seen": seen,
        "is_live": is_live,
        "senders": senders,
        "chips": _chips(filters, {one.uuid.hex: one.name for one in senders or ()}, people),
        "statuses": {code: words for code, (words, _query) in STATUSES.items()},
        "sources": {code: words for code, (words, _query) in SOURCES.items()},
        "errors": explanations.REASON_NAMES,
        "employees": people.sorted_choices(employees),
        "acts": {act.value: 0 for act in filters.acts},
        "query": filters.written(),
        "masked": not request.visitor.is_admin,
        "hides": hides_numbers(request),
        "today": timezone.localdate(),
    }
    return render_screen(request, "console/journal/journal.html", context)


def _employees(request: FramedRequest, filters: Filters) -> set[int]:
    """Those an administrator can choose from, the chosen one surely among them."""
    if not request.visitor.is_admin:
        return set()
    chosen = {int(filters.employee)} if filters.employee else set()
    return {*authors_of(request.portal, MOST_EMPLOYEES), *chosen}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set; `without` is the query that clears it."""

    name: str
    value: str
    without: str


def _chips(filters: Filters, senders: Mapping[str, str], people: EmployeeNames) -> list[Chip]:
    days = [locales.day(day) if day else "…" for day in (filters.since, filters.until)]
    chips = [
        Chip(_("Phone"), filters.phone, filters.written(phone="")),
        Chip(_("Status"), _name(STATUSES, filters.status), filters.written(status="")),
        Chip(_("Sender"), senders.get(filters.sender, ""), filters.written(sender="")),
        Chip(_("Service"), filters.service and explained.service_title(filters.service), filters.written(service="")),
        Chip(_("Source"), _name(SOURCES, filters.source), filters.written(source="")),
        Chip(_("Error"), explanations.short_reason(filters.error), filters.written(error="")),
    ]
    if filters.employee:
        chosen = int(filters.employee)
        who = people.display_name(chosen) if chosen in people.names else filters.employee
        chips.append(Chip(_("Employee"), who, filters.written(employee="")))
    if filters.since or filters.until:
        chips.append(Chip(_("Date"), " – ".join(days), filters.written(since=None, until=None)))
    return [chip for chip in chips if chip.value]


def _name(known: Mapping[str, tuple[object, object]], code: str) -> str:
    return str(known[code][0]) if code else ""


def _page(request: FramedRequest, filters: Filters) -> Page:
    only_of = None if request.visitor.is_admin else request.visitor.user_id
    found = search(request.portal, filters, only_of)
    return found.page(request.GET.get("before", ""), request.GET.get("after", ""))


def _digest(messages: Sequence[Message]) -> str:
    shown = [
        (one.pk, one.status, one.phase, one.wait, one.due_at, one.parts, one.price, one.repeats) for one in messages
    ]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def _rows(messages: Sequence[Message], portal: Portal, ticked: Collection[str]) -> list[Row]:
    rows: list[Row] = []
    day = None
    for message in messages:
        local = timezone.localtime(message.received_at).date()
        rows.append(
            Row(
                message=message,
                service=explained.service_title(message.connection.service),
                source=source(message),
                parts=message.parts or measure(message.sender.written(message.text)).parts,
                why=_why(message),
                no_text=no_text(message, portal),
                until=_until(message),
                new_day=local != day,
                may=_may(message),
                ticked=message.reference.hex in ticked,
            )
        )
        day = local
    return rows


def _may(message: Message) -> bool:
    """Is there anything to be done with it?"""
    is_lost = message.status in ("failed", "undelivered") and bool(message.to and message.text)
    return is_lost or message.phase in (Phase.WAITING, Phase.UNKNOWN)


def _why(message: Message) -> str:
    """The circumstance under the status: the reason of an end or of a long wait, in a few words."""
    if message.phase == Phase.WAITING:
        return explanations.short_wait(message.wait)
    if message.phase == Phase.UNKNOWN or message.status in ("failed", "undelivered"):
        return explanations.short_reason(message.reason)
    return ""


def _until(message: Message) -> datetime | None:
    """When a rule lets a message go that it holds."""
    by_rule = message.phase == Phase.WAITING and message.wait in (Wait.QUIET_HOURS, Wait.CAP)
    return message.due_at if by_rule and not explanations.expires_first(message) else None


urlpatterns = [path("journal/", journal, name="journal")]
