"""Step 3, the first half: the service's word is kept before it is understood; where none comes, it is asked for."""

import threading
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from b24app.core import storable
from b24app.journal.recording import Recorder
from b24app.messaging import connections, keeping
from b24app.messaging.memo import SharedMemo
from b24app.messaging.models import Connection, ConnectionState, DeliveryReport, Message
from b24app.messaging.report_budget import budget
from b24app.messaging.retry_policy import next_poll_at
from b24app.messaging.statuses import Reason
from providers.kit import contract, registry
from providers.kit.errors import SmsError

ASK_AT_ONCE = 100
STRAYS_OF = timedelta(days=7)


VERIFIED_ONLINE_AT_ONCE = 2  # of a process, whose other threads take what waits for nobody
_online = threading.BoundedSemaphore(VERIFIED_ONLINE_AT_ONCE)


class Busy(Exception):
    """Services are being asked about as many reports as may be at once; nothing was looked at."""


class NoSuchConnection(LookupError):
    """The address was signed by us, but the connection is not in our database."""


class TakesNoReports(LookupError):
    """The account's service never reports, so whoever calls its address is not that service."""


def take(
    connection_uuid: str, reference: str, call: contract.Call, *, replayed: bool = False
) -> tuple[Collection[int], contract.Answer]:
    """Verify a service's call and keep its reports; answers the connections to settle and what the service wants back.

    `reference` is the message the address was made for, `-` for an account's address. Raises Forged, Unreadable,
    Unavailable, NoSuchConnection, TakesNoReports; TooManyResults, TooManyWaiting and Busy, but not for what is
    `replayed`: the service was told that we have it.
    """
    account = keeping.account(uuid.UUID(connection_uuid))
    if account is None:
        raise NoSuchConnection
    if not replayed:
        budget.refuse_at_once(account.portal_id)
    try:
        told = _read(account, call, patient=replayed)
    except Exception:  # whatever it is, it is only said on fresh knowledge: the credentials may just have changed
        fresh = keeping.read_account(account.uuid)
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


def _read(account: keeping.Account, call: contract.Call, *, patient: bool) -> list[contract.Report]:
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


def _answer(account: keeping.Account, call: contract.Call) -> contract.Answer:
    try:
        return account.provider().answer(call)
    finally:
        account.record()


def keep(connection_id: int, told: Iterable[contract.Report], reference: str = "-") -> None:
    """Write reports down, each once however often it comes."""
    _keep(connection_id, told, reference)


def _keep(connection_id: int, told: Iterable[contract.Report], reference: str) -> Collection[int]:
    ours = None if reference == "-" else uuid.UUID(reference)
    now = timezone.now()
    rows = [_row(connection_id, report, ours, now) for report in told]
    if not rows:
        return ()
    taken, to_settle = keeping.keep(rows)
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
        "ref": storable.text(report.ref)[:128],
        "reference": _reference(report.reference),
        "recipient": storable.text(report.recipient)[:30],
        "status": report.status.value if report.status else "",
        "word": storable.text(report.word)[:60],
        "code": storable.text(report.code)[:60],
        "detail": storable.text(report.detail)[:300],
        "reason": report.reason if report.reason in Reason.values else Reason.NONE,
        "price": storable.price(report.price),
        "currency": storable.currency(report.currency),
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


def poll(connection_id: int) -> datetime | None:
    """Ask the service about messages that wait for its word; answers when to ask next. One request a visit."""
    connection = Connection.objects.select_related("portal").get(pk=connection_id)
    if connection.portal.uninstalled_at is not None or connection.state == ConnectionState.REMOVED:
        return None
    kind = registry.find(connection.service)
    if kind is None:
        return None  # its file does not load here
    asked = _claim_questions(connection_id, kind)
    if asked:
        with Recorder(connection.portal_id, connection.service, connection_id) as record:
            http = connections.http_for(kind, connection.account, record)
            # A service that tells of a message may quote it.
            http = http.hiding(number=[one.to for one in asked], text=[one.text for one in asked])
            try:
                refs = [one.ref or one.reference.hex for one in asked]
                keep(connection_id, kind(connection.account, http, SharedMemo(connection.uuid.hex)).look_up(refs))
            except SmsError:
                pass  # recorded; the next question is already on the row
            finally:
                http.close()
    later = Message.objects.filter(connection_id=connection_id, poll_at__isnull=False)
    return later.order_by("poll_at").values_list("poll_at", flat=True).first()


def _claim_questions(connection_id: int, kind: type[contract.Provider]) -> list[Message]:
    """Take messages whose question is due, and write down when the next would be, before anything is asked."""
    now = timezone.now()
    due = Message.objects.filter(connection_id=connection_id, poll_at__lte=now)
    with transaction.atomic():
        batch = list(due.order_by("poll_at").select_for_update(skip_locked=True)[:ASK_AT_ONCE])
        for message in batch:
            message.polls += 1
            message.poll_at = next_poll_at(message, kind)
        Message.objects.bulk_update(batch, ["polls", "poll_at"])
    return [one for one in batch if one.ref or kind.known_by_reference]
