"""Tell the workers that something is due. A lost task costs seconds, never a message: the sweep finds the rows.

Webhooks, screens, tasks, the loops of the two dispatchers and the SMPP receipts enqueue, each after its rows are
committed. Functions that do a step's work only return what is due next; their caller enqueues it.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

import redis
import structlog
from celery import current_app
from django.utils import timezone
from kombu.exceptions import KombuError, OperationalError

from b24app.core.redis import redis_client

log = structlog.get_logger(__name__)

DEDUP_TTL = 20  # seconds after which a task that no worker took may be sent again
PUSH_DELAY = timedelta(seconds=1)
REPORTS_DELAY = timedelta(seconds=0.3)
EMPLOYEE_NAMES_EVERY = 120  # seconds
CRM_NAMES_EVERY = 5  # seconds; a portal that does not answer is left alone for longer by `crm_names` itself
PORTAL_CHECK_EVERY = 60  # seconds
SOON_SECONDS = 5.0  # seconds
MAX_DELAY = 60.0  # seconds ahead; the sweep enqueues what is later
SWEEP_EVERY = 10
SWEEP_LOCK, SWEPT_AT = "sweep:lock", "sweep:at"
AWAY = (redis.RedisError, KombuError, OperationalError, OSError)


class Delay(StrEnum):
    """How far in the future a task is. A task for later must not suppress one for now or for a moment from now."""

    NOW = "now"
    SOON = "soon"
    LATER = "later"

    @classmethod
    def of(cls, seconds: float) -> Self:
        """Return the class of a delay in seconds."""
        return cls.NOW if seconds <= 0.05 else cls.SOON if seconds <= SOON_SECONDS else cls.LATER


def drain(connection_id: int, *, slow: bool = False, at: datetime | None = None) -> None:
    """Enqueue sending over a connection."""
    _send_once("drain", connection_id, queue="slow" if slow else "dispatch", at=at)


def apply_reports(*, at: datetime | None = None) -> None:
    """Enqueue applying delivery reports, 0.3 s late: applying many costs as much as applying one."""
    soon = timezone.now() + REPORTS_DELAY
    _send_once("settle", 0, queue="dispatch", at=max(at, soon) if at else soon)


def poll(connection_id: int, *, slow: bool = False, at: datetime | None = None) -> None:
    """Enqueue asking a service for the status of messages."""
    _send_once("poll", connection_id, queue="slow" if slow else "care", at=at)


def push(portal_id: int, *, at: datetime | None = None) -> None:
    """Enqueue pushing statuses to a portal, one second late, so that statuses that arrive together share a batch."""
    soon = timezone.now() + PUSH_DELAY
    _send_once("push", portal_id, queue="push", at=max(at, soon) if at else soon)


def maintain(portal_id: int, *, at: datetime | None = None) -> None:
    """Enqueue a portal's maintenance jobs that are due."""
    _send_once("maintain", portal_id, queue="care", at=at)


def app_event(event_id: int, *, at: datetime | None = None) -> None:
    """Enqueue applying an event of the application's life."""
    _send_once("app_event", event_id, queue="care", at=at)


def erase_portal(portal_id: int) -> None:
    """Enqueue erasing the data of a portal that left."""
    _send_once("erase_portal", portal_id, queue="care")


def check_copies(portal_id: int) -> None:
    """Enqueue looking into other addresses that use a portal's member_id."""
    _send_once("copies", portal_id, queue="care")


def note(portal_id: int, *, at: datetime | None = None) -> None:
    """Enqueue writing messages sent from CRM cards into the portal's timelines."""
    _send_once("note", portal_id, queue="push", at=at)


def notify(portal_id: int, *, at: datetime | None = None) -> None:
    """Enqueue notifying a portal's administrators."""
    _send_once("notify", portal_id, queue="care", at=at)


def erase(erasure_id: int, *, at: datetime | None = None) -> None:
    """Enqueue the erasure of a phone number."""
    _send_once("erase", erasure_id, queue="care", at=at)


