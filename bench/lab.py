"""Where it is measured: private stores, the stub, and the processes of either side, all stopped at the end."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import psycopg
from redis import Redis

from b24app.operations.local import environment, processes
from b24app.operations.local.embedded import Postgres, RedisServer, run_server, temporary_folder
from b24app.operations.local.supervisor import free_port
from bench import usage
from bench.procfile import ROOT, START_SECONDS, ProcessGroup, production_settings
from bench.service import Stub

BASELINE = "baseline"


class Unfinished(Exception):
    """A measurement did not come to its end in time; the text says how far it got."""


@dataclass
class Lab:
    """The stores, the stub, and what runs at the moment, by name."""

    folder: Path
    database: Postgres
    redis: RedisServer
    stub: Stub
    stub_process: Popen[bytes]
    web_port: int
    webhooks_port: int
    env: Mapping[str, str]
    baseline_env: Mapping[str, str]
    running: ProcessGroup

    @property
    def calls_port(self) -> int:
        """Where handler calls and reports go now: to the webhooks' process if it runs, as a proxy would route them."""
        return self.webhooks_port if "webhooks" in self.running.children else self.web_port

    def run(self, name: str, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        """Run `python <arguments>` to its end; raises processes.NotReady."""
        child = processes.spawn_process(
            [sys.executable, *arguments], log=self.running.log_file(name), env=env, cwd=ROOT
        )
        try:
            processes.wait_until(
                lambda: child.poll() == 0, child, name=name, log=self.running.log_file(name), seconds=START_SECONDS
            )
        finally:
            processes.stop_process(child, seconds=0)

    @contextmanager
    def serving(self, commands: Mapping[str, str], env: Mapping[str, str]) -> Iterator[None]:
        """Run shell commands by name on an empty queue, with logs of their own, and stop them at the end."""
        with Redis.from_url(self.redis.url) as client:
            client.flushall()
        self.stub.clear()
        for name in commands:
            self.running.log_file(name).unlink(missing_ok=True)
        try:
            self.running.start(commands, env)
            yield
        finally:
            self.running.stop()

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far of each process with its children, of the stores, the stub and the bench itself."""
        pids = {name: child.pid for name, child in self.running.children.items()}
        postmaster = int((self.database.home / "data" / "postmaster.pid").read_text().split()[0])
        others = {"postgres": postmaster, "stub": self.stub_process.pid, "load": os.getpid()}
        redis = int((self.redis.home / "redis.pid").read_text())
        found = {name: usage.cpu(pid) for name, pid in {**pids, **others, "redis": redis}.items()}
        return {**found, "load": usage.cpu(os.getpid(), alone=True)}

    def memory(self) -> dict[str, float]:
        """PSS in MB of each running process with its children."""
        return {name: usage.pss(child.pid) for name, child in self.running.children.items()}

    def sql(self, query: str, *values: object, database: str = "") -> None:
        """Change rows of the application's database, or of another on the same server."""
        url = self.database.url if not database else baseline_url(self.database.url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(query.encode(), values)

    def wait(self, happened: Callable[[], bool], seconds: float, told: Callable[[], str]) -> None:
        """Wait until it happened; raises Unfinished with what `told` says."""
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                raise Unfinished(f"not within {seconds:.0f} s: {told()}")
            ended = self.running.find_ended()
            if ended:
                raise Unfinished(f"{ended[0]} ended:\n{processes.read_tail(self.running.log_file(ended[0]))}")
            time.sleep(0.2)


def baseline_url(url: str) -> str:
    """Return the straightforward design's own database on the same server."""
    return url.replace("/sendline?", f"/{BASELINE}?")


@contextmanager
def open_lab() -> Iterator[Lab]:
    """Start durable stores and the stub in a temporary folder, on free ports; bring both databases up to date."""
    with temporary_folder() as folder, ExitStack() as stack:
        database, redis = Postgres(folder, durable=True), RedisServer(folder)
        stack.enter_context(run_server(database))
        stack.enter_context(run_server(redis))
        stub_process = processes.spawn_process(
            [sys.executable, "-m", "bench.stub", "--folder", str(folder)], log=folder / "logs" / "stub.log", cwd=ROOT
        )
        stack.callback(processes.stop_process, stub_process)
        stub = _when_ready(stub_process, folder / "logs" / "stub.log")
        port, webhooks_port = free_port(0), free_port(0)
        urls = {"DATABASE_URL": database.url, "REDIS_URL": redis.url}
        env = {
            **environment.build_environment(folder, urls=urls, app_port=port, oauth_port=stub.tls),
            **production_settings(port, webhooks_port),
            "EXTRA_CA_FILE": str(folder / "ca.pem"),
        }
        ours = {**env, "DJANGO_SETTINGS_MODULE": "b24app.settings"}
        theirs = {**env, "DJANGO_SETTINGS_MODULE": "bench.baseline.settings"}
        theirs |= {"DATABASE_URL": baseline_url(database.url), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
        group = ProcessGroup(logs=folder / "logs")
        lab = Lab(folder, database, redis, stub, stub_process, port, webhooks_port, ours, theirs, group)
        lab.sql(f"CREATE DATABASE {BASELINE}")
        lab.run("migrate", ["manage.py", "migrate", "--noinput"], ours)
        lab.run("build", ["-m", "b24app.operations.build"], ours)
        lab.run("baseline", ["-m", "django", "migrate", "--run-syncdb"], {**theirs, "PYTHONPATH": str(ROOT)})
        yield lab


def _when_ready(process: Popen[bytes], log: Path) -> Stub:
    processes.wait_until(
        lambda: "ready" in processes.read_tail(log), process, name="stub", log=log, seconds=START_SECONDS
    )
    ports = dict(word.split("=") for word in processes.read_tail(log).split() if "=" in word)
    return Stub(int(ports["sms"]), int(ports["tls"]))
