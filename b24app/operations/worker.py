"""What every worker process does besides its tasks: dispatch, replay the spool, sweep when nobody else does.

After a request to stop it exits within 20 seconds: the dispatcher finishes the requests in flight or records that it
could not, and all other work is safe in the database.
"""

import threading
from typing import Any

import structlog
from celery import bootsteps
from celery.signals import beat_init, task_postrun, task_prerun, worker_shutdown, worker_shutting_down
from django.db import connections

from b24app.celery import app
from b24app.core import shutdown
from b24app.core.gc_tuning import reduce_collections
from b24app.messaging import enqueue, tasks
from b24app.messaging.dispatch.dispatcher import Dispatcher
from b24app.operations.monitoring import canary, monitor
from b24app.operations.schema import wait_for_migrations
from b24app.operations.starting import check_can_start
from b24app.webhooks import spool_replay

log = structlog.get_logger(__name__)

EXIT_WITHIN = 18.0  # seconds
SWEEP_CHECK_INTERVAL = 15.0  # seconds
SWEEP_OVERDUE_AFTER = 60.0
# What the first argument of a task is, by the name that the task is registered under.
TASK_SUBJECTS = dict.fromkeys(("drain", "poll"), "connection") | dict.fromkeys(
    ("push", "maintain", "reconcile", "erase_portal", "copies", "note", "notify", "names", "crm_names", "ask"), "portal"
)


class WorkerThreads(bootsteps.StartStopStep):
    """The worker's own threads: started before it consumes its queue, joined before the interpreter ends.

    A signal would do neither: Celery continues when a receiver raises. And once the main thread has ended, Python
    starts no more threads, which the dispatcher may still need.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.dispatcher: threading.Thread | None = None

    def start(self, parent: Any) -> None:
        """Start the threads; raise SystemExit, which ends Celery, where this process could not do its work."""
        check_can_start()
        wait_for_migrations()
        reduce_collections()
        spool_replay.keep_replaying()
        dispatcher = Dispatcher(tasks.enqueue_next_visit)
        self.dispatcher = shutdown.start_essential(dispatcher.run, name="dispatcher")
        monitor.keep_monitoring(role_of(parent), dispatcher.leases.holder)
        threading.Thread(target=_sweep_when_overdue, name="sweep-when-overdue", daemon=True).start()

    def stop(self, parent: Any) -> None:
        """Return when the dispatcher has finished what it could."""
        request_stop()
        if self.dispatcher is not None:
            self.dispatcher.join()
        parent.exitcode = parent.exitcode or shutdown.exit_code()

    def terminate(self, parent: Any) -> None:
        """Stop as usual: no faster way is safe."""
        self.stop(parent)


app.steps["worker"].add(WorkerThreads)


def role_of(worker: Any) -> str:
    """Return what a worker is by the queues it consumes; one that consumes those of both is both."""
    queues = set(worker.app.amqp.queues.consume_from)
    roles = {"worker": canary.DISPATCH, "pusher": canary.PUSH}
    return "+".join(role for role, queue in roles.items() if queue in queues) or "worker"


@task_prerun.connect
def name_task_in_log(task: Any, task_id: str, args: Any, **_: Any) -> None:
    """Put a task's name, id and what it is about into each line of its thread."""
    name = str(task.name).rpartition(".")[2]
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task=name, task_id=task_id)
    subject = TASK_SUBJECTS.get(name)
    if subject and args and isinstance(args[0], int):
        structlog.contextvars.bind_contextvars(**{subject: args[0]})


@task_postrun.connect
def forget_task_in_log(**_: Any) -> None:
    """Take them out again: threads are used for one task after the other."""
    structlog.contextvars.clear_contextvars()


@beat_init.connect
def watch_beat(**_: Any) -> None:
    """Have beat watch itself, too."""
    monitor.keep_monitoring("beat")


@worker_shutting_down.connect
@worker_shutdown.connect
def request_stop(**_: Any) -> None:
    """Request shutdown, also when Celery ends by itself: a worker that cannot consume its queue must not live on."""
    if not shutdown.is_requested():
        shutdown.request_shutdown()
        shutdown.exit_after(EXIT_WITHIN)


def _sweep_when_overdue() -> None:
    while not shutdown.wait_for_request(SWEEP_CHECK_INTERVAL):
        try:
            if enqueue.seconds_since_sweep() > SWEEP_OVERDUE_AFTER:
                tasks.run_sweep()
        except Exception as error:  # noqa: BLE001 - this thread must survive any error
            log.warning("sweep_failed", error=type(error).__name__)
        finally:
            connections.close_all()
