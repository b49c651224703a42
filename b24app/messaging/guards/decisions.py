"""Writing the fates of sifted messages: held, failed, or left for a person to decide; those that go are counted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db import connection as database
from django.db import transaction

from b24app.core.deadlock_retry import retry_on_deadlock
from b24app.messaging.guards import limits
from b24app.messaging.guards.limits import Limit, LimitKind, Window
from b24app.messaging.guards.screening import Fail, Hold, MarkUnknown, QueuedBehind, Screening
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.guards import Rules
from b24app.messaging.models.statuses import Change, Phase, Reason, Status, Wait
from b24app.messaging.retry_policy import poll_unknown_at
from b24app.portals.status_timing import SETTLED_AFTER
from providers.kit import registry

HOLD_BEHIND = 5000


@retry_on_deadlock
def write_decisions(sieve: Screening, asked: Mapping[int, Sequence[Limit]]) -> None:
    """One transaction, locks always in the same order: rules and senders, counts, messages."""
    before = dict(sieve.fates)
    try:
        with transaction.atomic():
            _look_again_at_pauses(sieve)
            _count(sieve, asked)
            _warn(sieve)
            _hold(sieve)
            _end(sieve)
            for one in sieve.behind:
                _hold_behind(one, sieve.now)
    except BaseException:
        sieve.fates, sieve.behind = before, []
        raise


def _look_again_at_pauses(sieve: Screening) -> None:
    """Who resumes meanwhile has released what waits, and would leave behind what is held only now."""
    held = [one for one in sieve.messages if sieve.waits_for(one) == Wait.PAUSED]
    if not held:
        return
    rules = Rules.objects.select_for_update(no_key=True).filter(portal_id__in={one.portal_id for one in held})
    portals = {one.portal_id for one in rules.order_by("portal_id") if one.paused_at}
    rows = Sender.objects.select_for_update(no_key=True).filter(pk__in={one.sender_id for one in held})
    senders = {one.pk for one in rows.order_by("pk") if one.paused_at}
    for message in held:
        if message.portal_id not in portals and message.sender_id not in senders:
            sieve.fates[message.pk] = Hold(Wait.NONE, sieve.now)
    mine = {(one.portal_id, one.sender_id) for one in held}
    sieve.behind += [QueuedBehind(portal, Wait.PAUSED, None) for portal in sorted(portals)]
    sieve.behind += [
        QueuedBehind(portal, Wait.PAUSED, None, sender_id=sender)
        for portal, sender in sorted(mine)
        if sender in senders and portal not in portals
    ]


def _count(sieve: Screening, asked: Mapping[int, Sequence[Limit]]) -> None:
    full: dict[Window, Limit] = {}
    for pk, refused in limits.admit_messages(asked).items():
        if refused.is_final:
            sieve.fates[pk] = Fail(Reason.CAPPED)
        else:
            sieve.fates[pk] = Hold(Wait.CAP, refused.until)
            full |= {cap.window: cap for cap in refused.caps}
    for window, cap in sorted(full.items()):
        of_sender = window.kind in (LimitKind.SENDER_HOUR, LimitKind.SENDER_DAY)
        of_employee = window.kind == LimitKind.EMPLOYEE_HOUR
        sieve.behind.append(
            QueuedBehind(
                window.portal_id,
                Wait.CAP,
                cap.until,
                sender_id=int(window.key) if of_sender else None,
                author_id=int(window.key) if of_employee else None,
            )
        )


def _warn(sieve: Screening) -> None:
    """Note on messages that go what they repeat, and count the warnings."""
    twins = {one.pk: sieve.views[one.pk].repeats for one in sieve.going if sieve.views[one.pk].repeats}
    if not twins:
        return
    hour = sieve.now.replace(minute=0, second=0, microsecond=0)
    with database.cursor() as cursor:
        cursor.execute(WARN, [sorted(twins), [twins[pk] for pk in sorted(twins)]])
    counts: dict[Window, int] = {}
    for message in sieve.going:
        if message.pk in twins:
            window = Window(message.portal_id, LimitKind.DUPLICATES.value, "", hour)
            counts[window] = counts.get(window, 0) + 1
    limits.add_use(counts)


WARN = """
UPDATE messaging_message m SET repeats = w.twin FROM unnest(%s::bigint[], %s::uuid[]) AS w(id, twin)
WHERE m.id = w.id AND m.phase = 'on_wire'
"""

# Locked in id order; `attempts` and the phase fence off what is not this claim's any more.
HOLD = """
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


def _hold(sieve: Screening) -> None:
    """Everything that does not go leaves the wire with its attempt given back; what fails does so next."""
    rows = []
    for message in sorted(sieve.messages, key=attrgetter("pk")):
        fate = sieve.fates.get(message.pk)
        if fate is None:
            continue
        wait, until = (fate.wait, fate.until) if isinstance(fate, Hold) else (Wait.NONE, sieve.now)
        rows.append((message.pk, message.attempts, wait.value, until))
    if not rows:
        return
    with database.cursor() as cursor:
        cursor.execute(
            HOLD, [sieve.now, SETTLED_AFTER.total_seconds(), *(list(column) for column in zip(*rows, strict=True))]
        )
        mine = {row[0] for row in cursor.fetchall()}
    # What is not this claim's any more is somebody else's to decide, and does not go from here either.
    for pk, fate in sieve.fates.items():
        if pk not in mine and not isinstance(fate, Hold):
            sieve.fates[pk] = Hold(Wait.NONE, None)


def _end(sieve: Screening) -> None:
    fails = [(pk, fate) for pk, fate in sieve.fates.items() if isinstance(fate, Fail)]
    Message.objects.advance(
        Change(pk=pk, status=Status.FAILED, reason=fate.reason, code=fate.code) for pk, fate in fails
    )
    doubtful = [one for one in sieve.messages if isinstance(sieve.fates.get(one.pk), MarkUnknown)]
    for message in doubtful:
        Message.objects.filter(pk=message.pk, phase=Phase.WAITING).update(
            phase=Phase.UNKNOWN, wait=Wait.NONE, due_at=None, reason=Reason.TIMED_OUT, poll_at=_question(message)
        )


def _question(message: Message) -> datetime | None:
    service = registry.find(message.connection.service)
    return poll_unknown_at(service) if service else None


HOLD_THE_REST = """
UPDATE messaging_message m SET wait = %(wait)s, due_at = least(%(until)s::timestamptz, m.expires_at)
WHERE m.id IN (
    SELECT x.id FROM messaging_message x
    WHERE x.connection_id IN (SELECT id FROM messaging_connection WHERE portal_id = %(portal)s)
      AND x.phase = 'waiting' AND x.due_at <= %(now)s AND x.expires_at > %(now)s AND x.attempts = 0
      AND (%(sender)s::bigint IS NULL OR x.sender_id = %(sender)s)
      AND (%(author)s::bigint IS NULL OR x.author_id = %(author)s)
    ORDER BY x.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""


def _hold_behind(behind: QueuedBehind, now: datetime) -> None:
    values: dict[str, Any] = {
        "portal": behind.portal_id,
        "sender": behind.sender_id,
        "author": behind.author_id,
        "wait": behind.wait.value,
        "until": behind.until,
        "now": now,
        "limit": HOLD_BEHIND,
    }
    with database.cursor() as cursor:
        cursor.execute(HOLD_THE_REST, values)
