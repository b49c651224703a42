"""Setting aside what raises: noted with its reason, counted, and left alone for longer each time.

What waits for an operator is tried again by `manage.py dead_letters`; what is worked in rounds is tried again by
itself, and its letter goes some hours after it has gone well.
"""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import structlog
from django.db import connection as database
from django.utils import timezone

from b24app.core.backoff import backoff_delay
from b24app.core.outage import AWAY
from b24app.messaging.models.dead_letters import DeadLetter, Kind

log = structlog.get_logger(__name__)
P = ParamSpec("P")

FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0  # seconds
HEALED_AFTER = timedelta(hours=2)  # past its time and not noted again: it went well

NOTE = """
INSERT INTO messaging_deadletter AS d (kind, key, portal_id, error, place, tries, first_at, last_at, retry_at)
VALUES (%(kind)s, %(key)s, %(portal)s, %(error)s, %(place)s, 1, %(now)s, %(now)s, NULL)
ON CONFLICT (kind, key) DO UPDATE SET tries = least(d.tries + 1, 1000000), error = excluded.error,
    place = excluded.place, last_at = excluded.last_at, portal_id = coalesce(excluded.portal_id, d.portal_id)
RETURNING tries
"""


def note(kind: Kind, key: object, error: Exception, *, portal: int | None = None, retry: bool = False) -> datetime:
    """Write down that a row or step raised, aloud; return when it is worth another try.

    `retry`: it is worked again by itself then, and rounds pass it over until it is so far (`held`).
    """
    now = timezone.now()
    row = {"kind": kind.value, "key": str(key)[:60], "portal": portal, "now": now}
    row |= {"error": type(error).__name__[:60], "place": _place(error)}
    with database.cursor() as cursor:
        cursor.execute(NOTE, row)
        (tries,) = cursor.fetchone()
    again = now + backoff_delay(tries, first=FIRST_PAUSE, limit=LONGEST_PAUSE, factor=2)
    if retry:
        DeadLetter.objects.filter(kind=kind, key=row["key"]).update(retry_at=again)
    told = {"kind": row["kind"], "key": row["key"], "portal": portal, "error": row["error"], "place": row["place"]}
    log.error("set_aside", tries=tries, **told)
    return again


def held(kind: Kind) -> set[str]:
    """The keys of what raised lately and is not worth another try yet."""
    rows = DeadLetter.objects.filter(kind=kind, retry_at__gt=timezone.now())
    return set(rows.values_list("key", flat=True))


def held_ids(task: str) -> list[int]:
    """The ids for which a task, named as in `noted_task`, is not worth another try yet."""
    keys = (key.partition(":") for key in held(Kind.TASK))
    return [int(pk) for name, _, pk in keys if name == task]


@contextmanager
def noted(kind: Kind, key: object, *, portal: int | None = None) -> Iterator[None]:
    """Note what the block raises and go on behind it; raise AWAY."""
    try:
        yield
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one row raises
        note(kind, key, error, portal=portal, retry=True)


def noted_task(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Note what a task of one account, portal or order raises, under this name and the id that is its first argument.

    The sweep then passes it over for a while (`held_ids`).
    """

    def around(task: Callable[P, None]) -> Callable[P, None]:
        @wraps(task)
        def apart(*args: P.args, **kwargs: P.kwargs) -> None:
            with noted(Kind.TASK, f"{name}:{args[0]}"):
                task(*args, **kwargs)

        return apart

    return around


def forget_healed() -> int:
    """Remove the letters of what went well when it was tried again; return how many."""
    return DeadLetter.objects.filter(retry_at__lt=timezone.now() - HEALED_AFTER).delete()[0]


def _place(error: Exception) -> str:
    """Where it was raised, in our own code as far as there is some: file:line."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if "/b24app/" in one.filename or "/providers/" in one.filename]
    last = (ours or frames)[-1:]
    return next((f"{'/'.join(Path(one.filename).parts[-2:])}:{one.lineno}" for one in last), "")[-120:]
