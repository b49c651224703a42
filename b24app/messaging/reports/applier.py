"""Apply stored delivery reports: they change the messages' statuses, for all connections together.

A report that raises is set aside with its error; the others of its batch are applied all the same.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.core.database.outage import AWAY
from b24app.core.isolation import work_apart
from b24app.messaging import dead_letters, early_reports
from b24app.messaging.guards import stop_list
from b24app.messaging.models import Connection, DeliveryReport, Message, MessagePart
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.guards import StopSource
from b24app.messaging.models.statuses import FINAL, Change, Phase, Reason, Status
from b24app.messaging.reports import due_queue

BATCH_SIZE = 500
TIME_BUDGET = 10.0  # seconds of a task; then other tasks get their turn
MAX_TRIES = 2  # to find the message of a report; after that the report is not one of ours
WAIT_FOR_PARTS = timedelta(hours=1)
DEFAULT_REASONS = {Status.UNDELIVERED: Reason.UNREACHED, Status.FAILED: Reason.REJECTED}

# The last row of a report wins: our reference precedes the service's id, and of two messages with the same id the newer
# one is meant.
FIND_MESSAGES = """
SELECT r.id, m.id, m.ref, m.phase, m.poll_at, 1 AS rank FROM messaging_deliveryreport r
JOIN messaging_message m ON m.connection_id = r.connection_id AND m.ref = r.ref AND m.ref <> ''
WHERE r.id = ANY(%s)
UNION ALL
SELECT r.id, m.id, m.ref, m.phase, m.poll_at, 2 FROM messaging_deliveryreport r
JOIN messaging_message m ON m.reference = r.reference AND m.connection_id = r.connection_id
WHERE r.id = ANY(%s)
ORDER BY rank, 2
"""
RECORD_MATCHES = """
UPDATE messaging_deliveryreport r SET message_id = w.message_id, due_at = w.due_at, tries = w.tries
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::int[]) AS w(id, message_id, due_at, tries)
WHERE r.id = w.id
"""
# A late report must not bring an erased number back.
CLEAR_ERASED = """
UPDATE messaging_deliveryreport r SET recipient = '', detail = '' FROM messaging_message m
WHERE r.id = ANY(%s) AND m.id = r.message_id AND m.to = '' AND (r.recipient <> '' OR r.detail <> '')
"""
DUE_PUSHES = """
SELECT portal_id, min(push_at) FROM messaging_message WHERE id = ANY(%s) AND push_at IS NOT NULL GROUP BY portal_id
"""


@dataclass(frozen=True, slots=True)
class AppliedReports:
    """When to run again, and when each affected portal is due a push."""

    again: datetime | None
    pushes: Mapping[int, datetime]


@dataclass(frozen=True, slots=True)
class MatchedMessage:
    """What matters of the message that a report is about."""

    pk: int
    ref: str
    phase: str
    poll_at: datetime | None


def apply_due() -> AppliedReports:
    """Apply the due reports, the portals in turn, each portal's in the order in which they arrived."""
    until = time.monotonic() + TIME_BUDGET
    pushes: dict[int, datetime] = {}
    while time.monotonic() < until:
        due_pushes = _apply_batch()
        if due_pushes is None:
            break
        for portal, at in due_pushes:
            pushes[portal] = min(at, pushes.get(portal, at))
    return AppliedReports(due_queue.first_due_at(), pushes)


def _apply_batch() -> list[tuple[int, datetime]] | None:
    """Apply one batch; return the portals that are due a push, each with when, or None if no report was due."""
    batch: list[int] = []
    try:
        changed = [_apply_next(batch)]
    except AWAY:
        raise
    except Exception as error:  # whatever one of them raises
        if not batch:
            raise
        changed = work_apart(batch, _apply_by_ids, _set_aside_report, error)
    if not batch:
        return None
    with database.cursor() as cursor:
        cursor.execute(DUE_PUSHES, [[pk for messages in changed for pk in messages]])
        return list(cursor.fetchall())


@retry_on_deadlock
def _apply_next(ids: list[int]) -> list[int]:
    """Apply the next batch; fill `ids` with its reports, so that they are known even if applying them raises."""
    with transaction.atomic():
        batch = due_queue.take_due(BATCH_SIZE)
        ids[:] = [report.pk for report in batch]
        return _apply_reports(batch)


@retry_on_deadlock
def _apply_by_ids(ids: Sequence[int]) -> list[int]:
    with transaction.atomic():
        return _apply_reports(due_queue.take_by_ids(ids))


def _set_aside_report(pk: int, error: Exception) -> None:
    """Do not apply it again until an operator retries it."""
    DeliveryReport.objects.filter(pk=pk).update(due_at=None)
    portal = Connection.objects.filter(reports=pk).values_list("portal_id", flat=True).first()
    dead_letters.note(Kind.REPORT, pk, error, portal=portal)


