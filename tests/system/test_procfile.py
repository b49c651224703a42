"""CI's own hosting team: it installs requirements.txt, starts the Procfile word by word, and restarts it under load."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path

import pytest

from b24app.operations.local import environment, processes, stack
from b24app.operations.local.embedded import Postgres, RedisServer, run_server, temporary_folder
from b24app.operations.local.journey import Journey
from b24app.operations.local.stack import Ports, Stack
from b24app.operations.local.supervisor import Supervisor, free_port
from bench.load import Caller, key, text
from bench.service import Stub
from tests.faults.house import House, wait
from tests.system import checkout
from tests.system.calling import Calling
from tests.system.installation import Installation, install
from tests.system.procfile import LINES
from tests.system.proxy import Proxy

pytestmark = pytest.mark.system

RATE = 70.0  # messages a second
RESTARTS = int(os.environ.get("RESTARTS", "20"))
TWICE = ("web", "webhooks", "worker")
IN_TURN = (
    "worker-1",
    "webhooks-1",
    "worker-2",
    "web-1",
    "worker-1",
    "webhooks-2",
    "worker-2",
    "pusher",
    "web-2",
    "smpp",
)
ONCE = {"build", "release"}
OF_THE_TESTS = ("PYTEST", "PYTHONPATH", "VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE", "DATABASE_TIMEOUTS")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def code(folder: Path) -> Path:
    return checkout.copy_to(folder / "code")


@pytest.fixture(scope="module")
def stub(folder: Path) -> Iterator[Stub]:
    """Yield the service and portals of the load, with a ledger."""
    log = folder / "logs" / "stub.log"
    (folder / "stub").mkdir()
    child = processes.spawn_process(
        [sys.executable, "-m", "bench.stub", "--folder", folder / "stub"], log=log, cwd=checkout.ROOT
    )
    try:
        processes.wait_until(lambda: "ready" in processes.read_tail(log), child, name="stub", log=log, seconds=60)
        ports = dict(word.split("=") for word in processes.read_tail(log).split() if "=" in word)
        yield Stub(int(ports["sms"]), int(ports["tls"]))
    finally:
        processes.stop_process(child)


@pytest.fixture(scope="module")
def house(folder: Path, code: Path, stub: Stub) -> Iterator[tuple[House, Installation]]:
    """Run stores, the sandbox, and every line of the Procfile from a clean environment, some of them twice."""
    ports = Ports(0, 0, 0, 0).replace_taken()
    with ExitStack() as all_of_it:
        database, redis = Postgres(folder / "stores", durable=True), RedisServer(folder / "stores")
        urls = {
            "DATABASE_URL": all_of_it.enter_context(run_server(database)),
            "REDIS_URL": all_of_it.enter_context(run_server(redis)),
        }
        app = folder / "app"
        (app / "sandbox").mkdir(parents=True)
        settings = environment.build_environment(app, urls=urls, app_port=ports.app, oauth_port=ports.tls)
        supervisor = Supervisor(logs=folder / "logs", cwd=checkout.ROOT, env=settings)
        all_of_it.callback(supervisor.stop)
        stack.start_sandbox(supervisor, app, ports)
        authorities = folder / "authorities.pem"
        authorities.write_text((app / "sandbox" / "ca.pem").read_text() + (folder / "stub" / "ca.pem").read_text())
        ours = {name: value for name, value in settings.items() if not name.startswith(OF_THE_TESTS)}
        programs = install(folder / "venv")
        env = ours | {
            "PATH": f"{programs}:{os.defpath}",
            "DEBUG": "false",
            "DEMO": "false",
            "EXTRA_CA_FILE": str(authorities),
            "SPOOL_DIR": str(folder / "spool"),
        }
        installation = Installation(code, folder / "logs", env)
        all_of_it.callback(installation.stop)
        for line in LINES:
            if line in ONCE:
                installation.run(line)
        for line in LINES.keys() - ONCE:
            for name in (f"{line}-1", f"{line}-2") if line in TWICE else (line,):
                installation.start(name, line, **({"PORT": str(free_port(0))} if "PORT" in LINES[line] else {}))
        all_of_it.enter_context(forwarding(ports.app, installation.ports("web")))
        run = Stack(env["PUBLIC_URL"], f"http://localhost:{ports.portal}", f"http://127.0.0.1:{ports.sms}", supervisor)
        yield House(run, database, redis, folder), installation


@contextmanager
def forwarding(port: int, backends: Sequence[int]) -> Iterator[None]:
    """Run a proxy on `port` before `backends`."""
    proxy = Proxy(port, backends)
    proxy.begin()
    try:
        yield
    finally:
        proxy.stop()


def test_a_message_goes_all_the_way(house: tuple[House, Installation]) -> None:
    journey = Journey(house[0].run, lambda *_: None)
    journey.install_app()
    journey.connect_account()
    journey.follow_message(journey.send_message())


def test_restarts_under_load_lose_double_and_leave_nothing(
    house: tuple[House, Installation], stub: Stub, folder: Path
) -> None:
    home, installation = house
    port = free_port(0)
    calling = Calling(port, callers(installation, stub), RATE)
    took: list[tuple[str, float]] = []
    with forwarding(port, installation.ports("webhooks")):  # reports come to the address of the pages
        calling.start()
        try:
            time.sleep(3)
            for name in islice(cycle(IN_TURN), RESTARTS):
                took.append((name, round(installation.restart(name), 1)))
                time.sleep(0.5)
        finally:
            calling.halt.set()
            calling.join()
    print(f"{len(calling.answers)} calls, seconds to end: {took}")  # noqa: T201 - shown with `pytest -s`
    assert Counter(calling.answers.values()).keys() == {200}
    # A lease of three minutes would show what was left behind: instead, it is asked for as soon as the rest is done.
    wait(lambda: len(stub.told()) == len(calling.answers), 60, lambda: f"{stub.counts()} {phases(home)}")
    assert phases(home) == {"done": len(calling.answers) + 1}
    assert stub.accepted().keys() == {text(key(number)) for number in calling.answers}
    assert {count for _, count in stub.accepted().values()} == {1}
    assert "dispatch_loop_failed" not in installation.said()


def test_no_process_has_written_into_the_code(house: tuple[House, Installation], code: Path) -> None:
    made = checkout.files(code) - checkout.files(checkout.ROOT)
    assert {path.partition("/")[0] for path in made} <= {"staticfiles", "b24app"}
    assert all(path.endswith(".mo") for path in made if path.startswith("b24app"))


def phases(house: House) -> dict[str, int]:
    return dict(house.sql("SELECT phase, count(*) FROM messaging_message GROUP BY phase"))


def callers(installation: Installation, stub: Stub) -> list[Caller]:
    """Four tenants' portals, installed by the rows alone."""
    said = subprocess.run(
        [sys.executable, "-m", "tests.system.tenants", str(stub.sms), str(stub.tls), "4"],
        cwd=checkout.ROOT,
        env={**installation.env, "DJANGO_SETTINGS_MODULE": "b24app.settings"},
        capture_output=True,
        check=True,
    )
    return [Caller.of(address, code, member, "application") for address, code, member in json.loads(said.stdout)]
