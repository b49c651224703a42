"""What every worker process does besides its tasks: drains, replays the spool, sweeps when nobody else does.

Asked to stop, it is gone within 20 seconds: the board brings home what is in the air or writes down that it could not,
and whatever else still waits for somebody by then is safe in the database.
"""

import os
import threading
from typing import Any

import structlog
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.db import connections

from b24app.core import stopping
from b24app.core.garbage import rarely_collect
from b24app.doors import replay
from b24app.messaging import bell, tasks
from b24app.messaging.board import Board

log = structlog.get_logger(__name__)

GONE_AFTER = 18.0  # seconds
LOOK_EVERY = 15.0  # seconds
NOBODY_SWEEPS = 60.0


@worker_ready.connect
def begin(**_: Any) -> None:
    rarely_collect()
    replay.keep_replaying()
    threading.Thread(target=Board(tasks.left).run, name="board").start()
    threading.Thread(target=_sweep_when_nobody_does, name="sweep-when-nobody-does", daemon=True).start()


@worker_shutting_down.connect
@worker_shutdown.connect
def end(**_: Any) -> None:
    """Asked to stop, or ended by itself: a worker that cannot hear its queue must not live on without ears."""
    if stopping.asked():
        return
    stopping.ask()
    late = threading.Timer(GONE_AFTER, os._exit, [0])
    late.daemon = True
    late.start()


def _sweep_when_nobody_does() -> None:
    while not stopping.wait(LOOK_EVERY):
        try:
            if bell.seconds_since_sweep() > NOBODY_SWEEPS:
                tasks.look_round()
        except Exception as error:  # noqa: BLE001 - this thread must outlive whatever happens
            log.warning("sweep_failed", error=type(error).__name__)
        finally:
            connections.close_all()
