"""The whole application and its sandbox, started in order: stores, database, sandbox, web, worker, smpp, beat."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from b24app.operations import translations
from b24app.operations.local import environment
from b24app.operations.local.embedded import stores
from b24app.operations.local.supervisor import Supervisor, free_port

ROOT = Path(__file__).resolve().parents[3]
QUEUES = "dispatch,slow,push,care"
CELERY = ("-m", "celery", "-A", "b24app")


@dataclass(frozen=True)
class Ports:
    """The ports of the application and of the sandbox's portal pages, REST and OAuth (TLS), and SMS service."""

    app: int = 8000
    portal: int = 8001
    tls: int = 8444
    sms: int = 8002

    def replace_taken(self) -> "Ports":
        """Return the same ports, each replaced where another process holds it."""
        return Ports(free_port(self.app), free_port(self.portal), free_port(self.tls), free_port(self.sms))


@dataclass(frozen=True)
class Stack:
    """A running application: its addresses and the supervisor of its processes."""

    app: str
    portal: str
    sms: str
    supervisor: Supervisor
    redis: str = ""
    database: str = ""


@contextmanager
def run_stack(local: Path, ports: Ports, *, durable: bool, say: Callable[[str], None]) -> Iterator[Stack]:
    """Start everything with its data, keys and logs in `local`, which is created; stop it all at the end.

    Raise processes.NotReady or embedded.Busy; `say` is called with each step. Ports in use are replaced.
    """
    local.mkdir(mode=0o711, parents=True, exist_ok=True)
    (local / "sandbox").mkdir(exist_ok=True)
    say("starting PostgreSQL and Redis")
    with stores(local, durable=durable) as urls:
        ports = ports.replace_taken()
        env = environment.build_environment(local, urls=urls, app_port=ports.app, oauth_port=ports.tls)
        supervisor = Supervisor(logs=local / "logs", cwd=ROOT, env=env)
        try:
            _prepare_database(supervisor, say)
            _start_processes(supervisor, local, ports, say)
            yield Stack(
                app=env["PUBLIC_URL"],
                portal=f"http://localhost:{ports.portal}",
                sms=f"http://127.0.0.1:{ports.sms}",
                supervisor=supervisor,
                redis=env["REDIS_URL"],
                database=env["DATABASE_URL"],
            )
        finally:
            supervisor.stop()


def _prepare_database(supervisor: Supervisor, say: Callable[[str], None]) -> None:
    say("bringing the database up to date")
    supervisor.run("migrate", ["manage.py", "migrate", "--noinput", "--verbosity", "1"])
    say("compiling translations")
    translations.compile_catalogues()


def _start_processes(supervisor: Supervisor, local: Path, ports: Ports, say: Callable[[str], None]) -> None:
    say("starting the sandbox portal and SMS service")
    start_sandbox(supervisor, local, ports)
    say("starting the application: web, worker, smpp, beat")
    start_worker(supervisor)
    start_smpp(supervisor)
    start_beat(supervisor)
    start_web(supervisor, ports.app)


def start_sandbox(supervisor: Supervisor, local: Path, ports: Ports) -> None:
    """Start the sandbox portal and SMS service, and wait until they answer; their state is kept in `local`."""
    sandbox = ["-m", "b24app.sandbox", "--http", str(ports.portal), "--tls", str(ports.tls), "--sms", str(ports.sms)]
    supervisor.start(
        "sandbox",
        [*sandbox, "--state", local / "sandbox", "--app", f"http://127.0.0.1:{ports.app}"],
        ready=lambda: _is_sandbox_ready(supervisor.log_file("sandbox")),
    )


def start_web(supervisor: Supervisor, port: int, name: str = "web", *, wait: bool = True) -> None:
    """Start the web server, and `wait` until it answers; `name` tells several apart.

    Without a proxy in front it serves webhooks too; they have threads of their own.
    """
    web = ["-m", "b24app.server", "b24app.wsgi", "--port", str(port), "--threads", "16"]
    supervisor.start(name, web, ready=(lambda: is_answering(port)) if wait else None)


def start_worker(supervisor: Supervisor, name: str = "worker", queues: str = QUEUES, threads: int = 16) -> None:
    """Start a worker, by default for all queues."""
    options = ["-P", "threads", "-c", str(threads), "-Q", queues, "-n", f"{name}@%h"]
    supervisor.start(name, [*CELERY, "worker", *options])


def start_smpp(supervisor: Supervisor, name: str = "smpp") -> None:
    """Start a process that keeps SMPP accounts bound."""
    supervisor.start(name, ["manage.py", "smpp"])


def start_beat(supervisor: Supervisor, name: str = "beat") -> None:
    """Start Celery beat."""
    supervisor.start(name, [*CELERY, "beat"])


def _is_sandbox_ready(log: Path) -> bool:
    return log.exists() and any(line.startswith("ready") for line in log.read_text(errors="replace").splitlines())


def is_answering(port: int) -> bool:
    """Return whether the application answers on this port, and not with an error of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/app/")
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
