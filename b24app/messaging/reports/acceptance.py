"""Accept a service's reports: they are verified and stored before they are applied."""

import threading
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from structlog.contextvars import bind_contextvars

from b24app.core import sanitize
from b24app.messaging.models import Connection, DeliveryReport
from b24app.messaging.models.statuses import Reason
from b24app.messaging.reports import batch_insert
from b24app.messaging.reports.report_budget import budget
from providers.kit import contract

UNMATCHED_WITHIN = timedelta(days=7)
MAX_ONLINE_CHECKS = 2  # at once in a process, so that its other threads go on answering
_online_checks = threading.BoundedSemaphore(MAX_ONLINE_CHECKS)


class Busy(Exception):
    """As many services as may be at once are being asked to confirm a call; nothing was read or stored."""


class NoSuchConnection(LookupError):
    """The address was signed by us, but the connection is not in our database."""


class TakesNoReports(LookupError):
    """The account's service never sends reports, so the caller of the address is not that service."""


def accept_reports(
    connection_uuid: str, reference: str, call: contract.Call, *, replayed: bool = False
) -> tuple[Collection[int], contract.Answer]:
    """Verify a service's call and store its reports; return the connections with due reports and the HTTP answer.

    `reference` is that of the message whose address was called, `-` for an account's address. Raise Forged,
    Unreadable, Unavailable, NoSuchConnection, TakesNoReports; and, unless the call is `replayed`, TooManyResults,
    TooManyWaiting and Busy: a replayed call was acknowledged when it was spooled.
    """
    verifier = batch_insert.cached_verifier(uuid.UUID(connection_uuid))
    if verifier is None:
        raise NoSuchConnection
    bind_contextvars(portal=verifier.portal_id, connection=verifier.pk)
    if not replayed:
        budget.refuse_at_once(verifier.portal_id)
    try:
        reports = _verify_and_read(verifier, call, patient=replayed)
    except Exception:  # a call is rejected only with fresh credentials: the cached ones may have just been replaced
        fresh = batch_insert.read_verifier(verifier.uuid)
        if fresh is None:
            raise NoSuchConnection from None
        if fresh.is_same_as(verifier):
            raise
        verifier = fresh
        reports = _verify_and_read(verifier, call, patient=replayed)
    if not replayed:
        budget.take(verifier.portal_id, len(reports))
    with_due_reports = _insert_once(verifier.pk, reports, reference)
    if not verifier.has_reported:
        verifier.has_reported = True
        Connection.objects.filter(pk=verifier.pk).update(last_report_at=timezone.now())
    return with_due_reports, _answer_call(verifier, call)


def _verify_and_read(
    verifier: batch_insert.ReportVerifier, call: contract.Call, *, patient: bool
) -> list[contract.Report]:
    service = verifier.service_client()
    if not service.can("read_reports"):
        raise TakesNoReports
    with online_check_slot(service, patient=patient):
        try:
            service.verify(call)
            return list(service.read_reports(call))
        finally:
            verifier.record_exchanges()


@contextmanager
def online_check_slot(service: contract.Provider, *, patient: bool) -> Iterator[None]:
    """Hold a slot while a service is asked to confirm a call; wait for one if `patient`, else raise Busy.

    Services that verify without a request need no slot.
    """
    if not service.verifies_online:
        yield
    elif _online_checks.acquire(blocking=patient):
        try:
            yield
        finally:
            _online_checks.release()
    else:
        raise Busy


def _answer_call(verifier: batch_insert.ReportVerifier, call: contract.Call) -> contract.Answer:
    try:
        return verifier.service_client().answer(call)
    finally:
        verifier.record_exchanges()


def insert_reports(connection_id: int, reports: Iterable[contract.Report], reference: str = "-") -> None:
    """Store reports, each once however often it arrives."""
    _insert_once(connection_id, reports, reference)


def _insert_once(connection_id: int, reports: Iterable[contract.Report], reference: str) -> Collection[int]:
    """Store reports, skip those that are stored already, and return the connections with due reports."""
    own_reference = None if reference == "-" else uuid.UUID(reference)
    now = timezone.now()
    rows = [_report_row(connection_id, report, own_reference, now) for report in reports]
    if not rows:
        return ()
    was_inserted, with_due_reports = batch_insert.insert_rows(rows)
    if was_inserted:
        return with_due_reports
    if not Connection.objects.filter(pk=connection_id).exists():
        raise NoSuchConnection
    DeliveryReport.objects.bulk_create([DeliveryReport(**row) for row in rows], ignore_conflicts=True, batch_size=500)
    return {connection_id, *with_due_reports}


def _report_row(
    connection_id: int, report: contract.Report, own_reference: uuid.UUID | None, now: datetime
) -> dict[str, Any]:
    if own_reference:
        report = replace(report, reference=own_reference.hex)  # some reports name no message, but their address does
    return {
        "connection_id": connection_id,
        "fingerprint": report.fingerprint,
        "ref": sanitize.sanitize_text(report.ref)[:128],
        "reference": _parse_reference(report.reference),
        "recipient": sanitize.sanitize_text(report.recipient)[:30],
        "status": report.status.value if report.status else "",
        "word": sanitize.sanitize_text(report.word)[:60],
        "code": sanitize.sanitize_text(report.code)[:60],
        "detail": sanitize.sanitize_text(report.detail)[:300],
        "reason": report.reason if report.reason in Reason.values else Reason.NONE,
        "price": sanitize.sanitize_price(report.price),
        "currency": sanitize.sanitize_currency(report.currency),
        "received_at": now,
        "due_at": now,
    }


def _parse_reference(value: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(value)
    except ValueError:
        return None


def has_unmatched_reports(connection: Connection) -> bool:
    """Return whether the account lately reported messages that are not ours, even at the second look-up."""
    since = timezone.now() - UNMATCHED_WITHIN
    unmatched = DeliveryReport.objects.filter(connection=connection, message=None, tries__gt=1, received_at__gte=since)
    return unmatched.exists()
