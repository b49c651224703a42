"""Personal data: all that is kept of one phone number, as a file, and how it is forgotten."""

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
from b24app.messaging.privacy.number_erasure import ErasureProgress
from b24app.portals.models import Portal
from providers.kit.phones import BadNumber, read_e164

SHAPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
COLUMNS = (
    "what", "time", "number", "text", "status", "reason", "detail", "sender", "id at the service", "sent", "ended",
    "price", "currency", "employee", "source", "note",
)  # fmt: skip


class PersonForm(forms.Form):
    """A number; `country` reads it when it has no country code."""

    use_required_attribute = False

    number = forms.CharField(
        max_length=40,
        label=gettext_lazy("Phone number"),
        widget=forms.TextInput({"class": "input--sm", "inputmode": "tel", "dir": "ltr", "autocomplete": "off"}),
        error_messages={"required": gettext_lazy("There is no number.")},
    )

    def __init__(self, country: str = "", data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # handed on as it came
        self.country = country

    def clean_number(self) -> str:
        try:
            return read_e164(self.cleaned_data["number"], self.country)
        except BadNumber as bad:
            raise forms.ValidationError(_(bad.words)) from None


class ErasureForm(PersonForm):
    """The order to forget it; who stays on the stop list stays for a reason."""

    keep = forms.BooleanField(required=False, label=gettext_lazy("Keep the number on the stop list"))
    why = forms.CharField(
        max_length=200,
        required=False,
        label=gettext_lazy("Why it stays there"),
        widget=forms.TextInput({"class": "input--sm", "autocomplete": "off"}),
    )

    def clean(self) -> dict[str, object]:
        values: dict[str, object] = super().clean() or self.cleaned_data
        if values.get("keep") and not values.get("why"):
            self.add_error("why", _("Write why: the number is kept for that alone."))
        return values


@admin_only
@require_POST
def look(request: FramedRequest) -> HttpResponse:
    """Say how much is kept of a number, and offer what can be done with it."""
    form = PersonForm(request.portal.country, request.POST)
    context: dict[str, object] = {"person": form}
    if form.is_valid():
        number = form.cleaned_data["number"]
        context |= {"number": number, "known": number_erasure.summarize_number(request.portal, number)}
    return render(request, "console/settings/person.html", context)


@admin_only
@require_POST
def erase(request: FramedRequest) -> HttpResponse:
    """Ask in place, naming what goes; then order it and show how far it is."""
    form = ErasureForm(request.portal.country, request.POST if "sure" in request.POST else None)
    number = PersonForm(request.portal.country, request.POST)
    if not number.is_valid():
        return render(request, "console/settings/person.html", {"person": number})
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
        return render(request, "console/settings/ordered.html", {"erasure": erasure, "person": PersonForm()})
    context = {"form": form, "number": e164, "known": number_erasure.summarize_number(request.portal, e164)}
    return retarget(render(request, "console/settings/erase.html", context), "#ask-erase")


@admin_only
@require_safe
def erasure(request: FramedRequest, order: uuid.UUID) -> HttpResponse:
    """How far an order is; asked every two seconds until it is done."""
    found = get_object_or_404(Erasure, portal=request.portal, uuid=order)
    return render(request, "console/settings/erasure.html", {"erasure": found})


def open_orders(portal: Portal) -> list[Erasure]:
    """What is being forgotten now."""
    return list(Erasure.objects.filter(portal=portal, due_at__isnull=False).order_by("pk"))


# -- a file out -------------------------------------------------------------------------------------------------------


@admin_only
@require_POST
def take(request: FramedRequest) -> HttpResponse:
    """Send the page to the file. Its address is sealed: the number must not stand in any log."""
    form = PersonForm(request.portal.country, request.POST)
    shape = request.POST.get("shape", "")
    if not form.is_valid() or shape not in SHAPES:
        return render(request, "console/settings/person.html", {"person": form})
    if file_downloads.current_file(request.portal):
        return file_downloads.refuse_second_file()
    payload = {"number": form.cleaned_data["number"], "shape": shape}
    return redirect_to_download(request, "personal-file", payload)


@require_safe
def file(request: HttpRequest, token: str) -> HttpResponseBase:
    """All that is kept of a number, for a minute after it was asked for."""
    portal, payload = read_download_token("personal-file", token)
    number, shape = payload["number"], payload["shape"]
    stopped = stop_list.find_entry(portal, number)
    told = number_erasure.export_number(portal, number)
    body = (
        csv_files.write_csv(_rows(told, stopped))
        if shape == "csv"
        else csv_files.gather_pieces(_json(number, told, stopped))
    )
    return send_file(
        request,
        portal,
        lambda: body,
        name=f"personal-data.{shape}",
        content_type=SHAPES[shape],
    )


def _rows(told: Iterator[ErasureProgress], stopped: StoppedNumber | None) -> Iterator[tuple[object, ...]]:
    """A line for each message, below it one for each report of it; times in UTC."""
    yield COLUMNS
    for one in told:
        row = _of_message(one.message)
        yield ("message", *row.values())
        for report in one.reports:
            said = _of_report(report)
            yield "report", *(said.get(name, "") for name in row)
    if stopped is not None:
        entry = _of_entry(stopped)
        yield "stop list", *(entry.get(name, "") for name in _NAMES)


def _json(number: str, told: Iterator[ErasureProgress], stopped: StoppedNumber | None) -> Iterator[str]:
    """The same as one object, written piece by piece."""
    entry = _of_entry(stopped) if stopped is not None else None
    yield f'{{"number": {json.dumps(number)}, "stop_list": {json.dumps(entry)}, "messages": ['
    between = "\n"
    for one in told:
        reports = [_of_report(report) for report in one.reports]
        yield between + json.dumps({**_of_message(one.message), "reports": reports}, ensure_ascii=False)
        between = ",\n"
    yield "\n]}\n"


def _of_message(message: Message) -> dict[str, str]:
    values = (
        _time(message.received_at), message.to, message.text, message.status, message.reason, message.detail,
        message.sender.name, message.ref, _time(message.sent_at), _time(message.final_at), _plain(message.price),
        message.currency, _plain(message.author_id), message.module or message.origin, message.note,
    )  # fmt: skip
    return dict(zip(_NAMES, values, strict=True))


def _of_report(report: DeliveryReport) -> dict[str, str]:
    return {
        "time": _time(report.received_at),
        "number": report.recipient,
        "status": report.word,
        "reason": report.code,
        "detail": report.detail,
        "id_at_the_service": report.ref,
        "price": _plain(report.price),
        "currency": report.currency,
    }


def _of_entry(stopped: StoppedNumber) -> dict[str, str]:
    return {
        "time": _time(stopped.added_at),
        "number": stopped.number,
        "employee": _plain(stopped.added_by),
        "source": stopped.source,
        "note": stopped.note,
    }


_NAMES = tuple(name.replace(" ", "_") for name in COLUMNS[1:])


def _time(value: datetime | None) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds") if value else ""


def _plain(value: object) -> str:
    return "" if value is None else str(value)


urlpatterns = [
    path("settings/personal/", look, name="personal"),
    path("settings/personal/export/", take, name="personal-take"),
    path("settings/personal/erase/", erase, name="personal-erase"),
    path("settings/personal/erasures/<uuid:order>/", erasure, name="personal-erasure"),
]
downloads = [path("d/personal/<str:token>/", file, name="personal-file")]
