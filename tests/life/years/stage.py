"""One process with everything in it: portals over HTTPS, the application over HTTP, and what its workers would do.

Nothing happens by itself: timers of the sandbox and tasks of the application are run in the order of their time by
`pass_time`, in this thread.
"""

import heapq
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import trustme
from django.conf import settings
from django.db import connection as database
from werkzeug.serving import WSGIRequestHandler, make_server

from b24app.celery import app as celery
from b24app.core.redis import redis_client
from b24app.messaging import enqueue, isolated_steps, tasks
from b24app.sandbox import Sandbox
from b24app.sandbox.runtime.background import Background, Job
from b24app.webhooks import page_forms
from b24app.webhooks import wsgi as webhooks
from tests.life.years.clock import HOUR, Clock
from tests.messaging import steps

DRAIN, NOTIFY = "b24app.messaging.tasks.drain", "b24app.messaging.tasks.notify"
STEP = 12 * HOUR
SOON, ROUTINE = 60.0, 600.0  # seconds: beat sweeps every ten and runs the maintenance every three hundred
# When rows are due that no task waits for: then, and not before, a sweep finds something.
NEXT_DUE = """
SELECT at, why FROM (
    SELECT 'status' AS why, greatest(m.push_at, p.push_after, p.rest_after, p.suspended_until,
            CASE WHEN p.no_token_since IS NOT NULL THEN p.token_retry_at END) AS at
        FROM messaging_message m JOIN portals_portal p ON p.id = m.portal_id
        WHERE m.push_at IS NOT NULL AND p.uninstalled_at IS NULL
    UNION ALL SELECT 'message', due_at FROM messaging_message WHERE phase = 'waiting'
    UNION ALL SELECT 'poll', poll_at FROM messaging_message WHERE poll_at IS NOT NULL
    UNION ALL SELECT 'job', greatest(j.due_at, p.rest_after)
        FROM messaging_maintenancejob j JOIN portals_portal p ON p.id = j.portal_id
        WHERE j.is_urgent AND p.uninstalled_at IS NULL AND p.no_token_since IS NULL AND p.suspension = ''
    UNION ALL SELECT 'probe', suspended_until FROM portals_portal WHERE suspension <> '' AND uninstalled_at IS NULL
    UNION ALL SELECT 'event', due_at FROM messaging_appevent
    UNION ALL SELECT 'erasure', erase_at FROM portals_portal WHERE uninstalled_at IS NOT NULL
) AS due WHERE at > %s ORDER BY at LIMIT 1
"""


class Agenda(Background):
    """Timers that whoever drives the simulation runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._jobs_ahead, self._numbers = clock, list[tuple[float, int, Job]](), itertools.count()
        self._held = threading.Lock()

    def start(self) -> None:
        """Begin nothing: no thread is needed."""

    def stop(self) -> None:
        self._jobs_ahead.clear()

    def run_soon(self, job: Job) -> None:
        self.run_later(0.0, job)

    def run_later(self, seconds: float, job: Job) -> None:
        with self._held:
            heapq.heappush(self._jobs_ahead, (self._clock.now() + max(seconds, 0.0), next(self._numbers), job))

    @property
    def next_at(self) -> float:
        return self._jobs_ahead[0][0] if self._jobs_ahead else float("inf")

    def run_next(self) -> None:
        with self._held:
            job = heapq.heappop(self._jobs_ahead)[2]
        job()


class _Silent(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing: thousands of requests are made."""


