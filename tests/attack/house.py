"""The house under attack: the Procfile's own processes on private stores, the sandbox, and who lives in it.

*beta* is the victim with an account at each kind of service, *alpha* the attacker's own portal, which he administers.
"""

import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import Popen
from urllib.parse import urljoin

from b24app.operations.local import environment, processes, visitor
from b24app.operations.local.embedded import Postgres, RedisServer, run_server, temporary_folder
from b24app.operations.local.journey import Journey
from b24app.operations.local.stack import ROOT, Stack
from b24app.operations.local.supervisor import Supervisor, free_port
from b24app.operations.local.visitor import Page, UnexpectedPage, Visitor
from bench import usage
from bench.lab import procfile
from tests.faults.conftest import House

PORTALS = ("alpha", "beta")
START_SECONDS, STOP_SECONDS = 60.0, 25.0
PREPARING = {"build", "release"}  # lines of the Procfile that come to an end
ALICE = 1
MOMENT = 10.0  # seconds
OPEN_FILES = 1024  # the usual limit of a service


@dataclass
class Family:
    """The Procfile's processes by name, each with its log; `env` is the application's."""

    folder: Path
    env: Mapping[str, str]
    commands: Mapping[str, str]
    children: dict[str, Popen[bytes]] = field(default_factory=dict)

    def log(self, name: str) -> Path:
        """Return the log of a process; all its lives write into one file."""
        return self.folder / "logs" / f"{name}.log"

    def start(self) -> None:
        """Start all, and wait until each door that listens answers; raises processes.NotReady."""
        for name, command in self.commands.items():
            limited = ["sh", "-c", f"ulimit -n {OPEN_FILES}; exec {command.removeprefix('exec ')}"]
            self.children[name] = processes.spawn_process(limited, log=self.log(name), env=self.env, cwd=ROOT)
        for name, port in self.ports().items():
            processes.wait_until(
                lambda port=port: answers(port),  # type: ignore[misc]  # bound at once
                self.children[name],
                name=name,
                log=self.log(name),
                seconds=START_SECONDS,
            )

    def ports(self) -> dict[str, int]:
        """Return the port of each process that listens for HTTP."""
        ports = {"web": int(self.env["PORT"]), "webhooks": int(self.env["WEBHOOKS_PORT"])}
        return {name: port for name, port in ports.items() if name in self.commands}

    def stop(self) -> None:
        """Ask all at once, wait, then kill what is left."""
        children = list(self.children.values())
        self.children.clear()
        for child in children:
            processes.send_signal(child)
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            processes.wait_or_kill(child, seconds=deadline - time.monotonic())

    def restart(self) -> None:
        """Stop and start all: what an attack left in their memory is gone."""
        self.stop()
        self.start()

    def ended(self) -> list[str]:
        """Return who is no longer there, without having been asked to go."""
        return [name for name, child in self.children.items() if child.poll() is not None]

    def memory(self) -> dict[str, float]:
        """Return the PSS in MB of every single process, named `web`, `web/1`, `web/2`…"""
        found: dict[str, float] = {}
        for name, child in self.children.items():
            for number, pid in enumerate(usage.tree(child.pid)):
                with suppress(OSError, StopIteration):
                    found[f"{name}/{number}" if number else name] = _pss(pid)
        return found


