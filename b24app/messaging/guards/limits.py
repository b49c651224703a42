"""Limits on how many messages go in an hour or a day, counted exactly however many workers send at a time.

A cap's window has one row. It is locked by the very statement that reads it and stays so until the counts are written,
in key order: so two workers count one after the other and neither waits for the other in a circle.
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
from b24app.messaging.models.guards import CapUse

KEPT = timedelta(days=3)


class LimitKind(StrEnum):
    RECIPIENT_HOUR = "recipient_hour"
    RECIPIENT_DAY = "recipient_day"
    SENDER_HOUR = "sender_hour"
    SENDER_DAY = "sender_day"
    EMPLOYEE_HOUR = "employee_hour"
    PORTAL_HOUR = "portal_hour"
    DUPLICATES = "duplicates"  # not a cap: how many were warned of


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One cap in one hour or day; its fields are the key of its row, and the order of locking."""

    portal_id: int
    kind: str
    key: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many in a window; what comes above waits until it is over, or fails."""

    window: Window
    most: int
    until: datetime

    @property
    def is_final(self) -> bool:
        """A recipient is not to get the rest later: it fails."""
        return self.window.kind in (LimitKind.RECIPIENT_HOUR, LimitKind.RECIPIENT_DAY)


@dataclass(frozen=True, slots=True)
class OverLimit:
    """The caps that a message is above."""

    caps: Sequence[Limit]

    @property
    def is_final(self) -> bool:
        return any(cap.is_final for cap in self.caps)

    @property
    def until(self) -> datetime:
        return max(cap.until for cap in self.caps)


def hourly_limit(portal_id: int, kind: LimitKind, key: object, most: int | None, now: datetime) -> list[Limit]:
    """The cap of the running hour, if there is one."""
    if most is None:
        return []
    since = now.replace(minute=0, second=0, microsecond=0)
    return [Limit(Window(portal_id, kind.value, str(key), since), most, since + timedelta(hours=1))]


def daily_limit(
    portal_id: int, kind: LimitKind, key: object, most: int | None, now: datetime, zone: ZoneInfo
) -> list[Limit]:
    """The cap of the running day of a zone, if there is one."""
    if most is None:
        return []
    today = now.astimezone(zone).date()
    since, until = (datetime.combine(day, time(), zone).astimezone(now.tzinfo) for day in (today, today + DAY))
    return [Limit(Window(portal_id, kind.value, str(key), since), most, until)]


DAY = timedelta(days=1)


def admit_messages(asked: Mapping[int, Sequence[Limit]]) -> dict[int, OverLimit]:
    """Count messages (by id, each with its caps) in the order given; answers those that are above a cap.

    Runs inside the caller's transaction. Only what is admitted is counted.
    """
    used = _locked({cap.window for caps in asked.values() for cap in caps})
    refused: dict[int, OverLimit] = {}
    more: Counter[Window] = Counter()
    for pk, caps in asked.items():
        above = [cap for cap in caps if used[cap.window] + more[cap.window] >= cap.most]
        if above:
            refused[pk] = OverLimit(above)
        else:
            more.update(cap.window for cap in caps)
    add_use(more)
    return refused


def total_used(portal_id: int, kind: LimitKind, since: datetime) -> int:
    """How many were counted in a portal's windows that began at a moment or later."""
    rows = CapUse.objects.filter(portal_id=portal_id, kind=kind.value, since__gte=since)
    return int(rows.aggregate(total=Sum("used"))["total"] or 0)


def use_of(windows: Iterable[Window]) -> dict[Window, int]:
    """How many went so far; for showing, without a lock."""
    wanted = set(windows)
    rows = CapUse.objects.filter(portal_id__in={one.portal_id for one in wanted}, since__in={w.since for w in wanted})
    found = {Window(row.portal_id, row.kind, row.key, row.since): row.used for row in rows}
    return {window: found.get(window, 0) for window in wanted}


def prune_uses() -> int:
    """Remove the counts of windows long over; answers how many."""
    held = [int(key) for key in dead_letters.held(Letter.CAP)]
    old = CapUse.objects.filter(since__lt=timezone.now() - KEPT).exclude(pk__in=held).order_by("since")
    return sum(work_isolated(list(old.values_list("pk", flat=True)[:5000]), _delete, _set_aside))


def _delete(ids: Sequence[int]) -> int:
    return CapUse.objects.filter(pk__in=list(ids)).delete()[0]


def _set_aside(pk: int, error: Exception) -> None:
    dead_letters.note(Letter.CAP, pk, error, retry=True)


def recipient_key(number: str) -> str:
    """The key of a recipient's windows. Counting needs no numbers, so none is written down for it."""
    return blake2s(number.encode(), digest_size=16).hexdigest()


def forget_recipient(portal_id: int, number: str) -> None:
    """Remove the counts of one recipient."""
    kinds = [LimitKind.RECIPIENT_HOUR.value, LimitKind.RECIPIENT_DAY.value]
    CapUse.objects.filter(portal_id=portal_id, kind__in=kinds, key=recipient_key(number)).delete()


# DO UPDATE, though it changes nothing, takes the lock and reads what was last committed; DO NOTHING does neither.
LOCK = """
INSERT INTO messaging_capuse AS u (portal_id, kind, key, since, used)
SELECT *, 0 FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[])
ON CONFLICT (portal_id, kind, key, since) DO UPDATE SET used = u.used
RETURNING portal_id, kind, key, since, used
"""
ADD = """
INSERT INTO messaging_capuse AS u (portal_id, kind, key, since, used)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::int[])
ON CONFLICT (portal_id, kind, key, since) DO UPDATE SET used = u.used + excluded.used
"""


def _locked(windows: Iterable[Window]) -> dict[Window, int]:
    if not (ordered := sorted(windows)):
        return {}
    with database.cursor() as cursor:
        cursor.execute(LOCK, _columns(ordered))
        return {Window(*row[:4]): row[4] for row in cursor.fetchall()}


def add_use(more: Mapping[Window, int]) -> None:
    """Count messages without asking."""
    if not (ordered := sorted(more)):
        return
    with database.cursor() as cursor:
        cursor.execute(ADD, [*_columns(ordered), [more[window] for window in ordered]])


def _columns(windows: Sequence[Window]) -> list[list[object]]:
    return [list(column) for column in zip(*((w.portal_id, w.kind, w.key, w.since) for w in windows), strict=True)]
