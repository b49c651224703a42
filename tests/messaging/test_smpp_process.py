"""`manage.py smpp` as it runs: killed with messages on the wire, started again, and asked to stop."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection as database
from django.utils import timezone

from b24app.messaging.models import Connection, Message
from b24app.messaging.statuses import Phase, Reason, Status
from b24app.operations.local.stack import ROOT
from tests import factories
from tests.smsc import UNBIND, listening

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def process(spool: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process on this test's database."""
    here = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database.settings_dict['NAME']}")
    ours = {"DATABASE_URL": urlunsplit(here), "SPOOL_DIR": str(spool), "ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8"}
    env = os.environ | ours
    with subprocess.Popen([sys.executable, "manage.py", "smpp"], cwd=ROOT, env=env) as running:
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
