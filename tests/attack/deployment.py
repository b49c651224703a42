"""The house under attack: the Procfile's own processes on private stores, the sandbox, and who lives in it.

*beta* is the victim with an account at each kind of service, *alpha* the attacker's own portal, which he administers.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urljoin

from b24app.operations.local import environment, visitor
from b24app.operations.local.embedded import Postgres, RedisServer, run_server, temporary_folder
from b24app.operations.local.journey import Journey
from b24app.operations.local.stack import ROOT, Stack
from b24app.operations.local.supervisor import Supervisor, free_port
from b24app.operations.local.visitor import Page, UnexpectedPage, Visitor
from bench import usage
from bench.procfile import ProcessGroup, production_settings, read_procfile
from tests.faults.house import House

PORTALS = ("alpha", "beta")
PREPARING = {"build", "release"}  # lines of the Procfile that come to an end
ALICE = 1
MOMENT = 10.0  # seconds
OPEN_FILES = 1024  # the usual limit of a service


@dataclass(kw_only=True)
class ProcfileGroup(ProcessGroup):
    """The Procfile's processes; `env` is the application's."""

    env: Mapping[str, str]
    commands: Mapping[str, str]

    def restart(self) -> None:
        """Stop and start all: whatever an attack left in their memory is gone."""
        self.stop()
        self.start_all()

    def start_all(self) -> None:
        """Start all with the usual limit of open files; raise processes.NotReady."""
        limit = f"ulimit -n {OPEN_FILES}; exec"
        limited = {name: f"{limit} {command.removeprefix('exec ')}" for name, command in self.commands.items()}
        self.start(limited, self.env)

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


@dataclass
class Deployment:
    """The portals as houses on the same processes and stores, and the processes."""

    houses: Mapping[str, House]
    processes: ProcfileGroup

    @property
    def alpha(self) -> House:
        return self.houses["alpha"]

    @property
    def beta(self) -> House:
        return self.houses["beta"]

    @property
    def spool(self) -> Path:
        return Path(self.processes.env["SPOOL_DIR"])


@contextmanager
def run_deployment() -> Iterator[Deployment]:
    """Open the house on free ports, with the application installed in both portals; all is stopped at the end."""
    with temporary_folder() as folder:
        # Without fsync a stopped PostgreSQL would lose what it had promised.
        database, redis = Postgres(folder / "stores", durable=True), RedisServer(folder / "stores")
        with run_server(database), run_server(redis):
            urls = {"DATABASE_URL": database.url, "REDIS_URL": redis.url}
            with _sandbox(folder, urls) as (stack, env), _run_processes(folder, env) as group:
                house = House(stack, database, redis, folder)
                yield Deployment(_install_portals(house), group)


@contextmanager
def _sandbox(folder: Path, urls: Mapping[str, str]) -> Iterator[tuple[Stack, Mapping[str, str]]]:
    """Prepare the database and the files, and start the sandbox; hand out where all is, and the environment."""
    port, webhooks, portal, tls, sms = (free_port(0) for _ in range(5))
    env = {
        **environment.build_environment(folder, urls=urls, app_port=port, oauth_port=tls),
        **production_settings(port, webhooks),
        "SPOOL_MAX_MB": "32",  # a sixteenth of the default, so that it is full sooner
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


@contextmanager
def _run_processes(folder: Path, env: Mapping[str, str]) -> Iterator[ProcfileGroup]:
    commands = {name: command for name, command in read_procfile().items() if name not in PREPARING}
    group = ProcfileGroup(logs=folder / "logs", env=env, commands=commands)
    try:
        group.start_all()
        yield group
    finally:
        group.stop()


def _install_portals(house: House) -> dict[str, House]:
    found = visitor.fetch_page("GET", urljoin(house.run.portal, "/_/portals")).expect_status(200).json()["portals"]
    urls = {one["key"]: one["url"] for one in found}
    houses = {name: replace(house, run=replace(house.run, portal=urls[name])) for name in PORTALS}
    for one in houses.values():
        Journey(one.run, lambda *_: None).install_app()
    return houses


def connect_account(house: House, service: str, account: Mapping[str, str], signature: str = "Acme") -> str:
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
        names |= {"sender-offer": "", "sender-signature": signature}
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


def find_handler(house: House, code: str) -> str:
    """Return the address that a portal was given for a sender."""
    return next(str(one["handler"]) for one in house.state()["senders"] if one["code"] == code)
