"""Detect what administrators are to be notified of, and when: notices are kept in step with the other rows.

A condition that may pass is announced once it has lasted for two minutes, and a subject at most once an hour. Recovery
is sent at once, only to people who got the alert, because it replaces that notification.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.models.notices import Notice, NoticeKind, NoticeRules
from b24app.messaging.models.statuses import Phase
from b24app.messaging.notices import failure_rate
from b24app.messaging.notices.texts import SILENT
from b24app.portals.models import CopyState, Portal, PortalCopy, PortalToken
from b24app.portals.tokens import former_administrators

ALERT_AFTER = timedelta(minutes=2)
ALERT_EVERY = timedelta(hours=1)
CHECK_EVERY = timedelta(minutes=1)  # of conditions whose recovery is announced
CHECK_SELDOM = timedelta(minutes=5)  # of conditions that only a person ends
MAX_COUNTED = 1000
MAX_PEOPLE = 10

NOT_SENDING = Q(state=ConnectionState.BLOCKED) | Q(breaker_until__isnull=False)
UNDECIDED_COPY = Q(state=CopyState.NOTICED, checked_at__isnull=False)
LOW_BALANCE = Q(balance__lt=F("low_balance"))
RECOVERS_BY_ITSELF = (NoticeKind.BROKEN, NoticeKind.PORTAL, NoticeKind.FAILURES)  # so recovery is announced
AT_ONCE = (NoticeKind.SENDERS, NoticeKind.BALANCE, NoticeKind.FAILURES)  # nothing that passes within minutes


class Announcement(Enum):
    ALERT = "alert"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that holds now and is worth a notice; `since` if its row has it."""

    kind: NoticeKind
    subject: int
    detail: str
    since: datetime | None = None


def is_in_use() -> Q:
    """Return the condition for connections that somebody relies on: neither paused nor removed."""
    return Q(state__in=[ConnectionState.ACTIVE, ConnectionState.BLOCKED])


def find_conditions(portal: Portal, now: datetime) -> Iterator[Condition]:
    """Yield the conditions of a portal that hold now."""
    if portal.no_token_since:
        yield Condition(NoticeKind.PORTAL, 0, "token", portal.no_token_since)
    for copy in PortalCopy.objects.filter(UNDECIDED_COPY, portal=portal):
        yield Condition(NoticeKind.COPY, copy.pk, "held", copy.checked_at)
    for one in Connection.objects.filter(is_in_use(), NOT_SENDING | LOW_BALANCE, portal=portal).defer("account"):
        if one.state == ConnectionState.BLOCKED:
            yield Condition(NoticeKind.BROKEN, one.pk, one.blocked_reason or "auth", one.blocked_since)
        elif one.breaker_until is not None:
            yield Condition(NoticeKind.BROKEN, one.pk, SILENT)
        is_low = one.balance is not None and one.low_balance is not None and one.balance < one.low_balance
        if is_low and one.blocked_reason != "balance":
            yield Condition(NoticeKind.BALANCE, one.pk, str(one.balance))
    unknown = Message.objects.filter(portal=portal, phase=Phase.UNKNOWN)[:MAX_COUNTED].count()
    if unknown:
        yield Condition(NoticeKind.UNDECIDED, 0, str(unknown))
    for sender, rate in failure_rate.failing_senders(portal, notice_rules(portal), now).items():
        yield Condition(NoticeKind.FAILURES, sender, f"{rate.failed}/{rate.ended}")


def sync_notices(portal: Portal, now: datetime) -> None:
    """Update a portal's notices to the conditions that hold now."""
    present = {(condition.kind.value, condition.subject): condition for condition in find_conditions(portal, now)}
    with transaction.atomic():
        rows = list(Notice.objects.select_for_update().filter(portal=portal).order_by("pk"))
        existing = {(row.kind, row.subject) for row in rows}
        new = [
            Notice(
                portal=portal,
                kind=condition.kind,
                subject=condition.subject,
                word=condition.detail,
                since=condition.since or now,
                due_at=now,
            )
            for key, condition in present.items()
            if key not in existing
        ]
        Notice.objects.bulk_create(new, ignore_conflicts=True)
        for row in rows:
            if row.kind != NoticeKind.SENDERS and _update_row(row, present.get((row.kind, row.subject)), now):
                row.save(update_fields=["is_on", "since", "word", "told", "reached", "due_at"])


