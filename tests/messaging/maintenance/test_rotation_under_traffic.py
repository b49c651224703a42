"""Every key is changed while a portal goes on sending: nothing is refused, nothing is left behind."""

import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from pytest_django.fixtures import Settings

from b24app.core import spool
from b24app.messaging.maintenance import due_jobs, requests, runner
from b24app.messaging.models import AddressKeyUse, Connection, Message, Sender
from b24app.messaging.models.statuses import Phase
from b24app.messaging.push import sender_registration
from b24app.portals.models import Portal
from b24app.sandbox import Portal as SandboxPortal
from b24app.webhooks import address_keys, spool_replay
from tests import factories, handler_calls
from tests.messaging import steps

pytestmark = pytest.mark.django_db(transaction=True)


class Traffic:
    """A portal that sends a message after the other, to the handler it has for its sender at that time."""

    def __init__(self, address: Callable[[], str]) -> None:
        self.address = address
        self.answers: list[int] = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._send_all)

    def _send_all(self) -> None:
        try:
            for number in count(1):
                if self.ended.is_set():
                    return
                call = handler_calls.fields(message_id=f"m{number}", code=None)
                self.answers.append(Client().post(urlsplit(self.address()).path, call).status_code)
        finally:
            database.close()

    def wait_for_more(self, number: int = 3) -> None:
        """Wait until so many more calls were answered."""
        wanted, end = len(self.answers) + number, time.monotonic() + 30
        while len(self.answers) < wanted:
            assert time.monotonic() < end
            time.sleep(0.01)


def command_ends_with(name: str, *options: str) -> int:
    try:
        call_command(name, *options)
    except SystemExit as ended:
        return int(str(ended.code))
    return 0


def maintain() -> None:
    for portal_id in due_jobs.urgent_portals():
        runner.run_due_jobs(portal_id)


def test_each_key_is_changed_and_the_old_one_taken_out(
    alpha: SandboxPortal, live: Portal, connection: Connection, settings: Settings, tmp_path: Path
) -> None:
    settings.SPOOL_DIR = tmp_path
    Connection.objects.update(rate=10_000)
    sender = Sender(portal=live, connection=connection, names={"en": "Acme"})
    sender_registration.save_sender(sender)
    requests.request_check(live.pk)
    maintain()
    alice = factories.visitor(live)
    spool.put_record("riddle", {})
    spool_replay.replay_spool()  # set aside, and sealed with the first key
    traffic = Traffic(lambda: alpha.senders[sender.code].handler)
    traffic.thread.start()
    try:
        for name, new in (
            ("SECRETS_KEYS", Fernet.generate_key().decode()),
            ("ADDRESS_KEYS", "another-key-of-many-characters"),
        ):
            (old,) = getattr(settings, name)
            for keys in ([old, new], [new, old]):
                setattr(settings, name, keys)
                traffic.wait_for_more()
            if name == "SECRETS_KEYS":
                assert command_ends_with("rotate_keys", "--check") == 1
                assert command_ends_with("rotate_keys") == 0
            else:
                assert command_ends_with("reregister") == 1
                maintain()
                traffic.wait_for_more()
                address_keys.store_counted()
                AddressKeyUse.objects.update(last_at="2026-01-01T00:00Z")  # an hour later
                assert command_ends_with("reregister") == 0
            setattr(settings, name, [new])
            traffic.wait_for_more()
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
        assert alice.get(f"/p/{live.uuid.hex}/senders/").status_code == 200
        settings.SECRET_KEY_FALLBACKS = []
        traffic.wait_for_more()
    finally:
        traffic.ended.set()
        traffic.thread.join()
    assert set(traffic.answers) == {200}
    assert Message.objects.count() == len(traffic.answers)
    steps.drain(connection.pk)
    assert set(Message.objects.values_list("phase", flat=True)) == {Phase.DONE}
    assert spool.waiting_records() == []
    assert factories.visitor(live).get(f"/p/{live.uuid.hex}/senders/").status_code == 200
    requests.request_check(live.pk)
    maintain()  # with the tokens that were sealed again
    assert len(alpha.senders) == 1