def employee_names(portal_id: int, user_ids: Sequence[int]) -> None:
    """Enqueue asking a portal for the names of employees, at most every two minutes.

    So a portal that does not respond is left alone however often its pages are opened. Employees who were left out are
    shown by number until the next page asks again.
    """
    _send_rarely("names", f"names:{portal_id}", [portal_id, list(user_ids)], seconds=EMPLOYEE_NAMES_EVERY)


def crm_names(portal_id: int, viewer: int, items: Sequence[tuple[int, int]]) -> None:
    """Enqueue asking a portal for the names of CRM items that a viewer looks at, at most every few seconds."""
    args = [portal_id, viewer, [list(item) for item in items]]
    _send_rarely("crm_names", f"crm-names:{portal_id}:{viewer}", args, seconds=CRM_NAMES_EVERY)


def portal_check(portal_id: int) -> bool:
    """Enqueue asking a portal whether it answers, at most once a minute; return whether it was enqueued."""
    return _send_rarely("ask", f"ask:{portal_id}", [portal_id], seconds=PORTAL_CHECK_EVERY)


def _send_rarely(kind: str, mark: str, args: list[object], *, seconds: int) -> bool:
    """Send a task of care at most once in so many seconds; return whether it was sent."""
    try:
        is_due = bool(redis_client().set(f"bell:{mark}", b"1", nx=True, ex=seconds))
        if is_due:
            current_app.send_task(f"b24app.messaging.tasks.{kind}", args, queue="care")
    except AWAY:
        log.warning("redis_unavailable", kind=kind)
        return False
    return is_due


def clear(kind: str, pk: int, delay: str) -> None:
    """Let the task be enqueued again; called before its first query, so that nothing due meanwhile is missed."""
    try:
        redis_client().delete(_dedup_key(kind, pk, delay))
    except redis.RedisError:
        log.warning("redis_unavailable", kind=kind)


def clear_many(kind: str, pks: Sequence[int]) -> None:
    """Clear immediate tasks of many ids in one call."""
    try:
        redis_client().delete(*[_dedup_key(kind, pk, Delay.NOW) for pk in pks])
    except redis.RedisError:
        log.warning("redis_unavailable", kind=kind)


def _send_once(kind: str, pk: int, *, queue: str, at: datetime | None = None) -> None:
    """Send a task unless the same one is already queued; raise nothing when Redis is away."""
    seconds = max(0.0, (at - timezone.now()).total_seconds()) if at else 0.0
    if seconds > MAX_DELAY:
        return
    delay = Delay.of(seconds)
    is_first = False
    try:
        is_first = bool(redis_client().set(_dedup_key(kind, pk, delay), b"1", nx=True, ex=int(seconds) + DEDUP_TTL))
        if is_first:
            current_app.send_task(
                f"b24app.messaging.tasks.{kind}",
                [pk, delay],
                queue=queue,
                countdown=None if delay == Delay.NOW else seconds,
            )
    except AWAY:
        log.warning("redis_unavailable", kind=kind)
        if is_first:
            clear(kind, pk, delay)  # or the next call would be dropped for a task that was never sent


def _dedup_key(kind: str, pk: int, delay: str) -> str:
    return f"bell:{kind}:{pk}:{delay}"


def begin_sweep() -> bool:
    """Return whether this process is to sweep now: of two beats and any number of workers that ask, only one is."""
    try:
        is_ours = redis_client().set(SWEEP_LOCK, b"1", nx=True, ex=SWEEP_EVERY - 1)
        if is_ours:
            redis_client().set(SWEPT_AT, str(time.time()))
        return bool(is_ours)
    except redis.RedisError:
        return False


def seconds_since_sweep() -> float:
    """Return the age of the last sweep; infinity if Redis has lost it, 0 if Redis is away."""
    try:
        at = redis_client().get(SWEPT_AT)
    except redis.RedisError:
        return 0.0
    return time.time() - float(at) if isinstance(at, bytes) else float("inf")
