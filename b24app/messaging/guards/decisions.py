"""Write the guards' decisions: messages are held, failed or marked unknown, and those that pass are counted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import structlog
from django.db import connection as database
from django.db import transaction

from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.core.monitoring import metrics
from b24app.messaging.guards import limits
from b24app.messaging.guards.limits import Limit, LimitKind, Window
from b24app.messaging.guards.screening import Fail, Hold, MarkUnknown, QueuedBehind, Screening
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.guards import Rules
from b24app.messaging.models.statuses import Change, Phase, Reason, Status, Wait
from b24app.messaging.retry_policy import poll_unknown_at
from b24app.portals.status_timing import SETTLED_AFTER
from providers.kit import registry

log = structlog.get_logger(__name__)

MAX_HELD_BEHIND = 5000
MAX_NAMED = 50  # messages in one line of the log


@retry_on_deadlock
def write_decisions(screening: Screening, limits_by_message: Mapping[int, Sequence[Limit]]) -> None:
    """Write all decisions in one transaction, and add those of the limits.

    Rows are always locked in the same order: rules and senders, counts, messages.
    """
    before = dict(screening.decisions)
    try:
        with transaction.atomic():
            _recheck_pauses(screening)
            _apply_limits(screening, limits_by_message)
            _flag_duplicates(screening)
            _take_off_wire(screening)
            _fail_or_mark_unknown(screening)
            for one in screening.queued_behind:
                _hold_queued_behind(one, screening.now)
    except BaseException:
        screening.decisions, screening.queued_behind = before, []
        raise
    _log_holds(screening)


def _log_holds(screening: Screening) -> None:
    held: dict[tuple[int, str, datetime | None], list[int]] = defaultdict(list)
    for message in screening.messages:
        decision = screening.decisions.get(message.pk)
        if isinstance(decision, Hold) and decision.wait != Wait.NONE:
            held[message.connection_id, decision.wait.value, decision.until].append(message.pk)
    for (connection, why, until), messages in held.items():
        end = until.isoformat() if until else None
        named = messages[:MAX_NAMED]
        log.info("messages_held", connection=connection, why=why, until=end, count=len(messages), messages=named)


def _recheck_pauses(screening: Screening) -> None:
    """Make due at once what is no longer paused, and find what waits behind the rest.

    A resume in the meantime has released the waiting messages. It would miss those that are held only now.
    """
    held = [one for one in screening.messages if screening.wait_of(one) == Wait.PAUSED]
    if not held:
        return
    rules = Rules.objects.select_for_update(no_key=True).filter(portal_id__in={one.portal_id for one in held})
    portals = {one.portal_id for one in rules.order_by("portal_id") if one.paused_at}
    rows = Sender.objects.select_for_update(no_key=True).filter(pk__in={one.sender_id for one in held})
    senders = {one.pk for one in rows.order_by("pk") if one.paused_at}
    for message in held:
        if message.portal_id not in portals and message.sender_id not in senders:
            screening.decisions[message.pk] = Hold(Wait.NONE, screening.now)
    pairs = {(one.portal_id, one.sender_id) for one in held}
    screening.queued_behind += [QueuedBehind(portal, Wait.PAUSED, None) for portal in sorted(portals)]
    screening.queued_behind += [
        QueuedBehind(portal, Wait.PAUSED, None, sender_id=sender)
        for portal, sender in sorted(pairs)
        if sender in senders and portal not in portals
    ]


def _apply_limits(screening: Screening, limits_by_message: Mapping[int, Sequence[Limit]]) -> None:
    """Count the messages that pass; fail or hold those above a limit, and find what waits behind them."""
    exhausted: dict[Window, Limit] = {}
    for pk, over in limits.admit_messages(limits_by_message).items():
        if over.is_final:
            screening.decisions[pk] = Fail(Reason.CAPPED)
        else:
            screening.decisions[pk] = Hold(Wait.CAP, over.until)
            exhausted |= {limit.window: limit for limit in over.limits}
    for window, limit in sorted(exhausted.items()):
        of_sender = window.kind in (LimitKind.SENDER_HOUR, LimitKind.SENDER_DAY)
        of_employee = window.kind == LimitKind.EMPLOYEE_HOUR
        screening.queued_behind.append(
            QueuedBehind(
                window.portal_id,
                Wait.CAP,
                limit.until,
                sender_id=int(window.key) if of_sender else None,
                author_id=int(window.key) if of_employee else None,
            )
        )


def _flag_duplicates(screening: Screening) -> None:
    """Record on messages that pass which earlier message they repeat, and count them."""
    repeated = {one.pk: screening.facts[one.pk].repeats for one in screening.passed if screening.facts[one.pk].repeats}
    if not repeated:
        return
    hour = screening.now.replace(minute=0, second=0, microsecond=0)
    with database.cursor() as cursor:
        cursor.execute(FLAG_DUPLICATES, [sorted(repeated), [repeated[pk] for pk in sorted(repeated)]])
    counts: dict[Window, int] = {}
    for message in screening.passed:
        if message.pk in repeated:
            window = Window(message.portal_id, LimitKind.DUPLICATES.value, "", hour)
            counts[window] = counts.get(window, 0) + 1
    limits.add_usage(counts)


FLAG_DUPLICATES = """
UPDATE messaging_message m SET repeats = w.repeated FROM unnest(%s::bigint[], %s::uuid[]) AS w(id, repeated)
WHERE m.id = w.id AND m.phase = 'on_wire'
"""

# Locked in id order; `attempts` and the phase exclude messages that this claim no longer owns.
TAKE_OFF_WIRE = """
UPDATE messaging_message m SET
    phase = 'waiting', wait = h.wait, due_at = least(h.until, m.expires_at), lease_until = NULL,
    attempts = m.attempts - 1,
    first_attempt_at = CASE WHEN m.attempts > 1 THEN m.first_attempt_at END,
    push_at = CASE WHEN h.wait = 'paused' AND m.message_id IS NOT NULL AND m.pushed = 'sent' AND m.push_at IS NULL
                   THEN greatest(%s, m.received_at + make_interval(secs => %s)) ELSE m.push_at END
