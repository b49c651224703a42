"""Who changed what: the list, its file, and undo."""

import uuid
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseLocation

from b24app.audit import lookup
from b24app.audit.models import Change
from b24app.console.changes.filters import SENDLINE, ChangeFilters
from b24app.console.changes.rows import ChangeRow
from b24app.console.changes.undo import undo_change
from b24app.console.formats import csv_files
from b24app.console.frame import file_downloads
from b24app.console.frame.download_tokens import read_download_token, redirect_to_download
from b24app.console.frame.file_downloads import send_file
from b24app.console.frame.long_requests import long_post
from b24app.console.frame.screen import SCREEN, FramedRequest, address, admin_only, render_screen, with_toast
from b24app.console.wording.changes import KINDS, describe_change, describe_fields
from b24app.console.wording.employees import EmployeeNames
from b24app.core.database.keyset import iterate_pages, rows_after
from b24app.portals.models import Portal

PAGE_SIZE, FILE_PAGE = 50, 1000
MAX_PEOPLE = 100
NEWEST_FIRST = ("-at", "-id")


@admin_only
@require_safe
def show_changes(request: FramedRequest) -> HttpResponse:
    """Render a page of the list, newest first; its address holds the filters and where it begins."""
    filters = ChangeFilters.from_query(request.GET.dict())
    found = filters.find_changes(request.portal).order_by(*NEWEST_FIRST)
    place = _find_place(request.portal, request.GET.get("before", ""))
    if place is not None:
        found = found.filter(rows_after(NEWEST_FIRST, place))
    changes = list(found[: PAGE_SIZE + 1])
    shown = changes[:PAGE_SIZE]
    context = {
        "filters": filters,
        "rows": ChangeRow.load_all(request.portal, shown),
        "people": _people_choices(request.portal),
        "kinds": KINDS.items(),
        "older": shown[-1].uuid.hex if len(changes) > PAGE_SIZE else "",
        "first": place is None,
        "query": filters.written(),
        "today": timezone.localdate(),
    }
    return render_screen(request, "console/audit/changes.html", context)


def _find_place(portal: Portal, written: str) -> tuple[object, int] | None:
    """Return where the page before ended."""
    try:
        found = Change.objects.filter(portal=portal, uuid=uuid.UUID(written))
    except ValueError:
        return None
    place: tuple[object, int] | None = found.values_list("at", "id").first()
    return place


def _people_choices(portal: Portal) -> list[tuple[str, str]]:
    """Return who has changed something, by name, and Sendline itself."""
    ids = lookup.people_of(portal, MAX_PEOPLE)
    named = EmployeeNames.load(portal, ids).sorted_choices(ids)
    return [*((str(one), name) for one, name in named), (SENDLINE, _("Sendline"))]


@admin_only
@require_POST
@long_post()
def undo(request: FramedRequest, change: uuid.UUID) -> HttpResponse:
    """Reverse a change, unless its object has changed since; the page that was open is loaded again."""
    found = get_object_or_404(Change, portal=request.portal, uuid=change)
    if undo_change(request.portal, found, request.visitor.user_id):
        text = _("Undone: {change}").format(change=describe_change(found))
    else:
        text = _("This can no longer be undone.")
    response = HttpResponseLocation(_current_path(request), target=f"#{SCREEN}", swap="innerHTML")
    return with_toast(response, text)


def _current_path(request: FramedRequest) -> str:
    """Return the address of the screen on which Undo was pressed, the list where htmx does not name it."""
    own = f"/p/{request.portal.uuid.hex}/"
    path = request.htmx.current_url_abs_path or ""
    return path if path.startswith(own) else address(request.portal, "changes")


@admin_only
@require_safe
def export_changes(request: FramedRequest) -> HttpResponse:
    """Send the page to the file, with the filters as they are set."""
    if file_downloads.current_file(request.portal):
        return file_downloads.refuse_second_file()
    filters = ChangeFilters.from_query(request.GET.dict()).written()
    payload = {"filters": filters, "language": translation.get_language() or "en"}
    return redirect_to_download(request, "changes-file", payload)


@require_safe
def download_changes(request: HttpRequest, token: str) -> HttpResponseBase:
    """Respond with the changes as CSV, for a minute after the file was asked for."""
    portal, payload = read_download_token("changes-file", token)
    filters = ChangeFilters.parse(payload["filters"])
    return send_file(
        request,
        portal,
        lambda: csv_files.write_csv(_file_rows(portal, filters, payload["language"])),
        name=f"changes-{timezone.localdate(timezone=portal.zone):%Y-%m-%d}.csv",
        content_type="text/csv; charset=utf-8",
    )


def _file_rows(portal: Portal, filters: ChangeFilters, language: str) -> Iterator[tuple[object, ...]]:
    """Yield the titles, then all changes that fit, newest first; times in the portal's zone."""
    with translation.override(language):
        titles = _("Time"), _("Employee"), _("Employee ID"), pgettext("noun", "Change"), _("Name"), _("Details")
    yield titles
    found = filters.find_changes(portal)
    for page in iterate_pages(found, NEWEST_FIRST, lambda one: (one.at, one.pk), FILE_PAGE):
        with translation.override(language):
            rows = list(_page_rows(portal, page))
        yield from rows


def _page_rows(portal: Portal, changes: list[Change]) -> Iterator[tuple[object, ...]]:
    people = EmployeeNames.load(portal, {one.user_id for one in changes})
    for one in changes:
        fields = (f"{field.label}: {field.before} → {field.after}" for field in describe_fields(one, people.names))
        at = one.at.astimezone(portal.zone)
        yield (
            f"{at:%Y-%m-%d %H:%M:%S}", people.actor_name(one.user_id), csv_files.blank_if_none(one.user_id),
            describe_change(one), one.name, "; ".join(fields),
        )  # fmt: skip


urlpatterns = [
    path("settings/changes/", show_changes, name="changes"),
    path("settings/changes/export/", export_changes, name="changes-take"),
    path("settings/changes/<uuid:change>/undo/", undo, name="change-undo"),
]
downloads = [path("d/changes/<str:token>/", download_changes, name="changes-file")]
