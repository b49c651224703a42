"""Personal data: everything stored about one phone number, as a file, and its erasure."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import retarget

from b24app.console.formats import csv_files
from b24app.console.formats.csv_files import blank_if_none
from b24app.console.formats.number_form import NumberForm
from b24app.console.frame import file_downloads
from b24app.console.frame.download_tokens import read_download_token, redirect_to_download
from b24app.console.frame.file_downloads import send_file
from b24app.console.frame.screen import FramedRequest, admin_only
from b24app.messaging import enqueue
from b24app.messaging.guards import stop_list
from b24app.messaging.models import DeliveryReport, Message
from b24app.messaging.models.erasures import Erasure
from b24app.messaging.models.guards import StoppedNumber
from b24app.messaging.privacy import number_erasure
from b24app.messaging.privacy.number_erasure import ExportedMessage
from b24app.portals.models import Portal
from providers.kit.phones import mask_number

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
COLUMNS = (
    "what", "time", "number", "text", "status", "reason", "detail", "sender", "id at the service", "sent", "ended",
    "price", "currency", "employee", "source", "note",
)  # fmt: skip


class ErasureForm(NumberForm):
    """The order to erase a number; one that stays on the stop list stays for a reason."""

    keep = forms.BooleanField(required=False, label=gettext_lazy("Keep the number on the opt-out list"))
    why = forms.CharField(
        max_length=200,
        required=False,
        label=gettext_lazy("Reason for keeping it"),
        widget=forms.TextInput({"class": "input--sm", "autocomplete": "off"}),
    )

    def clean(self) -> dict[str, object]:
        values: dict[str, object] = super().clean() or self.cleaned_data
        if values.get("keep") and not values.get("why"):
            self.add_error("why", _("Enter a reason. The number is stored for this purpose only."))
        return values


@admin_only
@require_POST
def show_number(request: FramedRequest) -> HttpResponse:
    """Render how much is stored about a number, with what can be done about it."""
    form = NumberForm(request.portal.country, request.POST)
    context: dict[str, object] = {"person": form}
    if form.is_valid():
        number = form.cleaned_data["number"]
        context |= {"number": number, "known": number_erasure.summarize_number(request.portal, number)}
    return render(request, "console/settings/number_search.html", context)


@admin_only
@require_POST
def erase_number(request: FramedRequest) -> HttpResponse:
    """Ask in place, naming what goes; then order the erasure and show its progress."""
    form = ErasureForm(request.portal.country, request.POST if "sure" in request.POST else None)
    number = NumberForm(request.portal.country, request.POST)
    if not number.is_valid():
        return render(request, "console/settings/number_search.html", {"person": number})
    e164 = number.cleaned_data["number"]
    if form.is_bound and form.is_valid():
        erasure = number_erasure.request_erasure(
            request.portal,
            e164,
            request.visitor.user_id,
            keep_stopped=form.cleaned_data["keep"],
            why=form.cleaned_data["why"],
        )
        enqueue.erase(erasure.pk)
        return render(request, "console/settings/erasure_ordered.html", {"erasure": erasure, "person": NumberForm()})
    context = {"form": form, "number": e164, "known": number_erasure.summarize_number(request.portal, e164)}
    return retarget(render(request, "console/settings/confirm_erasure.html", context), "#ask-erase")


@admin_only
@require_safe
def show_erasure(request: FramedRequest, order: uuid.UUID) -> HttpResponse:
    """Render how far an erasure is; polled every two seconds until it is done."""
    found = get_object_or_404(Erasure, portal=request.portal, uuid=order)
    return render(request, "console/settings/erasure_progress.html", {"erasure": found})


def open_erasures(portal: Portal) -> list[Erasure]:
    """Return the erasures that are not done yet."""
    return list(Erasure.objects.filter(portal=portal, due_at__isnull=False).order_by("pk"))


# -- a file out -------------------------------------------------------------------------------------------------------


@admin_only
@require_POST
def export_number(request: FramedRequest) -> HttpResponse:
    """Send the page to the file. Its address is sealed: the number must not stand in any log."""
    form = NumberForm(request.portal.country, request.POST)
    shape = request.POST.get("shape", "")
    if not form.is_valid() or shape not in CONTENT_TYPES:
        return render(request, "console/settings/number_search.html", {"person": form})
    if file_downloads.current_file(request.portal):
        return file_downloads.refuse_second_file()
    payload = {"number": form.cleaned_data["number"], "shape": shape}
    return redirect_to_download(request, "personal-file", payload, about=mask_number(payload["number"]))


@require_safe
def download_number(request: HttpRequest, token: str) -> HttpResponseBase:
    """Respond with everything stored about a number, for a minute after the file was asked for."""
    portal, payload = read_download_token("personal-file", token)
    number, shape = payload["number"], payload["shape"]
    stopped = stop_list.find_entry(portal, number)
    exported = number_erasure.export_number(portal, number)
    if shape == "csv":
        pieces = csv_files.write_csv(_csv_rows(exported, stopped))
    else:
        pieces = csv_files.gather_pieces(_json_pieces(number, exported, stopped))
    return send_file(request, portal, lambda: pieces, name=f"personal-data.{shape}", content_type=CONTENT_TYPES[shape])


def _csv_rows(exported: Iterator[ExportedMessage], stopped: StoppedNumber | None) -> Iterator[tuple[object, ...]]:
    """Yield a line for each message, and below it one for each of its reports; times in UTC."""
    yield COLUMNS
    for one in exported:
        row = _message_columns(one.message)
        yield ("message", *row.values())
        for report in one.reports:
            columns = _report_columns(report)
            yield "report", *(columns.get(name, "") for name in row)
    if stopped is not None:
        entry = _stop_list_columns(stopped)
        yield "stop list", *(entry.get(name, "") for name in _NAMES)


def _json_pieces(number: str, exported: Iterator[ExportedMessage], stopped: StoppedNumber | None) -> Iterator[str]:
    """Yield the same as one JSON object, piece by piece."""
    entry = _stop_list_columns(stopped) if stopped is not None else None
    yield f'{{"number": {json.dumps(number)}, "stop_list": {json.dumps(entry)}, "messages": ['
    separator = "\n"
    for one in exported:
        reports = [_report_columns(report) for report in one.reports]
        yield separator + json.dumps({**_message_columns(one.message), "reports": reports}, ensure_ascii=False)
        separator = ",\n"
    yield "\n]}\n"


def _message_columns(message: Message) -> dict[str, str]:
    values = (
        _format_utc(message.received_at), message.to, message.text, message.status, message.reason, message.detail,
        message.sender.name, message.ref, _format_utc(message.sent_at), _format_utc(message.final_at),
        blank_if_none(message.price), message.currency, blank_if_none(message.author_id),
        message.module or message.origin, message.note,
    )  # fmt: skip
    return dict(zip(_NAMES, values, strict=True))


def _report_columns(report: DeliveryReport) -> dict[str, str]:
    return {
        "time": _format_utc(report.received_at),
        "number": report.recipient,
        "status": report.word,
        "reason": report.code,
        "detail": report.detail,
        "id_at_the_service": report.ref,
        "price": blank_if_none(report.price),
        "currency": report.currency,
    }


def _stop_list_columns(stopped: StoppedNumber) -> dict[str, str]:
    return {
        "time": _format_utc(stopped.added_at),
        "number": stopped.number,
        "employee": blank_if_none(stopped.added_by),
        "source": stopped.source,
        "note": stopped.note,
    }


_NAMES = tuple(name.replace(" ", "_") for name in COLUMNS[1:])


def _format_utc(value: datetime | None) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds") if value else ""


urlpatterns = [
    path("settings/personal/", show_number, name="personal"),
    path("settings/personal/export/", export_number, name="personal-take"),
    path("settings/personal/erase/", erase_number, name="personal-erase"),
    path("settings/personal/erasures/<uuid:order>/", show_erasure, name="personal-erasure"),
]
downloads = [path("d/personal/<str:token>/", download_number, name="personal-file")]
