"""The journal's messages as a file, as the filters stand; the page goes on, and says how far the file is."""

import uuid
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from b24app.console.formats import csv_files
from b24app.console.frame import file_downloads
from b24app.console.frame.download_tokens import read_download_token, redirect_to_download
from b24app.console.frame.file_downloads import send_file
from b24app.console.frame.screen import FramedRequest, admin_only
from b24app.console.journal import csv_rows, export_progress
from b24app.console.journal.csv_rows import Words
from b24app.console.journal.export_progress import Progress
from b24app.console.journal.filters import Filters
from b24app.console.journal.pagination import Search
from b24app.console.journal.search import search


@admin_only
@require_safe
def export(request: FramedRequest) -> HttpResponse:
    """Begin a file, or show the one that is being written."""
    if job := file_downloads.current_file(request.portal):
        progress = export_progress.told(request.portal, job)
        if progress is None:  # a file of another kind
            return file_downloads.refuse_second_file()
        return render(request, "console/journal/export.html", {"job": job, "progress": progress})
    new = uuid.uuid4().hex
    export_progress.tell(request.portal, new, Progress(0))
    filters = Filters.read(request.GET.dict())
    context = {"job": new, "progress": Progress(0), "query": filters.written(), "is_new": True}
    return render(request, "console/journal/export.html", context)


@admin_only
@require_safe
def progress(request: FramedRequest, job: str) -> HttpResponse:
    """How far a file is; asked every second until it is over."""
    told = export_progress.told(request.portal, job)
    return render(request, "console/journal/export.html", {"job": job, "progress": told})


@admin_only
@require_safe
def take(request: FramedRequest, job: str) -> HttpResponse:
    """Send the page to the file."""
    filters = Filters.read(request.GET.dict()).written()
    payload = {"filters": filters, "language": get_language() or "en", "job": job[:32]}
    return redirect_to_download(request, "journal-file", payload)


@require_safe
def file(request: HttpRequest, token: str) -> HttpResponseBase:
    """The messages as CSV, for a minute after they were asked for."""
    portal, payload = read_download_token("journal-file", token)
    with timezone.override(portal.zone):
        found = search(portal, Filters.of(payload["filters"]))
    words, job = Words.of(portal, payload["language"]), payload["job"]
    return send_file(
        request,
        portal,
        lambda: _written(found, words, job),
        name=f"messages-{timezone.localdate(timezone=portal.zone):%Y-%m-%d}.csv",
        content_type="text/csv; charset=utf-8",
        job=job,
    )


def _written(found: Search, words: Words, job: str) -> Iterator[str]:
    """The file piece by piece; who stops reading, or a database that goes away, ends it, and the page says so."""
    portal, count = found.portal, 0

    def told(rows: int) -> None:
        nonlocal count
        count = rows
        export_progress.tell(portal, job, Progress(rows))

    whole = False
    try:
        yield from csv_files.write_csv(csv_rows.rows(found, words, told))
        whole = True
    finally:
        export_progress.tell(portal, job, Progress(count, over=True, whole=whole))


urlpatterns = [
    path("journal/export/", export, name="journal-export"),
    path("journal/export/<slug:job>/", progress, name="journal-progress"),
    path("journal/export/<slug:job>/file/", take, name="journal-take"),
]
downloads = [path("d/journal/<str:token>/", file, name="journal-file")]
