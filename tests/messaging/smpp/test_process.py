"""`manage.py smpp` as it runs: killed, started again, asked to stop, and with a centre among many that means harm."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection as database
from django.utils import timezone

from b24app.messaging.models import Connection, DeliveryReport, Message, Sender
from b24app.messaging.models.statuses import Phase, Reason, Status
from b24app.operations.local.stack import ROOT
from tests import factories
from tests.smsc import UNBIND, Smsc, enquiry, giant_receipt, listening, never_reads, reads_on

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def process(spool: Path, files: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run the process on this test's database."""
    here = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database.settings_dict['NAME']}")
    ours = {"DATABASE_URL": urlunsplit(here), "SPOOL_DIR": str(spool), "ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8"}
    env = os.environ | ours
    command = [sys.executable, "manage.py", "smpp"]
    if files is not None:
        command = ["prlimit", f"--nofile={files // 2}:{files}", *command]
    with subprocess.Popen(command, cwd=ROOT, env=env) as running:
        try:
            yield running
        finally:
            running.kill()


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def count(**fields: object) -> int:
    return Message.objects.filter(**fields).count()


def test_killed_it_leaves_at_most_a_window_unknown_and_asked_to_stop_it_unbinds(tmp_path: Path) -> None:
    with listening(answers=lambda _: None) as smsc:
        account = {"host": "127.0.0.1", "port": str(smsc.port), "system_id": "acme", "password": "x", "window": "2"}
        sender = factories.sender(factories.connection(factories.portal(), "smpp", account=account), signature="Acme")
        for _ in range(5):
            factories.message(sender)
        with process(tmp_path) as running:
            wait_until(lambda: count(phase=Phase.ON_WIRE) == 2 and len(smsc.submits) == 2)
            running.kill()
        smsc.answers = lambda _: ""
        Connection.objects.update(lease_until=timezone.now())
        Message.objects.filter(phase=Phase.ON_WIRE).update(lease_until=timezone.now())
        with process(tmp_path) as running:
            wait_until(lambda: count(status=Status.SENT) == 3)
            assert count(phase=Phase.UNKNOWN, reason=Reason.INTERRUPTED) == 2
            running.send_signal(signal.SIGTERM)
            assert running.wait(20) == 0

    assert (len(smsc.submits), smsc.count(UNBIND), smsc.bound) == (5, 1, 0)
    assert Connection.objects.get().lease_holder is None


# --- a centre that means harm, and another portal's that does not ----------------------------------------------------

RECEIPT = "id:{} sub:001 dlvrd:001 submit date:2611250300 done date:2611250301 stat:DELIVRD err:000 text:Your order"
PATIENCE = 2.0  # seconds; on an idle machine a tenth of it is enough
IDLE, FLOOD = 1.0, 4.0  # seconds for which the victim sends before and beside the harm
MUCH = 24_000_000  # bytes by which the process may grow while it is flooded


def a_sender(smsc: Smsc) -> Sender:
    """Of a portal of its own."""
    account = {"host": "127.0.0.1", "port": str(smsc.port), "system_id": "acme", "password": "x"}
    return factories.sender(factories.connection(factories.portal(), "smpp", account=account), signature="Acme")


def seconds_to_send(sender: Sender) -> float:
    message, began = factories.message(sender), time.monotonic()
    wait_until(lambda: count(pk=message.pk, status=Status.SENT) == 1)
    return time.monotonic() - began


def worst(sender: Sender, seconds: float) -> float:
    """Of a message after the other, for so long."""
    seconds_to_send(sender)  # the process may just have begun
    end, found = time.monotonic() + seconds, [seconds_to_send(sender)]
    while time.monotonic() < end:
        time.sleep(0.2)
        found.append(seconds_to_send(sender))
    return max(found)


