"""Where it is measured: private stores, the stub, and the processes of either side, all stopped at the end."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import Popen

import psycopg
from redis import Redis

from b24app.operations.local import environment, processes
from b24app.operations.local.embedded import Postgres, RedisServer, run_server, temporary_folder
from b24app.operations.local.supervisor import free_port
from bench import usage
from bench.service import Stub

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS, STOP_SECONDS = 60, 25
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
    running: dict[str, Popen[bytes]] = field(default_factory=dict)

    @property
    def calls_port(self) -> int:
        """Where handler calls and reports go now: to the webhooks' process if it runs, as a proxy would route them."""
        return self.webhooks_port if "webhooks" in self.running else self.web_port

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.folder / "logs" / f"{name}.log"

    def run(self, name: str, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        """Run `python <arguments>` to its end; raises processes.NotReady."""
        child = processes.spawn_process([sys.executable, *arguments], log=self.log(name), env=env, cwd=ROOT)
        try:
            processes.wait_until(lambda: child.poll() == 0, child, name=name, log=self.log(name), seconds=START_SECONDS)
        finally:
            processes.stop_process(child, seconds=0)

    @contextmanager
    def serving(self, commands: Mapping[str, str], env: Mapping[str, str]) -> Iterator[None]:
        """Shell commands by name, started on an empty queue and stopped at the end; servers have to answer first."""
        with Redis.from_url(self.redis.url) as client:
            client.flushall()
        self.stub.clear()
        try:
            for name, command in commands.items():
                self.log(name).unlink(missing_ok=True)
                self.running[name] = processes.spawn_process(
                    ["sh", "-c", command], log=self.log(name), env=env, cwd=ROOT
                )
            for name, port in {"web": self.web_port, "webhooks": self.webhooks_port}.items():
                if name in commands:
                    self._wait_for(name, port)
            yield
        finally:
            children = list(self.running.values())
            self.running.clear()
            for child in children:
                processes.send_signal(child)
            deadline = time.monotonic() + STOP_SECONDS
            for child in children:
                processes.wait_or_kill(child, seconds=deadline - time.monotonic())

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far of each process with its children, of the stores, the stub and the bench itself."""
        pids = {name: child.pid for name, child in self.running.items()}
        postmaster = int((self.database.home / "data" / "postmaster.pid").read_text().split()[0])
        others = {"postgres": postmaster, "stub": self.stub_process.pid, "load": os.getpid()}
        redis = int((self.redis.home / "redis.pid").read_text())
        found = {name: usage.cpu(pid) for name, pid in {**pids, **others, "redis": redis}.items()}
        return {**found, "load": usage.cpu(os.getpid(), alone=True)}

    def memory(self) -> dict[str, float]:
        """PSS in MB of each running process with its children."""
        return {name: usage.pss(child.pid) for name, child in self.running.items()}

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
            ended = [name for name, child in self.running.items() if child.poll() is not None]
            if ended:
                raise Unfinished(f"{ended[0]} ended:\n{processes.read_tail(self.log(ended[0]))}")
            time.sleep(0.2)

    def _wait_for(self, name: str, port: int) -> None:
        server = self.running[name]
        processes.wait_until(lambda: _answers(port), server, name=name, log=self.log(name), seconds=START_SECONDS)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def procfile() -> dict[str, str]:
    """The application's own commands as they stand, on the loopback address."""
    lines = (line.partition(": ") for line in (ROOT / "Procfile").read_text().splitlines() if ": " in line)
    return {name: command.replace("0.0.0.0", "127.0.0.1") for name, _, command in lines}


def baseline_url(url: str) -> str:
    """The straightforward design's own database on the same server."""
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
        env = _environment(folder, port, stub, {"DATABASE_URL": database.url, "REDIS_URL": redis.url})
        ours = {**env, "DJANGO_SETTINGS_MODULE": "b24app.settings", "WEBHOOKS_PORT": str(webhooks_port)}
        ours["PUBLIC_URL"] = f"http://127.0.0.1:{webhooks_port}"  # no proxy stands before the two
        theirs = {**env, "DJANGO_SETTINGS_MODULE": "bench.baseline.settings"}
        theirs["DATABASE_URL"] = baseline_url(database.url)
        lab = Lab(folder, database, redis, stub, stub_process, port, webhooks_port, ours, theirs)
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


def _environment(folder: Path, port: int, stub: Stub, urls: Mapping[str, str]) -> dict[str, str]:
    """Production's, but for the addresses."""
    development = environment.build_environment(folder, urls=urls, app_port=port, oauth_port=stub.tls)
    return {
        **development,
        "DEBUG": "false",
        "DEMO": "false",
        "PORT": str(port),
        "EXTRA_CA_FILE": str(folder / "ca.pem"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
