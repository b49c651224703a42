"""The REST log: every exchange with Bitrix24 in both directions, for administrators."""

from datetime import datetime

from django.http import HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from b24app.console.frame.screen import FramedRequest, admin_only, render_screen
from b24app.console.rest_log.entries import MAX_SCANNED, Place, find_page
from b24app.console.rest_log.filters import RestLogFilters
from b24app.console.rest_log.rows import LogRow
from b24app.core import tokens
from b24app.exchange_log import lookup
from b24app.portals.rest.exchange_records import HANDLER

PAGE_SIZE = 50
PLACE, PLACE_SECONDS = "rest-log", 30 * 86_400


@admin_only
@require_safe
def show_rest_log(request: FramedRequest) -> HttpResponse:
    """Render a page of the log, newest first; its address holds the filters and where it begins."""
    filters = RestLogFilters.from_query(request.GET.dict())
    place = _read_place(request.GET.get("before", ""))
    conditions = filters.find_conditions(request.portal)
    page = find_page(request.portal.pk, conditions, place, PAGE_SIZE)
    context = {
        "filters": filters,
        "names": sorted({*lookup.names_of(request.portal.pk), HANDLER}),
        "rows": LogRow.load_all(request.portal, page.entries, conditions.messages),
        "page": page,
        "scanned": MAX_SCANNED,
        "older": _write_place(page.older) if page.older else "",
        "first": place is None,
        "query": filters.written(),
        "keep_days": request.portal.keep_exchanges.days,
    }
    return render_screen(request, "console/rest_log/rest_log.html", context)


def _write_place(place: Place) -> str:
    """Return a place for an address; sealed, as ids of rows stay inside."""
    at, table, pk = place
    return tokens.seal_token(PLACE, [at.isoformat(), table, pk])


def _read_place(written: str) -> Place | None:
    """Return the place that `_write_place` wrote, None for anything else."""
    try:
        at, table, pk = tokens.unseal_token(PLACE, written, PLACE_SECONDS)
    except tokens.BadToken:
        return None
    return datetime.fromisoformat(at), table, pk


urlpatterns = [path("settings/rest-log/", show_rest_log, name="rest-log")]