FROM (
    SELECT x.id, w.wait, w.until, w.attempts
    FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::timestamptz[]) AS w(id, attempts, wait, until)
    JOIN messaging_message x ON x.id = w.id ORDER BY x.id FOR UPDATE OF x
) h
WHERE m.id = h.id AND m.phase = 'on_wire' AND m.attempts = h.attempts
RETURNING m.id
"""


def _take_off_wire(screening: Screening) -> None:
    """Make everything that does not pass `waiting` again and undo its attempt; what fails is failed next."""
    rows = []
    for message in sorted(screening.messages, key=attrgetter("pk")):
        decision = screening.decisions.get(message.pk)
        if decision is None:
            continue
        wait, until = (decision.wait, decision.until) if isinstance(decision, Hold) else (Wait.NONE, screening.now)
        rows.append((message.pk, message.attempts, wait.value, until))
    if not rows:
        return
    with database.cursor() as cursor:
        columns = [list(column) for column in zip(*rows, strict=True)]
        cursor.execute(TAKE_OFF_WIRE, [screening.now, SETTLED_AFTER.total_seconds(), *columns])
        owned = {row[0] for row in cursor.fetchall()}
    # Another process decides on messages that this claim no longer owns; they are not sent from here either.
    for pk, decision in screening.decisions.items():
        if pk not in owned and not isinstance(decision, Hold):
            screening.decisions[pk] = Hold(Wait.NONE, None)


def _fail_or_mark_unknown(screening: Screening) -> None:
    failed = [(pk, decision) for pk, decision in screening.decisions.items() if isinstance(decision, Fail)]
    Message.objects.advance(
        Change(pk=pk, status=Status.FAILED, reason=decision.reason, code=decision.code) for pk, decision in failed
    )
    doubtful = [one for one in screening.messages if isinstance(screening.decisions.get(one.pk), MarkUnknown)]
    for message in doubtful:
        unknown = {"phase": Phase.UNKNOWN, "wait": Wait.NONE, "due_at": None, "reason": Reason.TIMED_OUT}
        row = Message.objects.filter(pk=message.pk, phase=Phase.WAITING)
        if row.update(**unknown, poll_at=_first_poll_at(message)):
            metrics.UNKNOWN.labels(message.connection.service, Reason.TIMED_OUT).inc()


def _first_poll_at(message: Message) -> datetime | None:
    service = registry.find(message.connection.service)
    return poll_unknown_at(service) if service else None


HOLD_QUEUED_BEHIND = """
UPDATE messaging_message m SET wait = %(wait)s, due_at = least(%(until)s::timestamptz, m.expires_at)
WHERE m.id IN (
    SELECT x.id FROM messaging_message x
    WHERE x.connection_id IN (SELECT id FROM messaging_connection WHERE portal_id = %(portal)s)
      AND x.phase = 'waiting' AND x.due_at <= %(now)s AND x.expires_at > %(now)s AND x.attempts = 0
      AND (%(sender)s::bigint IS NULL OR x.sender_id = %(sender)s)
      AND (%(author)s::bigint IS NULL OR x.author_id = %(author)s)
    ORDER BY x.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""


def _hold_queued_behind(behind: QueuedBehind, now: datetime) -> None:
    values: dict[str, Any] = {
        "portal": behind.portal_id,
        "sender": behind.sender_id,
        "author": behind.author_id,
        "wait": behind.wait.value,
        "until": behind.until,
        "now": now,
        "limit": MAX_HELD_BEHIND,
    }
    with database.cursor() as cursor:
        cursor.execute(HOLD_QUEUED_BEHIND, values)
