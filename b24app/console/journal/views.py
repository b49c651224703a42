"""The journal: all messages of the portal, newest first; employees who are not administrators see their own."""

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
from b24app.console.journal.conditions import NONE, OFFERED_STATUSES, SOURCES, STATUS_GROUPS
from b24app.console.journal.filters import Filters
from b24app.console.journal.message_history import describe_source, missing_text_label
from b24app.console.journal.pagination import Page
from b24app.console.journal.search import hides_numbers, search_messages
from b24app.console.wording import explained, explanations
from b24app.console.wording.employees import EmployeeNames
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Phase, Wait
from b24app.messaging.statistics.authors import authors_of
from b24app.portals.models import Portal
from providers.kit.segments import measure

MAX_EMPLOYEES = 100


@dataclass(frozen=True, slots=True)
class JournalRow:
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
def show_journal(request: FramedRequest) -> HttpResponse:
    """Render a page of the journal.

    A poll with `seen` gets content only if the page has changed, and ends when it cannot change any more.
    """
    filters = Filters.from_query(request.GET.dict())
    is_live = not filters.is_over and "before" not in request.GET and "after" not in request.GET
    if "seen" in request.GET and not is_live:
        return HttpResponseStopPolling()
    page = _find_page(request, filters)
    seen = _page_digest(page.messages)
    if request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    senders = Sender.objects.filter(portal=request.portal).order_by("pk") if request.visitor.is_admin else None
    employees = _employee_choices(request, filters)
    people = EmployeeNames.load(request.portal, employees)
    context = {
        "filters": filters,
        "rows": _make_rows(page.messages, request.portal, request.GET.getlist("m")),
        "page": page,
        "walk": pagination.MAX_SCANNED,
        "seen": seen,
        "is_live": is_live,
        "senders": senders,
        "chips": _make_chips(filters, {one.uuid.hex: one.name for one in senders or ()}, people),
        "statuses": _status_choices(filters),
        "sources": {code: words for code, (words, _query) in SOURCES.items()},
        "errors": explanations.REASON_NAMES,
        "employees": people.sorted_choices(employees),
        "acts": {act.value: 0 for act in filters.possible_acts},
        "query": filters.written(),
        "masked": not request.visitor.is_admin,
        "hides": hides_numbers(request),
        "today": timezone.localdate(),
    }
    return render_screen(request, "console/journal/journal.html", context)


def _status_choices(filters: Filters) -> Mapping[str, object]:
    """Return the status groups to choose from, the chosen one always among them."""
    codes = [one for one in STATUS_GROUPS if one in OFFERED_STATUSES or one == filters.status]
    return {code: STATUS_GROUPS[code].title for code in codes}


def _employee_choices(request: FramedRequest, filters: Filters) -> set[int]:
    """Return the employees to choose from, the chosen one always among them; none for employees."""
    if not request.visitor.is_admin:
        return set()
    chosen = {int(filters.employee)} if filters.employee.isdecimal() else set()
    return {*authors_of(request.portal, MAX_EMPLOYEES), *chosen}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set; `without` is the query that clears it."""

    name: str
    value: str
    without: str


def _make_chips(filters: Filters, senders: Mapping[str, str], people: EmployeeNames) -> list[Chip]:
    days = [locales.day(day) if day else "…" for day in (filters.since, filters.until)]
    chips = [
        Chip(_("Phone"), filters.phone, filters.written(phone="")),
        Chip(
            _("Status"),
            str(STATUS_GROUPS[filters.status].title) if filters.status else "",
            filters.written(status=""),
        ),
        Chip(_("Sender"), senders.get(filters.sender, ""), filters.written(sender="")),
        Chip(_("Service"), filters.service and explained.service_title(filters.service), filters.written(service="")),
        Chip(_("Without"), filters.without and explained.service_title(filters.without), filters.written(without="")),
        Chip(_("Source"), _choice_label(SOURCES, filters.source), filters.written(source="")),
        Chip(_("Error"), explanations.short_reason(filters.error), filters.written(error="")),
    ]
    if filters.employee == NONE:
        chips.append(Chip(_("Employee"), _("No employee"), filters.written(employee="")))
    elif filters.employee:
        chosen = int(filters.employee)
        who = people.display_name(chosen) if chosen in people.names else filters.employee
        chips.append(Chip(_("Employee"), who, filters.written(employee="")))
    if filters.country:
        name = _("Unknown") if filters.country == NONE else locales.country_name(filters.country)
        chips.append(Chip(_("Country"), name, filters.written(country="")))
    if filters.since or filters.until:
        chips.append(Chip(_("Date"), " – ".join(days), filters.written(since=None, until=None)))
    return [chip for chip in chips if chip.value]


def _choice_label(known: Mapping[str, tuple[object, object]], code: str) -> str:
    return str(known[code][0]) if code else ""


def _find_page(request: FramedRequest, filters: Filters) -> Page:
    only_of = None if request.visitor.is_admin else request.visitor.user_id
    found = search_messages(request.portal, filters, only_of)
    return found.find_page(request.GET.get("before", ""), request.GET.get("after", ""))


def _page_digest(messages: Sequence[Message]) -> str:
    shown = [
        (one.pk, one.status, one.phase, one.wait, one.due_at, one.parts, one.price, one.repeats) for one in messages
    ]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def _make_rows(messages: Sequence[Message], portal: Portal, ticked: Collection[str]) -> list[JournalRow]:
    rows: list[JournalRow] = []
    day = None
    for message in messages:
        local = timezone.localtime(message.received_at).date()
        rows.append(
            JournalRow(
                message=message,
                service=explained.service_title(message.connection.service),
                source=describe_source(message),
                parts=message.parts or measure(message.sender.written(message.text)).parts,
                why=_short_explanation(message),
                no_text=missing_text_label(message, portal),
                until=_held_until(message),
                new_day=local != day,
                may=_is_actionable(message),
                ticked=message.reference.hex in ticked,
            )
        )
        day = local
    return rows


def _is_actionable(message: Message) -> bool:
    """Return whether any action applies to a message."""
    is_lost = message.status in ("failed", "undelivered") and bool(message.to and message.text)
    return is_lost or message.phase in (Phase.WAITING, Phase.UNKNOWN)


def _short_explanation(message: Message) -> str:
    """Return the line under the status: why a message ended or waits long, in a few words."""
    if message.phase == Phase.WAITING:
        return explanations.short_wait(message.wait)
    if message.phase == Phase.UNKNOWN or message.status in ("failed", "undelivered"):
        return explanations.short_reason(message.reason)
    return ""


def _held_until(message: Message) -> datetime | None:
    """Return when a rule releases the message that it holds, or when it is scheduled for."""
    by_rule = message.phase == Phase.WAITING and message.wait in (Wait.QUIET_HOURS, Wait.CAP, Wait.SCHEDULED)
    return message.due_at if by_rule and not explanations.expires_first(message) else None


urlpatterns = [path("journal/", show_journal, name="journal")]