def _pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def answers(port: int) -> bool:
    """Tell whether somebody answers HTTP there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@dataclass
class Town:
    """The portals as houses on the same processes and stores, and the processes."""

    houses: Mapping[str, House]
    family: Family

    @property
    def alpha(self) -> House:
        return self.houses["alpha"]

    @property
    def beta(self) -> House:
        return self.houses["beta"]

    @property
    def spool(self) -> Path:
        return Path(self.family.env["SPOOL_DIR"])


@contextmanager
def opened() -> Iterator[Town]:
    """Open the house on free ports, with the application installed in both portals; all is stopped at the end."""
    with temporary_folder() as folder:
        # Without fsync a stopped PostgreSQL would lose what it had promised.
        database, redis = Postgres(folder / "stores", durable=True), RedisServer(folder / "stores")
        with run_server(database), run_server(redis):
            urls = {"DATABASE_URL": database.url, "REDIS_URL": redis.url}
            with _sandbox(folder, urls) as (stack, env), _family(folder, env) as family:
                house = House(stack, database, redis, folder)
                yield Town(_installed(house), family)


@contextmanager
def _sandbox(folder: Path, urls: Mapping[str, str]) -> Iterator[tuple[Stack, Mapping[str, str]]]:
    """Prepare the database and the files, and start the sandbox; hand out where all is, and the environment."""
    port, webhooks, portal, tls, sms = (free_port(0) for _ in range(5))
    env = {
        **environment.build_environment(folder, urls=urls, app_port=port, oauth_port=tls),
        **_production(port, webhooks),
    }
    supervisor = Supervisor(logs=folder / "logs", cwd=ROOT, env=env)
    (folder / "sandbox").mkdir()
    app = f"http://127.0.0.1:{port}"
    try:
        supervisor.run("migrate", ["manage.py", "migrate", "--noinput"])
        supervisor.run("build", ["-m", "b24app.operations.build"])
        ports = ["--http", str(portal), "--tls", str(tls), "--sms", str(sms)]
        log = supervisor.log_file("sandbox")
        supervisor.start(
            "sandbox",
            ["-m", "b24app.sandbox", *ports, "--state", folder / "sandbox", "--app", app],
            ready=lambda: log.exists() and "ready" in log.read_text(errors="replace"),
        )
        yield Stack(app, f"http://localhost:{portal}", f"http://127.0.0.1:{sms}", supervisor), env
    finally:
        supervisor.stop()


def _production(port: int, webhooks: int) -> dict[str, str]:
    """Return what differs from a development installation: production's, but for the addresses."""
    # No proxy stands before the two: what machines call is given out at the port of the process that is for them.
    machines = webhooks if "webhooks" in procfile() else port
    return {
        "PUBLIC_URL": f"http://127.0.0.1:{machines}",
        "WEBHOOKS_PORT": str(webhooks),
        "DEBUG": "false",
        "DEMO": "false",
        "PORT": str(port),
        "SPOOL_MAX_MB": "32",  # a sixteenth of what it is by default, so that it is full the sooner
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


@contextmanager
def _family(folder: Path, env: Mapping[str, str]) -> Iterator[Family]:
    commands = {name: command for name, command in procfile().items() if name not in PREPARING}
    family = Family(folder, env, commands)
    try:
        family.start()
        yield family
    finally:
        family.stop()


def _installed(house: House) -> dict[str, House]:
    found = visitor.fetch_page("GET", urljoin(house.run.portal, "/_/portals")).expect_status(200).json()["portals"]
    urls = {one["key"]: one["url"] for one in found}
    houses = {name: replace(house, run=replace(house.run, portal=urls[name])) for name in PORTALS}
    for one in houses.values():
        Journey(one.run, lambda *_: None).install_app()
    return houses


def connect(house: House, service: str, account: Mapping[str, str], signature: str = "Acme") -> str:
    """Connect an account as the portal's administrator and save a sender; return the sender's code."""
    alice, home = open_as(house, ALICE)
    page = alice.get(urljoin(home.url, f"senders/connect/{service}/"))
    typed = {f"account-{name}": value for name, value in account.items()}
    saved = alice.submit(page, visitor.find_form_to(page, f"/senders/connect/{service}/"), **typed)
    form = visitor.find_form_with(saved, "sender-name_en")
    # By its name it is found again, though others may be connecting at the same moment.
    name = f"{service} {secrets.token_hex(4)}"
    names = {"sender-name_en": name, "sender-name_ru": name}
    if "sender-signature" in form.fields:
        names["sender-signature"] = signature
    alice.submit(saved, form, **names)
    # Where the portal answers late, its sender is registered a little later.
    visitor.wait_for(lambda: bool(_code(house, name)), f"a sender of {service}", seconds=MOMENT)
    return _code(house, name)


def _code(house: House, name: str) -> str:
    """Return the code of the sender with this name, "" if the portal has none."""
    return next((str(one["code"]) for one in house.state()["senders"] if name in str(one)), "")


def open_as(house: House, user: int) -> tuple[Visitor, Page]:
    """Open the application as one of the portal's people; return the browser and its first screen.

    A portal that opens it too often at once is told to come again in a moment: attacks in company do that.
    """
    end = time.monotonic() + MOMENT
    while True:
        browser, frame = Visitor(), house.ask("frame", user=user)
        try:
            return browser, browser.launch(frame["action"], frame["fields"])
        except UnexpectedPage:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


def account_of(house: House, code: str) -> str:
    """Return the address part (uuid in hex) of the account behind a sender."""
    query = (
        "SELECT c.uuid FROM messaging_sender s JOIN messaging_connection c ON c.id = s.connection_id WHERE s.code = %s"
    )
    [(uuid,)] = house.sql(query, code)
    return str(uuid.hex)


def handler(house: House, code: str) -> str:
    """Return the address that a portal was given for a sender."""
    return next(str(one["handler"]) for one in house.state()["senders"] if one["code"] == code)
