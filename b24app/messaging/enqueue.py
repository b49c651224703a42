"""The bell: says that something is due. A ring that is lost costs seconds, never a message: the sweep sees the rows.

Rings come from doors, screens and tasks, after the rows are committed; steps never ring.
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

FORGOTTEN_AFTER = 20  # seconds after which a ring nobody heard may be repeated
GATHER_WORDS = timedelta(seconds=1)
GATHER_REPORTS = timedelta(seconds=0.3)
NAMES_EVERY = 120  # seconds
SOON = 5.0  # seconds
FARTHEST = 60.0  # seconds ahead; later work is the sweep's
SWEEP_EVERY = 10
SWEEPING, SWEPT_AT = "sweep:lock", "sweep:at"
AWAY = (redis.RedisError, KombuError, OperationalError, OSError)


class When(StrEnum):
    """How far off a ring is. One for the far future must not silence one that is for now, or for a moment later."""

    NOW = "now"
    SOON = "soon"
    LATER = "later"

    @classmethod
    def of(cls, seconds: float) -> Self:
        """The kind of a ring so many seconds ahead."""
        return cls.NOW if seconds <= 0.05 else cls.SOON if seconds <= SOON else cls.LATER


def drain(connection_id: int, *, slow: bool = False, at: datetime | None = None) -> None:
    """Something may be sent on a connection."""
    _ring("drain", connection_id, queue="slow" if slow else "dispatch", at=at)


def settle(*, at: datetime | None = None) -> None:
    """A service reported. Reports gather for a moment, for many are settled at the price of one."""
    soon = timezone.now() + GATHER_REPORTS
    _ring("settle", 0, queue="dispatch", at=max(at, soon) if at else soon)


def poll(connection_id: int, *, slow: bool = False, at: datetime | None = None) -> None:
    """A service wants to be asked."""
    _ring("poll", connection_id, queue="slow" if slow else "care", at=at)


def push(portal_id: int, *, at: datetime | None = None) -> None:
    """A portal wants to be told; a moment later, for what it is told of seldom comes alone."""
    soon = timezone.now() + GATHER_WORDS
    _ring("push", portal_id, queue="push", at=max(at, soon) if at else soon)


def reconcile(portal_id: int) -> None:
    """The portal's senders want to be compared with ours."""
    _ring("reconcile", portal_id, queue="care")


def note(portal_id: int, *, at: datetime | None = None) -> None:
    """What was sent from a portal's CRM cards wants to be noted there."""
    _ring("note", portal_id, queue="push", at=at)


def notify(portal_id: int, *, at: datetime | None = None) -> None:
    """A portal's administrators may have to be told of something."""
    _ring("notify", portal_id, queue="care", at=at)


def erase(erasure_id: int, *, at: datetime | None = None) -> None:
    """A number is to be forgotten."""
    _ring("erase", erasure_id, queue="care", at=at)


def names(portal_id: int, user_ids: Sequence[int]) -> None:
    """A portal wants to be asked what these employees are called; it is not asked twice in a short while.

    So a portal that does not answer is left alone however often people look; whoever was not asked for has a number
    until the next look.
    """
    try:
        if redis_client().set(f"bell:names:{portal_id}", b"1", nx=True, ex=NAMES_EVERY):
            current_app.send_task("b24app.messaging.tasks.names", [portal_id, list(user_ids)], queue="care")
    except AWAY:
        log.warning("bell_away", kind="names")


def heard(kind: str, pk: int, when: str) -> None:
    """A task begins: from here on a new ring is not dropped, so nothing that comes during it is missed."""
    try:
        redis_client().delete(_key(kind, pk, when))
    except redis.RedisError:
        log.warning("bell_away", kind=kind)


def heard_all(kind: str, pks: Sequence[int]) -> None:
    """The same for many, rung for at once."""
    try:
        redis_client().delete(*[_key(kind, pk, When.NOW) for pk in pks])
    except redis.RedisError:
        log.warning("bell_away", kind=kind)


def _ring(kind: str, pk: int, *, queue: str, at: datetime | None = None) -> None:
    seconds = max(0.0, (at - timezone.now()).total_seconds()) if at else 0.0
    if seconds > FARTHEST:
        return
    when = When.of(seconds)
    alone = False
    try:
        alone = bool(redis_client().set(_key(kind, pk, when), b"1", nx=True, ex=int(seconds) + FORGOTTEN_AFTER))
        if alone:
            current_app.send_task(
                f"b24app.messaging.tasks.{kind}",
                [pk, when],
                queue=queue,
                countdown=None if when == When.NOW else seconds,
            )
    except AWAY:
        log.warning("bell_away", kind=kind)
        if alone:
            heard(kind, pk, when)  # or the next ring would be dropped for one that nobody can hear


def _key(kind: str, pk: int, when: str) -> str:
    return f"bell:{kind}:{pk}:{when}"


def begin_sweep() -> bool:
    """Whether it is time for a round; two beats and any number of workers may ask, one gets to do it."""
    try:
        mine = redis_client().set(SWEEPING, b"1", nx=True, ex=SWEEP_EVERY - 1)
        if mine:
            redis_client().set(SWEPT_AT, str(time.time()))
        return bool(mine)
    except redis.RedisError:
        return False


def seconds_since_sweep() -> float:
    """How long nobody has swept; very long when Redis has forgotten, 0 when it cannot be asked."""
    try:
        at = redis_client().get(SWEPT_AT)
    except redis.RedisError:
        return 0.0
    return time.time() - float(at) if isinstance(at, bytes) else float("inf")
