"""Receiving delivery reports: checked by the signed address, verified by the service's adapter, then stored."""

import base64
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import structlog
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from b24app.core import signed_urls, spool
from b24app.messaging import enqueue
from b24app.messaging.reports import acceptance
from b24app.messaging.reports.report_budget import TooManyResults, TooManyWaiting
from b24app.webhooks import address_keys, php_form, request_body
from providers.kit.contract import Answer, Call, Unreadable
from providers.kit.errors import Forged

log = structlog.get_logger(__name__)

MAX_HEADERS = 60


STATUS_OF_ERROR: Mapping[type[Exception], int] = {
    Forged: 403,
    Unreadable: 400,
    UnreadablePostError: 400,
    acceptance.NoSuchConnection: 404,
    acceptance.TakesNoReports: 404,
    RequestDataTooBig: 413,
    TooManyResults: 413,
    TooManyWaiting: 429,
    spool.SpoolFull: 503,
    OSError: 503,
}


@csrf_exempt
def receive_report(request: HttpRequest, connection: str, reference: str, mac: str) -> HttpResponse:
    """Receive a report. Respond 200 with the body the service expects, 403 to strangers, 400, 413.

    Respond 429 while too many reports of the portal wait to be applied: services try again.
    """
    if not address_keys.admit_call(mac, "report", connection, reference):
        return HttpResponse(status=403)
    try:
        answer = _accept_or_spool(_build_record(request, connection, reference))
    except tuple(STATUS_OF_ERROR) as refusal:
        status = next(status for kind, status in STATUS_OF_ERROR.items() if isinstance(refusal, kind))
        log.warning("report_refused", status=status)
        return HttpResponse(status=status)
    return HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)


def _accept_or_spool(record: Mapping[str, Any]) -> Answer:
    try:
        return (
            spool.write_or_spool(
                "report", record, lambda: _accept_record(record, replayed=False), owner=record["connection"]
            )
            or Answer()
        )
    except tuple(STATUS_OF_ERROR):
        raise
    except acceptance.Busy:
        spool.put_record("report", record, owner=record["connection"])
        return Answer()
    except Exception as error:  # noqa: BLE001 - an adapter that fails to load or raises: its report waits on disk
        log.error("report_processing_failed", error=type(error).__name__)
        spool.put_record("report", record, owner=record["connection"])
        return Answer()


def replay_report(record: Mapping[str, Any]) -> None:
    """Verify and store a spooled report and enqueue its processing: the service was told that we have it."""
    _accept_record(record, replayed=True)


def _accept_record(record: Mapping[str, Any], *, replayed: bool) -> Answer:
    call = _build_call(record)
    is_due, answer = acceptance.accept_reports(record["connection"], record["reference"], call, replayed=replayed)
    if is_due:
        enqueue.apply_reports()
    return answer


def _build_record(request: HttpRequest, connection: str, reference: str) -> dict[str, Any]:
    body = request_body.read_body(request, request_body.MAX_REPORT)
    request_body.refuse_many_values(body)
    return {
        "connection": connection,
        "reference": reference,
        "method": request.method,
        "url": signed_urls.public_url(request.get_full_path()),
        "query": request.META.get("QUERY_STRING", ""),
        "headers": dict(list(request.headers.items())[:MAX_HEADERS]),
        "body": base64.b64encode(body).decode(),
        "at": time.time(),
    }


def _build_call(record: Mapping[str, Any]) -> Call:
    body = base64.b64decode(record["body"])
    form: dict[str, list[str]] = {}
    if "form-urlencoded" in record["headers"].get("Content-Type", ""):
        for name, value in php_form.read_pairs(body):
            form.setdefault(name, []).append(value)
    return Call(
        method=record["method"],
        url=record["url"],
        query=parse_qs(record["query"], keep_blank_values=True),
        form=form,
        headers=record["headers"],
        body=body,
        at=record["at"],
    )
