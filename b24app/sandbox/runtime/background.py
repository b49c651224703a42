"""Work done beside the requests: a few worker threads and one thread that runs timers."""

import heapq
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)
_WORKERS = 16

Job = Callable[[], None]


class Background:
    """A pool of workers with timers; `stop` drops pending jobs. All threads are daemons and never block an exit."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._stopped = False

    def start(self) -> None:
        """Start the worker threads and the clock."""
        for number in range(_WORKERS):
            threading.Thread(target=self._run_jobs, name=f"sandbox-worker-{number}", daemon=True).start()
        threading.Thread(target=self._run_timers, name="sandbox-clock", daemon=True).start()

    def stop(self) -> None:
        """Start no more jobs."""
        with self._wake:
            self._stopped = True
            self._timers.clear()
            self._wake.notify()
        for _ in range(_WORKERS):
            self._jobs.put(None)

    def run_soon(self, job: Job) -> None:
        """Run `job` as soon as a worker is free."""
        self._jobs.put(job)

    def run_later(self, seconds: float, job: Job) -> None:
        """Run `job` on a worker after `seconds`."""
        if seconds <= 0:
            self.run_soon(job)
            return
        with self._wake:
            heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), job))
            self._wake.notify()

    def _run_timers(self) -> None:
        with self._wake:
            while not self._stopped:
                while self._timers and self._timers[0][0] <= time.monotonic():
                    self._jobs.put(heapq.heappop(self._timers)[2])
                self._wake.wait(self._timers[0][0] - time.monotonic() if self._timers else None)

    def _run_jobs(self) -> None:
        while (job := self._jobs.get()) is not None and not self._stopped:
            try:
                job()
            except Exception:  # noqa: BLE001 - one failing job must not end the worker
                _log.exception("a background job of the sandbox failed")