def memory(running: subprocess.Popen[bytes]) -> int:
    return int(Path(f"/proc/{running.pid}/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.long
@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(never_reads(enquiry(), FLOOD), id="enquiries whose answers it does not read"),
        pytest.param(reads_on(enquiry(), FLOOD), id="enquiries whose answers it reads"),
        pytest.param(never_reads(giant_receipt(), FLOOD), id="the longest units, nothing read"),
        pytest.param(reads_on(giant_receipt(), FLOOD), id="the longest units"),
    ],
)
def test_a_centre_that_floods_delays_no_other_and_takes_little_memory(
    flood: Callable[[Smsc, socket.socket], None], tmp_path: Path
) -> None:
    with listening() as honest, listening(after_bind=flood) as hostile:
        victim = a_sender(honest)
        with process(tmp_path) as running:
            idle = worst(victim, IDLE)
            before = memory(running)
            a_sender(hostile)
            wait_until(lambda: hostile.bound == 1)
            beside = worst(victim, FLOOD)
            grown = memory(running) - before
    assert beside < idle * 3 + PATIENCE
    assert grown < MUCH


@pytest.mark.long
def test_ten_thousand_receipts_of_unknown_messages_delay_no_other(tmp_path: Path) -> None:
    with listening() as honest, listening() as hostile:
        victim, _hostile = a_sender(honest), a_sender(hostile)
        with process(tmp_path) as running:
            wait_until(lambda: hostile.bound == 1)
            idle, before = worst(victim, IDLE), memory(running)
            told: list[int] = []
            numbers = [RECEIPT.format(f"{number:08X}") for number in range(10_000)]
            flood = threading.Thread(target=lambda: told.extend(hostile.deliver_all(numbers)), daemon=True)
            flood.start()
            beside, grown = worst(victim, FLOOD), memory(running) - before
            flood.join(60)
            wait_until(lambda: len(hostile.answers_to(told)) == 10_000)
            kept = sum(status == 0 for status in hostile.answers_to(told).values())
    assert beside < idle * 3 + PATIENCE
    assert grown < MUCH
    assert set(hostile.answers_to(told).values()) <= {0, 0x64}
    assert DeliveryReport.objects.count() == kept > 100


@pytest.mark.long
def test_an_id_given_twice_and_its_receipt_disturb_nobody(tmp_path: Path) -> None:
    with listening() as honest, listening(answers=lambda _: "X1") as careless:
        victim, sender = a_sender(honest), a_sender(careless)
        twice = [factories.message(sender), factories.message(sender, text="a" * 200)]
        with process(tmp_path):
            wait_until(lambda: count(pk__in=[one.pk for one in twice], status=Status.SENT) == 2)
            told = careless.deliver_all([RECEIPT.format("X1")] * 3)
            wait_until(lambda: len(careless.answers_to(told)) == 3)
            assert seconds_to_send(victim) < 10.0
    assert set(careless.answers_to(told).values()) == {0}
    assert DeliveryReport.objects.count() == 1


@pytest.mark.long
def test_more_accounts_of_a_portal_than_there_are_files_keep_no_other_portal_out(tmp_path: Path) -> None:
    with listening() as honest, listening() as many:
        crowd = a_sender(many)
        for _ in range(19):
            factories.connection(crowd.portal, "smpp", account=crowd.connection.account)
        with process(tmp_path, files=158) as running:
            wait_until(lambda: many.bound == 10)
            victim = a_sender(honest)
            assert seconds_to_send(victim) < 30.0
            wait_until(lambda: many.bound == 9)
            assert len(list(Path(f"/proc/{running.pid}/fd").iterdir())) <= 158


@pytest.mark.long
def test_centres_that_never_answer_a_bind_delay_no_other(tmp_path: Path) -> None:
    with listening() as honest, listening(answers_binds=False) as silent, listening(drips=1.0) as slow:
        victim = a_sender(honest)
        with process(tmp_path):
            idle = worst(victim, IDLE)
            for _ in range(5):
                a_sender(silent)
                a_sender(slow)
            wait_until(lambda: len(silent.binds) >= 5 and len(slow.binds) >= 5)
            assert worst(victim, FLOOD) < idle * 3 + PATIENCE