def _apply_reports(batch: Sequence[DeliveryReport]) -> list[int]:
    """Apply reports in the order given; return the ids of the messages that may have changed."""
    if not batch:
        return []
    found, parts = _find_messages(batch), _find_parts(batch)
    changes: list[Change] = []
    new_refs: list[tuple[int, str]] = []  # of messages that had no ref: (connection, ref)
    for report in batch:
        part = parts.get((report.connection_id, report.ref))
        message = found.get(report.pk) or (
            MatchedMessage(part.message_id, part.ref, Phase.DONE, None) if part else None
        )
        if message is None:
            _reschedule(report)
            continue
        report.message_id, report.due_at = message.pk, None
        change = _change_from(report, message, part)
        if change is not None and change.status != Status.QUEUED:
            changes.append(change)
            new_refs += [(report.connection_id, change.ref)] if change.ref else []
    Message.objects.advance(changes)
    stop_list.add_opt_outs((one.pk for one in changes if one.reason == Reason.OPT_OUT), StopSource.REPORT)
    _record_matches(batch)
    early_reports.make_due(new_refs)
    return [change.pk for change in changes]


def _change_from(report: DeliveryReport, message: MatchedMessage, part: MessagePart | None) -> Change | None:
    # A service may assign an id twice: to a message, and to a part of another one.
    if part is not None and part.message_id == message.pk:
        return _change_from_part(report, part, message)
    return _build_change(message, _status_to_apply(message, Status(report.status)), report) if report.status else None


def _record_matches(batch: Sequence[DeliveryReport]) -> None:
    rows = [(report.pk, report.message_id, report.due_at, report.tries) for report in batch]
    with database.cursor() as cursor:
        cursor.execute(RECORD_MATCHES, [list(column) for column in zip(*rows, strict=True)])
        cursor.execute(CLEAR_ERASED, [[report.pk for report in batch]])


def _find_messages(batch: Sequence[DeliveryReport]) -> Mapping[int, MatchedMessage]:
    """Return the messages by report id, found only within the connection of the address; our reference wins."""
    ids = [report.pk for report in batch]
    with database.cursor() as cursor:
        cursor.execute(FIND_MESSAGES, [ids, ids])
        return {report: MatchedMessage(*message) for report, *message, _rank in cursor.fetchall()}


def _find_parts(batch: Sequence[DeliveryReport]) -> Mapping[tuple[int, str], MessagePart]:
    connections = {report.connection_id for report in batch}
    rows = MessagePart.objects.filter(connection_id__in=connections, ref__in={report.ref for report in batch})
    return {(one.connection_id, one.ref): one for one in rows}


def _reschedule(report: DeliveryReport) -> None:
    """Try once more later to find the message.

    A report may arrive before our own record of the send, which then makes it due again (`early_reports.make_due`). The
    second try is a safety net for a process that was killed between writing the ref and that.
    """
    report.tries += 1
    report.due_at = None if report.tries >= MAX_TRIES else timezone.now() + due_queue.RETRY_AFTER


def _status_to_apply(message: MatchedMessage, reported: Status) -> Status:
    """Return `sent` for an unknown message that its service reports as queued: it was accepted, then."""
    return Status.SENT if reported == Status.QUEUED and message.phase == Phase.UNKNOWN else reported


def _build_change(message: MatchedMessage, status: Status, report: DeliveryReport) -> Change:
    reason = Reason(report.reason) if report.reason else DEFAULT_REASONS.get(status, Reason.NONE)
    return Change(
        pk=message.pk,
        status=status,
        reason=Reason.NONE if status in (Status.DELIVERED, Status.SENT) else reason,
        code="" if status == Status.DELIVERED else report.code,
        detail="" if status == Status.DELIVERED else report.detail,
        ref=report.ref if not message.ref else "",
        price=report.price,
        currency=report.currency,
        poll_at=message.poll_at,
    )


def _change_from_part(report: DeliveryReport, part: MessagePart, message: MatchedMessage) -> Change | None:
    """Update a part; return its message's worst status once all parts have one, or what is known after an hour."""
    if report.status and Status(report.status).rank > Status(part.status).rank:
        part.status = Status(report.status)
        part.save(update_fields=["status"])
    statuses = [
        Status(one) for one in MessagePart.objects.filter(message_id=message.pk).values_list("status", flat=True)
    ]
    final = [status for status in statuses if status in FINAL]
    if len(final) < len(statuses):
        if report.received_at + WAIT_FOR_PARTS > timezone.now():
            report.due_at = report.received_at + WAIT_FOR_PARTS
            return None
        if not final:
            return None
    worst = next((status for status in (Status.FAILED, Status.UNDELIVERED, Status.DELIVERED) if status in final), None)
    return None if worst is None else _build_change(message, worst, report)
