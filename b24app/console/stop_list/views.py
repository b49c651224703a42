"""The stop list: search, add, remove, import and export as a file."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import IO
from urllib.parse import urlencode

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from b24app.console.formats import csv_files
from b24app.console.formats.number_form import NumberForm
from b24app.console.frame import file_downloads
from b24app.console.frame.download_tokens import read_download_token, redirect_to_download
from b24app.console.frame.file_downloads import send_file
from b24app.console.frame.long_requests import FILES
from b24app.console.frame.screen import FramedRequest, admin_only, redirect, render_screen
from b24app.console.journal.conditions import number_condition
from b24app.console.stop_list import removal
from b24app.console.wording.employees import EmployeeNames
from b24app.core.database.keyset import rows_after
from b24app.messaging.guards import stop_list
from b24app.messaging.models.guards import StoppedNumber, StopSource
from b24app.portals.models import Portal
from providers.kit.phones import format_number

PAGE_SIZE = 50
NEWEST_FIRST = ("-pk",)
MAX_BAD_SHOWN = 200
FORM_BYTES = 10_000  # of a form around its file
SOURCES = {
    StopSource.REFUSAL: gettext_lazy("Message rejected by the service"),
    StopSource.REPORT: gettext_lazy("Reported by the service"),
    StopSource.HAND: gettext_lazy("Added manually"),
    StopSource.FILE: gettext_lazy("Imported"),
}


@dataclass(frozen=True, slots=True)
class StopListRow:
    entry: StoppedNumber
    number: str  # as people write it
    how: str | Promise
    who: str  # the employee who added it, "" for none


class StopForm(NumberForm):
    """A number to stop, and why."""

    number = forms.CharField(
        max_length=40,
        label=gettext_lazy("Number"),
        widget=forms.TextInput({"inputmode": "tel", "dir": "ltr", "autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Enter the phone number to block.")},
    )
    note = forms.CharField(
        max_length=200, required=False, label=gettext_lazy("Note"), widget=forms.TextInput({"autocomplete": "off"})
    )


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
def show_stop_list(request: FramedRequest) -> HttpResponse:
    """Render a page of the list, or add a number to it."""
    form = StopForm(request.portal.country, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        number, note = form.cleaned_data["number"], form.cleaned_data["note"]
        new = stop_list.add_numbers(request.portal, {number: note}, StopSource.HAND, request.visitor.user_id)
        text = _("Number added to the opt-out list.") if new else _("Number was already on the list.")
        return redirect(request, "stoplist", toast=text)
    phone = request.GET.get("phone", "").strip()[:40]
    rows, older = _find_entries(request, phone)
    context = {
        "form": form,
        "rows": rows,
        "older": older,
        "phone": phone,
        "query": urlencode({"phone": phone}) if phone else "",
        "first": "before" not in request.GET,
    }
    return render_screen(request, "console/stop_list/overview.html", context)


def _find_entries(request: FramedRequest, phone: str) -> tuple[list[StopListRow], str]:
    """Return a keyset page, newest first, and the reference at which the next begins, "" for none."""
    found: QuerySet[StoppedNumber] = StoppedNumber.objects.filter(portal=request.portal).order_by(*NEWEST_FIRST)
    if phone:
        found = found.filter(number_condition(phone, request.portal.country, "number")[0])
    if (before := _entry_pk(request, request.GET.get("before", ""))) is not None:
        found = found.filter(rows_after(NEWEST_FIRST, (before,)))
    rows = list(found[: PAGE_SIZE + 1])
    people = EmployeeNames.load(request.portal, [row.added_by for row in rows[:PAGE_SIZE]])
    shown = [
        StopListRow(
            entry=row,
            number=format_number(row.number),
            how=SOURCES[StopSource(row.source)],
            who=people.display_name(row.added_by) if row.added_by else "",
        )
        for row in rows[:PAGE_SIZE]
    ]
    return shown, rows[PAGE_SIZE - 1].uuid.hex if len(rows) > PAGE_SIZE else ""


def _entry_pk(request: FramedRequest, entry: str) -> int | None:
    """Return the place of an entry in the order; its uuid stands in addresses."""
    try:
        found = StoppedNumber.objects.filter(portal=request.portal, uuid=uuid.UUID(entry))
    except ValueError:
        return None
    return found.values_list("pk", flat=True).first()


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
def remove_number(request: FramedRequest, entry: uuid.UUID) -> HttpResponse:
    """Ask in place, then allow the number again."""
    found = get_object_or_404(StoppedNumber, portal=request.portal, uuid=entry)
    if request.method != "POST":
        by_service = found.source in (StopSource.REFUSAL, StopSource.REPORT)
        return render(request, "console/stop_list/confirm_removal.html", {"entry": found, "by_service": by_service})
    stop_list.remove_number(request.portal, found.pk)
    return redirect(request, "stoplist", toast=_("Number removed from the opt-out list."))


# -- a file in --------------------------------------------------------------------------------------------------------


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
def import_numbers(request: FramedRequest) -> HttpResponse:
    """Say what was understood of a file; store it when the very same file is confirmed.

    Nothing is stored between the two: the page sends the file again, and its digest shows that it is the same.
    """
    if request.method != "POST":
        return render_screen(request, "console/stop_list/import_file.html")
    with FILES.hold(request.portal.uuid.hex):
        return _import_file(request)


def _import_file(request: FramedRequest) -> HttpResponse:
    # Checked before Django reads the body: it would write the whole file to disk first.
    too_large = int(request.headers.get("Content-Length") or 0) > csv_files.MAX_BYTES + FORM_BYTES
    file = None if too_large else request.FILES.get("file")
    if too_large:
        return render(request, "console/stop_list/import_preview.html", {"trouble": csv_files.too_large_message()})
    if not isinstance(file, UploadedFile) or file.file is None:
        trouble = _("Choose a file.")
        return render(request, "console/stop_list/import_preview.html", {"trouble": trouble})
    try:
        parsed = csv_files.read_numbers(file.file, request.portal.country)
    except csv_files.BadFile as bad:
        return render(request, "console/stop_list/import_preview.html", {"trouble": str(bad)})
    seen = _file_digest(file.file)
    if request.POST.get("seen") == seen and "keep" in request.POST:
        new = stop_list.add_numbers(request.portal, parsed.numbers, StopSource.FILE, request.visitor.user_id)
        text = ngettext("{count} number added", "{count} numbers added", new).format(count=new)
        return redirect(request, "stoplist", toast=text)
    there = stop_list.count_stopped(request.portal, list(parsed.numbers))
    context = {
        "name": (file.name or "")[:100],
        "found": parsed,
        "new": len(parsed.numbers) - there,
        "there": there,
        "bad": parsed.bad[:MAX_BAD_SHOWN],
        "more_bad": len(parsed.bad[MAX_BAD_SHOWN:]),
        "more_lines": csv_files.format_ranges([one.line for one in parsed.bad[MAX_BAD_SHOWN:]]),
        "seen": seen,
    }
    return render(request, "console/stop_list/import_preview.html", context)


def _file_digest(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # open for reading, as it wants


# -- a file out -------------------------------------------------------------------------------------------------------


@admin_only
@require_safe
def export_numbers(request: FramedRequest) -> HttpResponse:
    """Send the page to the file."""
    if file_downloads.current_file(request.portal):
        return file_downloads.refuse_second_file()
    return redirect_to_download(request, "stoplist-file")


@require_safe
def download_numbers(request: HttpRequest, token: str) -> HttpResponseBase:
    """Respond with the whole list as CSV, for a minute after it was asked for."""
    portal, _payload = read_download_token("stoplist-file", token)
    return send_file(
        request,
        portal,
        lambda: csv_files.write_csv(_entry_rows(portal)),
        name=f"stop-list-{timezone.localdate(timezone=portal.zone):%Y-%m-%d}.csv",
        content_type="text/csv; charset=utf-8",
    )


def _entry_rows(portal: Portal) -> Iterator[tuple[str, ...]]:
    """Yield the columns that our own import reads, times in UTC.

    The number is not first: at the beginning of a line it would have to be marked as text.
    """
    yield "added", "number", "note", "source", "user"
    for number, source, added_at, added_by, note in stop_list.iterate_entries(portal):
        yield f"{added_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", number, note, source, str(added_by or "")


urlpatterns = [
    path("stop-list/", show_stop_list, name="stoplist"),
    path("stop-list/import/", import_numbers, name="stoplist-bring"),
    path("stop-list/export/", export_numbers, name="stoplist-take"),
    *removal.urlpatterns,
    path("stop-list/<uuid:entry>/remove/", remove_number, name="stoplist-remove"),
]
downloads = [path("d/<str:token>/", download_numbers, name="stoplist-file")]
