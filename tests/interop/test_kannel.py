"""A real Kannel, as Debian packages it: it takes what we send, and its delivery reports come to our own door.

A development job (`make interop`); wants the packages kannel and kannel-extras (bearerbox, smsbox and fakesmsc).
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from b24app.messaging.models import Connection, ConnectionState, DeliveryReport, Message, Sender
from b24app.messaging.models.statuses import Status, Wait
from b24app.messaging.reports import applier
from tests import factories
from tests.messaging.steps import drain

FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")
PROGRAMS = [shutil.which("bearerbox"), shutil.which("smsbox"), FAKESMSC.exists()]
pytestmark = [
    pytest.mark.interop,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not all(PROGRAMS), reason="apt-get install kannel kannel-extras"),
]

CONFIGURATION = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
smsbox-port = {box}
admin-password = nobody
box-allow-ip = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = fake
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
sendsms-interface = 127.0.0.1

group = sendsms-user
username = tester
password = foobar
concatenation = true
max-messages = 10
"""


@dataclass(frozen=True)
class Kannel:
    """Where it takes messages, and what its operator's side has received."""

    send_url: str
    log: Path

    def arrived(self) -> str:
        return self.log.read_text(errors="replace")


@pytest.fixture(scope="module")
def kannel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kannel]:
    folder = tmp_path_factory.mktemp("kannel")
    ports = {name: free_port() for name in ("admin", "box", "smsc", "send")}
    configuration = folder / "kannel.conf"
    configuration.write_text(CONFIGURATION.format(**ports))
    log = folder / "fakesmsc.log"
    fakesmsc = (FAKESMSC, "-H", "127.0.0.1", "-r", str(ports["smsc"]), "-m", "0", "1 2 text nothing")
    with running(folder, "bearerbox", "bearerbox", "-v", "4", configuration):
        wait_until(lambda: listens(ports["smsc"]) and listens(ports["box"]))
        with running(folder, "fakesmsc", *fakesmsc), running(folder, "smsbox", "smsbox", "-v", "4", configuration):
            wait_until(lambda: listens(ports["send"]))
            yield Kannel(f"http://127.0.0.1:{ports['send']}/cgi-bin/sendsms", log)


@contextmanager
def running(folder: Path, name: str, *command: str | Path) -> Iterator[None]:
    with (folder / f"{name}.log").open("w") as log:
        started = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            yield
        finally:
            started.kill()  # it would take ten seconds over a farewell
            started.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _here(settings: Settings, live_server: Any) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    settings.PUBLIC_URL = live_server.url  # whither Kannel reports


def a_sender(kannel: Kannel, **given: str) -> Sender:
    account = {"send_url": kannel.send_url, "username": "tester", "password": "foobar", **given}
    return factories.sender(factories.connection(factories.portal(), "kannel", account=account), signature="Acme")


def send(sender: Sender, text: str) -> Message:
    message = factories.message(sender, text=text)
    drain(sender.connection_id)
    message.refresh_from_db()
    return message


@pytest.mark.parametrize(
    ("text", "arrived"),
    [
        ("Ready: é [10 €] & 100%", "<Acme +12025550147 text Ready: é [10 €] & 100%>"),
        ("Готово", "<Acme +12025550147 ucs-2 %04%13%04%3E%04B%04%3E%042%04%3E>"),
    ],
)
def test_a_message_arrives_as_it_was_written_and_is_reported_delivered(kannel: Kannel, text: str, arrived: str) -> None:
    message = send(a_sender(kannel), text)
    assert message.status == Status.SENT
    wait_until(lambda: DeliveryReport.objects.filter(word="1").exists())
    applier.apply_due()
    message.refresh_from_db()

    assert message.status == Status.DELIVERED
    assert message.ref
    assert set(DeliveryReport.objects.values_list("word", "status", "code")) == {
        ("8", "sent", ""),
        ("1", "delivered", ""),
    }
    wait_until(lambda: arrived in kannel.arrived())


def test_a_long_text_arrives_in_parts(kannel: Kannel) -> None:
    message = send(a_sender(kannel, send_url=f"{kannel.send_url}?priority=1"), "long " * 60)
    wait_until(lambda: DeliveryReport.objects.filter(word="1").exists())
    applier.apply_due()
    message.refresh_from_db()

    assert message.status == Status.DELIVERED
    wait_until(lambda: kannel.arrived().count("long+long+long") + kannel.arrived().count("long long long") >= 2)


def test_a_wrong_password_blocks_the_account(kannel: Kannel) -> None:
    message = send(a_sender(kannel, password="other"), "Never")
    connection = Connection.objects.get()

    assert (message.status, message.wait) == (Status.QUEUED, Wait.BLOCKED)
    assert (connection.state, connection.blocked_reason) == (ConnectionState.BLOCKED, "auth")
    assert connection.error_words == "Authorization failed for sendsms"
    assert "Never" not in kannel.arrived()


def test_another_address_of_it_is_a_bad_account(kannel: Kannel) -> None:
    send(a_sender(kannel, send_url=kannel.send_url.replace("sendsms", "sendsmx")), "Never")

    assert Connection.objects.get().error_words == "Unknown request."
    assert "Never" not in kannel.arrived()


def test_a_bad_parameter_behind_the_address_is_refused(kannel: Kannel) -> None:
    message = send(a_sender(kannel, send_url=f"{kannel.send_url}?coding=9"), "Never")

    assert (message.status, message.reason) == (Status.FAILED, "invalid_request")
    assert message.detail == "Coding field misformed, rejected"
