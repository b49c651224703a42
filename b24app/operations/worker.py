"""What every worker process does besides its tasks: drains, replays the spool, sweeps when nobody else does.

Asked to stop, it is gone within 20 seconds: the board brings home what is in the air or writes down that it could not,
and whatever else still waits for somebody by then is safe in the database.
"""

import threading
from typing import Any

import structlog
from celery import bootsteps
from celery.signals import worker_shutdown, worker_shutting_down
from django.db import connections

from b24app.celery import app
from b24app.core import shutdown
from b24app.core.gc_tuning import reduce_collections
from b24app.messaging import enqueue, tasks
from b24app.messaging.dispatch.dispatcher import Dispatcher
from b24app.operations.starting import check_can_start
from b24app.webhooks import spool_replay

log = structlog.get_logger(__name__)

EXIT_WITHIN = 18.0  # seconds
SWEEP_CHECK_INTERVAL = 15.0  # seconds
SWEEP_OVERDUE_AFTER = 60.0


class WorkerThreads(bootsteps.StartStopStep):
    """The worker's own threads: started before it hears its queue, and waited for before the interpreter ends.

    A signal would do neither: Celery goes on where a receiver breaks. And once the main thread is at its end, Python
    lets nobody start a flight any more, while the board is about to.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.board: threading.Thread | None = None

    def start(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Raise SystemExit where this process could not do its work: Celery ends then."""
        check_can_start()
        reduce_collections()
        spool_replay.keep_replaying()
        self.board = shutdown.start_essential(Dispatcher(tasks.left).run, name="board")
        threading.Thread(target=_sweep_when_overdue, name="sweep-when-nobody-does", daemon=True).start()

    def stop(self, parent: Any) -> None:
        """Return when the board has brought home what it could."""
        request_stop()
        if self.board is not None:
            self.board.join()
        parent.exitcode = parent.exitcode or shutdown.exit_code()

    def terminate(self, parent: Any) -> None:
        """As asked to in a hurry: no other way is safe."""
        self.stop(parent)


app.steps["worker"].add(WorkerThreads)


@worker_shutting_down.connect
@worker_shutdown.connect
def request_stop(**_: Any) -> None:
    """Asked to stop, or ended by itself: a worker that cannot hear its queue must not live on without ears."""
    if not shutdown.is_requested():
        shutdown.request_shutdown()
        shutdown.exit_after(EXIT_WITHIN)


def _sweep_when_overdue() -> None:
    while not shutdown.wait_for_request(SWEEP_CHECK_INTERVAL):
        try:
            if enqueue.seconds_since_sweep() > SWEEP_OVERDUE_AFTER:
                tasks.look_round()
        except Exception as error:  # noqa: BLE001 - this thread must outlive whatever happens
            log.warning("sweep_failed", error=type(error).__name__)
        finally:
            connections.close_all()
