"""The journal as a file, with the filters as they are set; the page stays, and shows how far the file is."""

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
from b24app.console.journal.export import csv_rows, export_progress
from b24app.console.journal.export.csv_rows import RowLabels
from b24app.console.journal.export.export_progress import Progress
from b24app.console.journal.filters import Filters
from b24app.console.journal.pagination import Search
from b24app.console.journal.search import search_messages


@admin_only
@require_safe
def start_export(request: FramedRequest) -> HttpResponse:
    """Begin a file, or show the one that is being written."""
    if job := file_downloads.current_file(request.portal):
        progress = export_progress.read_progress(request.portal, job)
        if progress is None:  # a file of another kind
            return file_downloads.refuse_second_file()
        return render(request, "console/journal/export_job.html", {"job": job, "progress": progress})
    job = uuid.uuid4().hex
    export_progress.write_progress(request.portal, job, Progress(0))
    filters = Filters.from_query(request.GET.dict())
    context = {"job": job, "progress": Progress(0), "query": filters.written(), "is_new": True}
    return render(request, "console/journal/export_job.html", context)


@admin_only
@require_safe
def show_progress(request: FramedRequest, job: str) -> HttpResponse:
    """Render how far a file is; polled every second until it is over."""
    progress = export_progress.read_progress(request.portal, job)
    return render(request, "console/journal/export_job.html", {"job": job, "progress": progress})


@admin_only
@require_safe
def redirect_to_export(request: FramedRequest, job: str) -> HttpResponse:
    """Send the page to the file."""
    filters = Filters.from_query(request.GET.dict()).written()
    payload = {"filters": filters, "language": get_language() or "en", "job": job[:32]}
    return redirect_to_download(request, "journal-file", payload)


@require_safe
def download_export(request: HttpRequest, token: str) -> HttpResponseBase:
    """Respond with the messages as CSV, for a minute after the file was asked for."""
    portal, payload = read_download_token("journal-file", token)
    with timezone.override(portal.zone):
        found = search_messages(portal, Filters.parse(payload["filters"]))
    labels, job = RowLabels.load(portal, payload["language"]), payload["job"]
    return send_file(
        request,
        portal,
        lambda: _write_file(found, labels, job),
        name=f"messages-{timezone.localdate(timezone=portal.zone):%Y-%m-%d}.csv",
        content_type="text/csv; charset=utf-8",
        job=job,
    )


def _write_file(found: Search, labels: RowLabels, job: str) -> Iterator[str]:
    """Yield the file in pieces. A reader who leaves or a database that goes away ends it, and the page says so."""
    portal, count = found.portal, 0

    def record_progress(rows: int) -> None:
        nonlocal count
        count = rows
        export_progress.write_progress(portal, job, Progress(rows))

    is_whole = False
    try:
        yield from csv_files.write_csv(csv_rows.export_rows(found, labels, record_progress))
        is_whole = True
    finally:
        export_progress.write_progress(portal, job, Progress(count, over=True, whole=is_whole))


urlpatterns = [
    path("journal/export/", start_export, name="journal-export"),
    path("journal/export/<slug:job>/", show_progress, name="journal-progress"),
    path("journal/export/<slug:job>/file/", redirect_to_export, name="journal-take"),
]
downloads = [path("d/journal/<str:token>/", download_export, name="journal-file")]