def _update_row(row: Notice, condition: Condition | None, now: datetime) -> bool:
    """Update a notice's row, unsaved, to its condition (None: it has ended); return whether the row has changed."""
    before = (row.is_on, row.word, row.told)
    if condition is not None:
        if not row.is_on:
            row.is_on, row.since, row.due_at = True, condition.since or now, now
        if row.kind == NoticeKind.FAILURES and row.told:
            return before != (row.is_on, row.word, row.told)  # other figures of the same episode are no news
        row.word = condition.detail
        if row.kind == NoticeKind.UNDECIDED and row.told and int(row.told) > int(row.word):
            row.told = row.word  # fewer than announced is no news, but an increase from here on is
            row.reached = dict.fromkeys(row.reached, row.word)
    elif row.is_on:
        row.is_on, row.since, row.due_at = False, now, now
    return before != (row.is_on, row.word, row.told)


def next_step(row: Notice, now: datetime) -> tuple[Announcement | None, datetime | None]:
    """Return what to announce about a subject now, or when to check it again; (None, None) to close it."""
    if not row.is_on:
        ready_at = row.since + ALERT_AFTER
        if not row.reached or row.kind not in RECOVERS_BY_ITSELF:
            return None, None
        return (Announcement.RECOVERY, None) if ready_at <= now else (None, ready_at)
    later = now + (CHECK_EVERY if row.kind in RECOVERS_BY_ITSELF else CHECK_SELDOM)
    if row.told == row.word:
        return None, later
    ready_at = row.since if row.kind in AT_ONCE else row.since + ALERT_AFTER
    if row.told_at is not None:
        ready_at = max(ready_at, row.told_at + ALERT_EVERY)
    return (Announcement.ALERT, None) if ready_at <= now else (None, min(ready_at, later))


def record_restored_senders(portal: Portal, count: int) -> None:
    """Make a notice due that `count` senders were missing in the portal and were added again."""
    if not count:
        return
    now = timezone.now()
    with transaction.atomic():
        row = Notice.objects.select_for_update().filter(portal=portal, kind=NoticeKind.SENDERS, subject=0).first()
        row = row or Notice(portal=portal, kind=NoticeKind.SENDERS, is_on=False)
        unannounced = int(row.word or 0) if row.is_on else 0
        row.is_on, row.word, row.told, row.due_at, row.reached = True, str(unannounced + count), "", now, {}
        row.since = now
        row.save()


def notice_rules(portal: Portal) -> NoticeRules:
    """Return a portal's notice settings; unsaved defaults if it has none."""
    return NoticeRules.objects.filter(portal=portal).first() or NoticeRules(portal=portal)


def administrator_ids(portal: Portal) -> list[int]:
    """Return the user ids of administrators, as of the portal's last answer; the earliest first."""
    tokens = PortalToken.objects.filter(portal=portal, is_admin=True, is_system=False).order_by("pk")
    return list(tokens.values_list("user_id", flat=True))


def people_to_notify(portal: Portal, rules: NoticeRules) -> list[int]:
    """Return whom to notify: the chosen people who are still administrators, else the first administrator.

    Where none is left, somebody who was one, as somebody has to learn of it.
    """
    admins = administrator_ids(portal) or former_administrators(portal)
    chosen = [user_id for user_id in admins if user_id in rules.user_ids]
    return (chosen or admins[:1])[:MAX_PEOPLE]


def portals_to_sync() -> Q:
    """Return the condition for portals with a condition that has no active notice yet."""

    def has_notice(kind: NoticeKind, subject: Any, portal: str) -> Exists:
        rows = Notice.objects.filter(portal=OuterRef(portal), kind=kind, subject=subject, is_on=True)
        return Exists(rows)

    accounts = Connection.objects.filter(is_in_use(), portal=OuterRef("pk"))
    broken = accounts.filter(NOT_SENDING).exclude(has_notice(NoticeKind.BROKEN, OuterRef("pk"), "portal"))
    low = accounts.filter(LOW_BALANCE).exclude(blocked_reason="balance")
    low = low.exclude(has_notice(NoticeKind.BALANCE, OuterRef("pk"), "portal"))
    unknown = Message.objects.filter(portal=OuterRef("pk"), phase=Phase.UNKNOWN)
    shut_out = Q(no_token_since__isnull=False) & ~has_notice(NoticeKind.PORTAL, 0, "pk")
    undecided = Exists(unknown) & ~has_notice(NoticeKind.UNDECIDED, 0, "pk")
    copies = PortalCopy.objects.filter(UNDECIDED_COPY, portal=OuterRef("pk"))
    copies = copies.exclude(has_notice(NoticeKind.COPY, OuterRef("pk"), "portal"))
    return Exists(broken) | Exists(low) | Exists(copies) | shut_out | undecided
