"""A probe every minute through the broker, a worker and its loop, and back into the database.

It takes the way of a message as far as that is nobody's: from a committed row through Redis to the worker that
consumes the queue, into its dispatcher's loop, and at the end of a turn that reached the database into a row. It has
no portal and sends nothing, so no tenant's figures change; whether services accept what is sent is told by the sends.
"""

from functools import partial

import structlog
from celery import current_app, shared_task
from django.db import connection as database

from b24app.messaging.dispatch import dispatcher
from b24app.messaging.enqueue import AWAY as BROKER_AWAY

log = structlog.get_logger(__name__)

TASK = "b24app.operations.canary"
DISPATCH, PUSH = "dispatch", "push"  # queues, and the names of the canaries
EXPIRES = 60  # seconds after which no worker need take it

# A canary that is under way is sent again under its number: the task may have been lost, and its time goes on.
START = """
INSERT INTO operations_canary AS c (path, number, done, started_at, rung_at)
SELECT path, 1, 0, clock_timestamp(), clock_timestamp() FROM unnest(%s::text[]) AS path
ON CONFLICT (path) DO UPDATE SET
    number = CASE WHEN c.done = c.number THEN c.number + 1 ELSE c.number END,
    started_at = CASE WHEN c.done = c.number THEN clock_timestamp() ELSE c.started_at END,
    rung_at = clock_timestamp()
WHERE c.rung_at IS NULL OR c.rung_at < clock_timestamp() - interval '59 seconds'
RETURNING path, number
"""
FINISH = """
UPDATE operations_canary SET done = number, finished_at = clock_timestamp(),
    seconds = extract(epoch FROM clock_timestamp() - started_at)
WHERE path = %s AND number = %s AND done < number
"""


def start_canaries() -> None:
    """Send each canary that is due, once a minute."""
    with database.cursor() as cursor:
        cursor.execute(START, [[DISPATCH, PUSH]])
        started = cursor.fetchall()
    for path, number in started:
        try:
            current_app.send_task(TASK, [path, number], queue=path, expires=EXPIRES)
        except BROKER_AWAY:
            log.warning("redis_unavailable", kind="canary")


@shared_task(name=TASK)
def answer_canary(path: str, number: int) -> None:
    """Answer in the worker: for the queue of messages at the end of its dispatcher's turn, else at once."""
    if path == DISPATCH:
        dispatcher.probe_dispatcher(partial(finish_canary, path, number))
    else:
        finish_canary(path, number)


def finish_canary(path: str, number: int) -> None:
    """Write that a canary came back."""
    with database.cursor() as cursor:
        cursor.execute(FINISH, [path, number])
