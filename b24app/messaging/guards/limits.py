"""Limits on how many messages are sent in an hour or a day, counted exactly however many workers send at a time.

A limit's window has one row. The statement that reads it also locks it, until the counts are written. Rows are locked
in key order, so two workers count one after the other and do not deadlock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from hashlib import blake2s
from zoneinfo import ZoneInfo

from django.db import connection as database
from django.db.models import Sum
from django.utils import timezone

from b24app.core.isolation import work_isolated
from b24app.messaging import dead_letters
from b24app.messaging.models.dead_letters import Kind as Letter
from b24app.messaging.models.guards import CapUse, Rules
from b24app.portals.models import Portal

KEEP_FOR = timedelta(days=3)


class LimitKind(StrEnum):
    """What is counted. Of a kind that has no case in `decisions._apply_limits` the whole portal's queue is held."""

    RECIPIENT_HOUR = "recipient_hour"
    RECIPIENT_DAY = "recipient_day"
    SENDER_HOUR = "sender_hour"
    SENDER_DAY = "sender_day"
    EMPLOYEE_HOUR = "employee_hour"
    PORTAL_HOUR = "portal_hour"
    DUPLICATES = "duplicates"  # not a limit: how many messages were flagged


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One hour or day of one limit; its fields are the key of its row, and the order of locking."""

    portal_id: int
    kind: str
    key: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `maximum` messages in a window; those above it wait until `until`, or fail if the limit is final."""

    window: Window
    maximum: int
    until: datetime

    @property
    def is_final(self) -> bool:
        """Whether messages above it fail: a recipient should not get the rest later."""
        return self.window.kind in (LimitKind.RECIPIENT_HOUR, LimitKind.RECIPIENT_DAY)


@dataclass(frozen=True, slots=True)
class OverLimit:
    """The limits that a message would exceed."""

    limits: Sequence[Limit]

    @property
    def is_final(self) -> bool:
        return any(limit.is_final for limit in self.limits)

    @property
    def until(self) -> datetime:
        return max(limit.until for limit in self.limits)


def read_rules(portal: Portal) -> Rules:
    """Return the rules of a portal; the defaults, unsaved, where none are set."""
    return Rules.objects.filter(portal=portal).first() or Rules(portal=portal)


def hourly_limit(portal_id: int, kind: LimitKind, key: object, maximum: int | None, now: datetime) -> list[Limit]:
    """Return the limit of the current hour; empty without a maximum."""
    if maximum is None:
        return []
    since = now.replace(minute=0, second=0, microsecond=0)
    return [Limit(Window(portal_id, kind.value, str(key), since), maximum, since + timedelta(hours=1))]


def daily_limit(
    portal_id: int, kind: LimitKind, key: object, maximum: int | None, now: datetime, zone: ZoneInfo
) -> list[Limit]:
    """Return the limit of the current day in a time zone; empty without a maximum."""
    if maximum is None:
        return []
    today = now.astimezone(zone).date()
    since, until = (datetime.combine(day, time(), zone).astimezone(now.tzinfo) for day in (today, today + DAY))
    return [Limit(Window(portal_id, kind.value, str(key), since), maximum, until)]


DAY = timedelta(days=1)


def admit_messages(limits_by_message: Mapping[int, Sequence[Limit]]) -> dict[int, OverLimit]:
    """Count messages, by id, against their limits in the order given; return those that would exceed one.

    Only admitted messages are counted. Runs inside the caller's transaction.
    """
    used = _lock_windows({limit.window for limits in limits_by_message.values() for limit in limits})
    over: dict[int, OverLimit] = {}
    admitted: Counter[Window] = Counter()
    for pk, limits in limits_by_message.items():
        exceeded = [one for one in limits if used[one.window] + admitted[one.window] >= one.maximum]
        if exceeded:
            over[pk] = OverLimit(exceeded)
        else:
            admitted.update(limit.window for limit in limits)
    add_usage(admitted)
    return over


def read_usage(windows: Iterable[Window]) -> dict[Window, int]:
    """Return how many messages were counted in these windows, without locking them."""
    wanted = {(one.kind, one.key, one.since): one for one in windows}
    if not wanted:
        return {}
    portals = {one.portal_id for one in wanted.values()}
    rows = CapUse.objects.filter(
        portal_id__in=portals, kind__in={kind for kind, _, _ in wanted}, since__in={since for _, _, since in wanted}
    )
    rows = rows.filter(key__in={key for _, key, _ in wanted})
    found = {(one.kind, one.key, one.since): one.used for one in rows}
    return {window: found[key] for key, window in wanted.items() if key in found}


def total_used(portal_id: int, kind: LimitKind, since: datetime) -> int:
    """Return how many messages were counted in a portal's windows that began at `since` or later."""
    rows = CapUse.objects.filter(portal_id=portal_id, kind=kind.value, since__gte=since)
    return int(rows.aggregate(total=Sum("used"))["total"] or 0)


def prune_uses() -> int:
    """Delete the counts of windows that ended days ago; return how many."""
    held = [int(key) for key in dead_letters.held(Letter.CAP)]
    old = CapUse.objects.filter(since__lt=timezone.now() - KEEP_FOR).exclude(pk__in=held).order_by("since")
    return sum(work_isolated(list(old.values_list("pk", flat=True)[:5000]), _delete_uses, _set_aside_use))


def _delete_uses(ids: Sequence[int]) -> int:
    return CapUse.objects.filter(pk__in=list(ids)).delete()[0]


def _set_aside_use(pk: int, error: Exception) -> None:
    dead_letters.note(Letter.CAP, pk, error, retry=True)


def recipient_key(number: str) -> str:
    """Return the key of a recipient's windows: a hash, because counting needs no number to be stored."""
    return blake2s(number.encode(), digest_size=16).hexdigest()


def forget_recipient(portal_id: int, number: str) -> None:
    """Delete the counts of one recipient."""
    kinds = [LimitKind.RECIPIENT_HOUR.value, LimitKind.RECIPIENT_DAY.value]
    CapUse.objects.filter(portal_id=portal_id, kind__in=kinds, key=recipient_key(number)).delete()


# DO UPDATE, though it changes nothing, takes the lock and reads what was last committed; DO NOTHING does neither.
LOCK_WINDOWS = """
INSERT INTO messaging_capuse AS u (portal_id, kind, key, since, used)
SELECT *, 0 FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[])
ON CONFLICT (portal_id, kind, key, since) DO UPDATE SET used = u.used
RETURNING portal_id, kind, key, since, used
"""
ADD_USAGE = """
INSERT INTO messaging_capuse AS u (portal_id, kind, key, since, used)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::int[])
ON CONFLICT (portal_id, kind, key, since) DO UPDATE SET used = u.used + excluded.used
"""


def _lock_windows(windows: Iterable[Window]) -> dict[Window, int]:
    if not (ordered := sorted(windows)):
        return {}
    with database.cursor() as cursor:
        cursor.execute(LOCK_WINDOWS, _key_columns(ordered))
        return {Window(*row[:4]): row[4] for row in cursor.fetchall()}


def add_usage(counts: Mapping[Window, int]) -> None:
    """Add message counts to windows, whatever their limits."""
    if not (ordered := sorted(counts)):
        return
    with database.cursor() as cursor:
        cursor.execute(ADD_USAGE, [*_key_columns(ordered), [counts[window] for window in ordered]])


def _key_columns(windows: Sequence[Window]) -> list[list[object]]:
    return [list(column) for column in zip(*((w.portal_id, w.kind, w.key, w.since) for w in windows), strict=True)]
