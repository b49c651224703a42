"""The journal: all messages of the portal, newest first; employees who are not administrators see their own."""

from collections.abc import Mapping

from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseStopPolling

from b24app.console.formats.query_values import read_uuid
from b24app.console.frame.screen import FramedRequest, render_screen
from b24app.console.journal import pagination
from b24app.console.journal.chips import make_chips
from b24app.console.journal.crm_names import MessageNames, viewer_of
from b24app.console.journal.filter_selects import make_selects
from b24app.console.journal.filters import Filters
from b24app.console.journal.rows import make_rows, page_digest
from b24app.console.journal.saved_views import view_context
from b24app.console.journal.search import hides_numbers, search_messages
from b24app.console.journal.way_back import from_list, list_query, read_place
from b24app.console.wording.employees import EmployeeNames
from b24app.messaging.models import Sender
from b24app.messaging.statistics.authors import authors_of

MAX_EMPLOYEES = 100


@require_safe
def show_journal(request: FramedRequest) -> HttpResponse:
    """Render a page of the journal.

    A poll with `seen` gets content only if the page has changed, and ends when it cannot change any more.
    """
    filters = Filters.from_query(request.GET.dict())
    place = read_place(request.GET.dict())
    is_live = not filters.is_over and not place
    found = search_messages(request.portal, filters, None if request.visitor.is_admin else request.visitor.user_id)
    page = found.find_page(place.get("before", ""), place.get("after", ""))
    names = MessageNames.load(request.portal, viewer_of(request), [one.links for one in page.messages])
    seen, is_polling = page_digest(page.messages, names), is_live or names.is_pending
    if request.GET.get("seen") == seen:
        return HttpResponse(status=204) if is_polling else HttpResponseStopPolling()
    here = list_query(filters, place)
    context = {
        "filters": filters,
        "rows": make_rows(page.messages, request.portal, names, request.GET.getlist("m")),
        "page": page,
        "total": found.count_fitting(),
        "names_trouble": names.stored.trouble if request.visitor.is_admin else "",
        "walk": pagination.MAX_SCANNED,
        "seen": seen,
        "is_live": is_live,
        "is_polling": is_polling,
        "here": here,
        "from": from_list(here),
        "at": read_uuid(request.GET.get("at", "")),
        "query": filters.written(),
        "masked": not request.visitor.is_admin,
        "hides": hides_numbers(request),
        **_filter_choices(request, filters),
        **view_context(request, filters),
    }
    response = render_screen(request, "console/journal/journal.html", context)
    if "seen" in request.GET and not is_polling:
        response.status_code = HttpResponseStopPolling.status_code  # this is the last that comes
    return response


def _filter_choices(request: FramedRequest, filters: Filters) -> Mapping[str, object]:
    """Return what the filters offer to choose from, and the chips of those that are set."""
    mine = Sender.objects.filter(portal=request.portal).order_by("pk") if request.visitor.is_admin else ()
    senders = {one.uuid.hex: one.name for one in mine}
    employees = _employee_choices(request, filters)
    people = EmployeeNames.load(request.portal, employees)
    return {
        "selects": make_selects(filters, senders, employees, people),
        "chips": make_chips(filters, senders, people),
        "today": timezone.localdate(),
    }


def _employee_choices(request: FramedRequest, filters: Filters) -> set[int]:
    """Return the employees to choose from, the chosen one always among them; none for employees."""
    if not request.visitor.is_admin:
        return set()
    chosen = {int(filters.employee)} if filters.employee.isdecimal() else set()
    return {*authors_of(request.portal, MAX_EMPLOYEES), *chosen}


urlpatterns = [path("journal/", show_journal, name="journal")]
