"""Step 3, the second half: what services reported changes the rows, for all connections together.

A report that cannot be applied is set aside with its reason; the others of its batch are applied all the same.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from b24app.core.deadlock_retry import retry_on_deadlock
from b24app.core.isolation import work_apart
from b24app.core.outage import AWAY
from b24app.messaging import dead_letters, early_reports
from b24app.messaging.guards import stop_list
from b24app.messaging.models import Connection, DeliveryReport, Message, MessagePart
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.guards import StopSource
from b24app.messaging.models.statuses import FINAL, Change, Phase, Reason, Status
from b24app.messaging.reports import due_queue

AT_ONCE = 500
GOES_ON_FOR = 10.0  # seconds of a task; then others have their turn
LOOKS = 2  # for the message of a report; then it belongs to somebody else
PARTS_MAY_TAKE = timedelta(hours=1)
DEFAULT_REASONS = {Status.UNDELIVERED: Reason.UNREACHED, Status.FAILED: Reason.REJECTED}

# The last row of a report counts: our reference before an id of the service's, and of two messages to which it gave
# the same id the newer one.
FIND = """
SELECT r.id, m.id, m.ref, m.phase, m.poll_at, 1 AS rank FROM messaging_deliveryreport r
JOIN messaging_message m ON m.connection_id = r.connection_id AND m.ref = r.ref AND m.ref <> ''
WHERE r.id = ANY(%s)
UNION ALL
SELECT r.id, m.id, m.ref, m.phase, m.poll_at, 2 FROM messaging_deliveryreport r
JOIN messaging_message m ON m.reference = r.reference AND m.connection_id = r.connection_id
WHERE r.id = ANY(%s)
ORDER BY rank, 2
"""
UNDERSTOOD = """
UPDATE messaging_deliveryreport r SET message_id = w.message_id, due_at = w.due_at, tries = w.tries
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::int[]) AS w(id, message_id, due_at, tries)
WHERE r.id = w.id
"""
# A number that was forgotten must not come back with a late report.
FORGOTTEN = """
UPDATE messaging_deliveryreport r SET recipient = '', detail = '' FROM messaging_message m
WHERE r.id = ANY(%s) AND m.id = r.message_id AND m.to = '' AND (r.recipient <> '' OR r.detail <> '')
"""
PUSHES = """
SELECT portal_id, min(push_at) FROM messaging_message WHERE id = ANY(%s) AND push_at IS NOT NULL GROUP BY portal_id
"""


@dataclass(frozen=True, slots=True)
class AppliedReports:
    """What settling leaves behind: when more is due, and the portals that want to be told, each with when."""

    again: datetime | None
    pushes: Mapping[int, datetime]


@dataclass(frozen=True, slots=True)
class Found:
    """The message that a report speaks of, as far as it matters."""

    pk: int
    ref: str
    phase: str
    poll_at: datetime | None


def apply_due() -> AppliedReports:
    """Apply the reports that are due, by portals in turn and of each in the order of their coming."""
    until = time.monotonic() + GOES_ON_FOR
    pushes: dict[int, datetime] = {}
    while time.monotonic() < until:
        some = _settle_some()
        if some is None:
            break
        for portal, at in some:
            pushes[portal] = min(at, pushes.get(portal, at))
    return AppliedReports(due_queue.first_due_at(), pushes)


def _settle_some() -> list[tuple[int, datetime]] | None:
    """Portals that want to be told; None when nothing was due."""
    taken: list[int] = []
    try:
        changed = [_settle_due(taken)]
    except AWAY:
        raise
    except Exception as error:  # whatever one of them raises
        if not taken:
            raise
        changed = work_apart(taken, _settle_these, _set_aside, error)
    if not taken:
        return None
    with database.cursor() as cursor:
        cursor.execute(PUSHES, [[pk for some in changed for pk in some]])
        return list(cursor.fetchall())


@retry_on_deadlock
def _settle_due(taken: list[int]) -> list[int]:
    """Apply a batch of what is due; tells by `taken` which reports it is, also where it raises."""
    with transaction.atomic():
        batch = due_queue.take_due(AT_ONCE)
        taken[:] = [report.pk for report in batch]
        return _apply(batch)


@retry_on_deadlock
def _settle_these(ids: Sequence[int]) -> list[int]:
    with transaction.atomic():
        return _apply(due_queue.take_again(ids))


def _set_aside(pk: int, error: Exception) -> None:
    """It is looked at no more until an operator says so."""
    DeliveryReport.objects.filter(pk=pk).update(due_at=None)
    portal = Connection.objects.filter(reports=pk).values_list("portal_id", flat=True).first()
    dead_letters.note(Kind.REPORT, pk, error, portal=portal)


def _apply(batch: Sequence[DeliveryReport]) -> list[int]:
    """Change what the reports speak of, in the order given; return the messages that may have changed."""
    if not batch:
        return []
    found, parts = _find(batch), _find_parts(batch)
    changes: list[Change] = []
    named: list[tuple[int, str]] = []  # messages that learn their ref only now
    for report in batch:
        part = parts.get((report.connection_id, report.ref))
        message = found.get(report.pk) or (Found(part.message_id, part.ref, Phase.DONE, None) if part else None)
        if message is None:
            _look_again_later(report)
            continue
        report.message_id, report.due_at = message.pk, None
        change = _changed_by(report, message, part)
        if change is not None and change.status != Status.QUEUED:
            changes.append(change)
            named += [(report.connection_id, change.ref)] if change.ref else []
    Message.objects.advance(changes)
    stop_list.learn_from((one.pk for one in changes if one.reason == Reason.OPT_OUT), StopSource.REPORT)
    _understand(batch)
    early_reports.rearm(named)
    return [change.pk for change in changes]


def _changed_by(report: DeliveryReport, message: Found, part: MessagePart | None) -> Change | None:
    # A service may give an id twice: to a message, and to a part of another one.
    if part is not None and part.message_id == message.pk:
        return _of_part(report, part, message)
    return _change(message, _climbs_to(message, Status(report.status)), report) if report.status else None


def _understand(batch: Sequence[DeliveryReport]) -> None:
    rows = [(report.pk, report.message_id, report.due_at, report.tries) for report in batch]
    with database.cursor() as cursor:
        cursor.execute(UNDERSTOOD, [list(column) for column in zip(*rows, strict=True)])
        cursor.execute(FORGOTTEN, [[report.pk for report in batch]])


def _find(batch: Sequence[DeliveryReport]) -> Mapping[int, Found]:
    """The messages that reports speak of, only within the connection of the address; our reference counts first."""
    ids = [report.pk for report in batch]
    with database.cursor() as cursor:
        cursor.execute(FIND, [ids, ids])
        return {report: Found(*message) for report, *message, _rank in cursor.fetchall()}


def _find_parts(batch: Sequence[DeliveryReport]) -> Mapping[tuple[int, str], MessagePart]:
    connections_asked = {report.connection_id for report in batch}
    rows = MessagePart.objects.filter(connection_id__in=connections_asked, ref__in={report.ref for report in batch})
    return {(one.connection_id, one.ref): one for one in rows}


def _look_again_later(report: DeliveryReport) -> None:
    """It may have come before our own record of the send, and that arms it again by itself (`early_reports.rearm`).

    A second look is the net for a process that was killed between writing a ref and arming what had come before it.
    """
    report.tries += 1
    report.due_at = None if report.tries >= LOOKS else timezone.now() + due_queue.LOOK_AGAIN_AFTER


def _climbs_to(message: Found, told: Status) -> Status:
    """A service that has the message queued has taken it: that much is known then of an unknown outcome."""
    return Status.SENT if told == Status.QUEUED and message.phase == Phase.UNKNOWN else told


def _change(message: Found, status: Status, report: DeliveryReport) -> Change:
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


def _of_part(report: DeliveryReport, part: MessagePart, message: Found) -> Change | None:
    """One of several parts: the worst counts once all are in, or what is known after an hour."""
    if report.status and Status(report.status).rank > Status(part.status).rank:
        part.status = Status(report.status)
        part.save(update_fields=["status"])
    statuses = [
        Status(one) for one in MessagePart.objects.filter(message_id=message.pk).values_list("status", flat=True)
    ]
    final = [status for status in statuses if status in FINAL]
    if len(final) < len(statuses):
        if report.received_at + PARTS_MAY_TAKE > timezone.now():
            report.due_at = report.received_at + PARTS_MAY_TAKE
            return None
        if not final:
            return None
    worst = next((status for status in (Status.FAILED, Status.UNDELIVERED, Status.DELIVERED) if status in final), None)
    return None if worst is None else _change(message, worst, report)
