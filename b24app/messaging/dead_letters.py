"""Set aside what raises: note it with the error, count it, and leave it alone for longer each time.

What only an operator can retry waits for `manage.py dead_letters --again`. What is worked in rounds is retried
automatically, and its letter is removed some hours after it succeeded.
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
from b24app.core.database.outage import AWAY
from b24app.core.monitoring import metrics
from b24app.messaging.models.dead_letters import DeadLetter, Kind

log = structlog.get_logger(__name__)
P = ParamSpec("P")

FIRST_PAUSE, MAX_PAUSE = 60.0, 3600.0  # seconds
for _kind in Kind:  # an alert waits for them, and so they begin at zero
    metrics.SET_ASIDE.labels(_kind.value)
HEALED_AFTER = timedelta(hours=2)  # past `retry_at` and not noted again: the retry succeeded

INSERT_LETTER = """
INSERT INTO messaging_deadletter AS d (kind, key, portal_id, error, place, tries, first_at, last_at, retry_at)
VALUES (%(kind)s, %(key)s, %(portal)s, %(error)s, %(place)s, 1, %(now)s, %(now)s, NULL)
ON CONFLICT (kind, key) DO UPDATE SET tries = least(d.tries + 1, 1000000), error = excluded.error,
    place = excluded.place, last_at = excluded.last_at, portal_id = coalesce(excluded.portal_id, d.portal_id)
RETURNING tries
"""


def note(kind: Kind, key: object, error: Exception, *, portal: int | None = None, retry: bool = False) -> datetime:
    """Store and log that a row or step raised; return when to retry it.

    With `retry` it is retried automatically, and until then rounds skip it (`held`).
    """
    now = timezone.now()
    row = {"kind": kind.value, "key": str(key)[:60], "portal": portal, "now": now}
    row |= {"error": type(error).__name__[:60], "place": _error_place(error)}
    with database.cursor() as cursor:
        cursor.execute(INSERT_LETTER, row)
        (tries,) = cursor.fetchone()
    retry_at = now + backoff_delay(tries, first=FIRST_PAUSE, limit=MAX_PAUSE, factor=2)
    if retry:
        DeadLetter.objects.filter(kind=kind, key=row["key"]).update(retry_at=retry_at)
    details = {"kind": row["kind"], "key": row["key"], "portal": portal, "error": row["error"], "place": row["place"]}
    metrics.SET_ASIDE.labels(row["kind"]).inc()
    log.error("set_aside", tries=tries, **details)
    return retry_at


def held(kind: Kind) -> set[str]:
    """Return the keys of dead letters that are not due for a retry yet."""
    rows = DeadLetter.objects.filter(kind=kind, retry_at__gt=timezone.now())
    return set(rows.values_list("key", flat=True))


def held_ids(task: str) -> list[int]:
    """Return the ids of dead letters of a task, named as in `note_task_errors`, that are not due for a retry yet."""
    keys = (key.partition(":") for key in held(Kind.TASK))
    return [int(pk) for name, _, pk in keys if name == task]


@contextmanager
def note_errors(kind: Kind, key: object, *, portal: int | None = None) -> Iterator[None]:
    """Note what the block raises and continue after it. Raise AWAY."""
    try:
        yield
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one row raises
        note(kind, key, error, portal=portal, retry=True)


def note_task_errors(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Note what a task raises under `name` and its first argument, the id of a connection, portal or erasure.

    The sweep then skips that id for a while (`held_ids`).
    """

    def decorate(task: Callable[P, None]) -> Callable[P, None]:
        @wraps(task)
        def run_noted(*args: P.args, **kwargs: P.kwargs) -> None:
            with note_errors(Kind.TASK, f"{name}:{args[0]}"):
                task(*args, **kwargs)

        return run_noted

    return decorate


def forget_healed() -> int:
    """Remove the letters of what was retried and did not raise again; return how many."""
    return DeadLetter.objects.filter(retry_at__lt=timezone.now() - HEALED_AFTER).delete()[0]


def _error_place(error: Exception) -> str:
    """Return file:line of the innermost frame, of our own code if there is any."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if "/b24app/" in one.filename or "/providers/" in one.filename]
    last = (ours or frames)[-1:]
    return next((f"{'/'.join(Path(one.filename).parts[-2:])}:{one.lineno}" for one in last), "")[-120:]
