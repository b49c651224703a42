"""Step 3, the first half: the service's word is kept before it is understood; where none comes, it is asked for."""

import threading
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from b24app.core import sanitize
from b24app.messaging.models import Connection, DeliveryReport
from b24app.messaging.models.statuses import Reason
from b24app.messaging.reports import batch_insert
from b24app.messaging.reports.report_budget import budget
from providers.kit import contract

STRAYS_OF = timedelta(days=7)


VERIFIED_ONLINE_AT_ONCE = 2  # of a process, whose other threads take what waits for nobody
_online = threading.BoundedSemaphore(VERIFIED_ONLINE_AT_ONCE)


class Busy(Exception):
    """Services are being asked about as many reports as may be at once; nothing was looked at."""


class NoSuchConnection(LookupError):
    """The address was signed by us, but the connection is not in our database."""


class TakesNoReports(LookupError):
    """The account's service never reports, so whoever calls its address is not that service."""


def accept_reports(
    connection_uuid: str, reference: str, call: contract.Call, *, replayed: bool = False
) -> tuple[Collection[int], contract.Answer]:
    """Verify a service's call and keep its reports; answers the connections to settle and what the service wants back.

    `reference` is the message the address was made for, `-` for an account's address. Raises Forged, Unreadable,
    Unavailable, NoSuchConnection, TakesNoReports; TooManyResults, TooManyWaiting and Busy, but not for what is
    `replayed`: the service was told that we have it.
    """
    account = batch_insert.verifier_of(uuid.UUID(connection_uuid))
    if account is None:
        raise NoSuchConnection
    if not replayed:
        budget.refuse_at_once(account.portal_id)
    try:
        told = _read(account, call, patient=replayed)
    except Exception:  # whatever it is, it is only said on fresh knowledge: the credentials may just have changed
        fresh = batch_insert.read_verifier(account.uuid)
        if fresh is None:
            raise NoSuchConnection from None
        if fresh.same_as(account):
            raise
        account = fresh
        told = _read(account, call, patient=replayed)
    if not replayed:
        budget.take(account.portal_id, len(told))
    to_settle = _keep(account.pk, told, reference)
    if not account.has_reported:
        account.has_reported = True
        Connection.objects.filter(pk=account.pk).update(last_report_at=timezone.now())
    return to_settle, _answer(account, call)


def _read(account: batch_insert.ReportVerifier, call: contract.Call, *, patient: bool) -> list[contract.Report]:
    service = account.provider()
    if not service.can("read_reports"):
        raise TakesNoReports
    with hold_place(service, patient=patient):
        try:
            service.verify(call)
            return list(service.read_reports(call))
        finally:
            account.record()


@contextmanager
def hold_place(service: contract.Provider, *, patient: bool) -> Iterator[None]:
    """Hold one of the few places of services that are asked back; wait for one if `patient`, else raise Busy."""
    if not service.verifies_online:
        yield
    elif _online.acquire(blocking=patient):
        try:
            yield
        finally:
            _online.release()
    else:
        raise Busy


def _answer(account: batch_insert.ReportVerifier, call: contract.Call) -> contract.Answer:
    try:
        return account.provider().answer(call)
    finally:
        account.record()


def insert_reports(connection_id: int, told: Iterable[contract.Report], reference: str = "-") -> None:
    """Write reports down, each once however often it comes."""
    _keep(connection_id, told, reference)


def _keep(connection_id: int, told: Iterable[contract.Report], reference: str) -> Collection[int]:
    ours = None if reference == "-" else uuid.UUID(reference)
    now = timezone.now()
    rows = [_row(connection_id, report, ours, now) for report in told]
    if not rows:
        return ()
    taken, to_settle = batch_insert.insert_rows(rows)
    if taken:
        return to_settle
    if not Connection.objects.filter(pk=connection_id).exists():
        raise NoSuchConnection
    DeliveryReport.objects.bulk_create([DeliveryReport(**row) for row in rows], ignore_conflicts=True, batch_size=500)
    return {connection_id, *to_settle}


def _row(connection_id: int, report: contract.Report, ours: uuid.UUID | None, now: datetime) -> dict[str, Any]:
    if ours:
        report = replace(report, reference=ours.hex)  # some reports name nothing: their address says whose they are
    return {
        "connection_id": connection_id,
        "fingerprint": report.fingerprint,
        "ref": sanitize.sanitize_text(report.ref)[:128],
        "reference": _reference(report.reference),
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


def _reference(told: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(told)
    except ValueError:
        return None


def has_strays(connection: Connection) -> bool:
    """Did the account lately report messages that are not ours, even after we had looked a second time?"""
    since = timezone.now() - STRAYS_OF
    told = DeliveryReport.objects.filter(connection=connection, message=None, tries__gt=1, received_at__gte=since)
    return told.exists()