class Stage:
    """The running simulation; `folder` is for certificates and for state that nobody reads."""

    def __init__(self, start: float, folder: Path, hosts: list[str]) -> None:
        self._exit = ExitStack()
        redis_client().flushdb()
        self.clock = Clock(start, _age_redis)
        self.clock.install()
        self.agenda, self.queue = Agenda(self.clock), Agenda(self.clock)
        self.reasons: Counter[str] = Counter()  # of sweeps between the regular ones
        celery.send_task = self._take_task  # type: ignore[assignment,method-assign] # our queue is run by `pass_time`
        server = make_server(
            "127.0.0.1", 0, webhooks.route_webhooks(page_forms.PagesHandler()), request_handler=_Silent
        )
        threading.Thread(target=server.serve_forever, name="application", daemon=True).start()
        self._exit.callback(server.shutdown)
        settings.PUBLIC_URL = f"http://127.0.0.1:{server.server_port}"
        _write_certificates(folder, hosts)
        self.box = Sandbox(folder, settings.PUBLIC_URL)
        self.box.world.portals.clear()
        self.box.world.running.clear()
        self.box.world.background = self.agenda
        self.box.start()
        self.box.world.on_change = None
        self._exit.callback(self.box.stop)
        settings.B24_CLIENT_ID, settings.B24_CLIENT_SECRET = self.box.world.client_id, self.box.world.client_secret
        settings.B24_OAUTH_HOSTS = list(self.box.world.oauth_hosts)
        settings.EXTRA_CA_FILE, settings.ALLOWED_PRIVATE_NETWORKS = self.box.ca_file, ["127.0.0.0/8"]

    def close(self) -> None:
        self._exit.close()
        redis_client().flushdb()

    def pass_time(self, until: float) -> None:
        """Run what is due until then, each at its time."""
        while (due := min(self.agenda.next_at, self.queue.next_at)) <= until:
            self.clock.jump_to(due)
            (self.agenda if self.agenda.next_at <= self.queue.next_at else self.queue).run_next()
        self.clock.jump_to(until)

    def live_step(self, end: float, act: Callable[[], bool]) -> None:
        """Let some hours pass: what people and portals do, and what beat and the workers do about it.

        Where nothing happened and nothing is due, a sweep would find nothing.
        """
        if act():
            self.sweep_at(self.clock.now() + SOON)
            self.pass_time(self.clock.now() + ROUTINE)
            tasks.run_maintenance()
        while (due := max(self._next_due(), self.clock.now() + SOON)) < end:
            self.sweep_at(due)
        self.pass_time(end)

    def sweep_at(self, moment: float) -> None:
        self.pass_time(moment)
        if enqueue.begin_sweep():
            isolated_steps.run_steps(tasks.SWEEP)
        self.pass_time(self.clock.now())

    def _next_due(self) -> float:
        with database.cursor() as cursor:
            cursor.execute(NEXT_DUE, [datetime.fromtimestamp(self.clock.now(), UTC)])
            found = cursor.fetchone()
        if found is None:
            return float("inf")
        self.reasons[found[1]] += 1
        return float(found[0].timestamp())

    def _take_task(self, name: str, args: Any = None, *, countdown: float | None = None, **_: object) -> None:
        if name == NOTIFY and countdown:
            return  # what was told is looked at every minute for as long as it lasts: here, by the sweeps alone
        self.queue.run_later(countdown or 0.0, partial(_run_task, name, list(args or [])))


def _run_task(name: str, args: list[Any]) -> None:
    if name != DRAIN:
        celery.tasks[name](*args)
        return
    for delay in enqueue.Delay:
        enqueue.clear("drain", args[0], delay)
    tasks.enqueue_next_visit(steps.drain(args[0]))


def _age_redis(seconds: float) -> None:
    """Let Redis forget what would have expired by now."""
    client, gone = redis_client(), round(seconds * 1000)
    keys = list(client.scan_iter(count=1000))
    for key, left in zip(keys, map(client.pttl, keys), strict=True):
        if 0 <= left <= gone:
            client.delete(key)
        elif left > gone:
            client.pexpire(key, left - gone)


def _write_certificates(folder: Path, hosts: list[str]) -> None:
    authority = trustme.CA(organization_name="Sendline sandbox")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    own = authority.issue_cert("127.0.0.1", "127.0.0.20", *hosts)
    own.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
