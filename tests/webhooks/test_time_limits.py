"""A message whose statement takes too long is spooled, and its portal gets 200."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from django.db import connection
from pytest_django import Settings

from b24app.core import spool
from b24app.core.redis import redis_client
from b24app.messaging.models import Message, Sender
from b24app.webhooks.spool_replay import replay_spool
from tests.concurrency import hold_lock
from tests.handler_calls import create_sender, fields, post

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Timeouts far below those of other tests, on this test's connection, which the webhooks use."""
    spool._away_until = 0.0
    limit(lock="300ms")
    yield
    spool._away_until = 0.0
    connection.close()
    for path in spool.waiting_records():
        path.unlink()


def limit(*, lock: str = "0", statement: str = "0") -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{lock}'")
        cursor.execute(f"SET statement_timeout = '{statement}'")


def locked(sender: Sender | None) -> AbstractContextManager[None]:
    """Lock the sender's row, as a long transaction would, or all senders, as a migration would."""
    return hold_lock(lambda: _lock(sender))


def _lock(sender: Sender | None) -> None:
    if sender is not None:
        Sender.objects.select_for_update().get(pk=sender.pk)
    else:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE messaging_sender IN ACCESS EXCLUSIVE MODE")


def test_a_wish_whose_row_is_locked_is_kept_on_disk_and_stored_later() -> None:
    sender = create_sender()
    with locked(sender):
        assert post(sender, fields()) == 200
        assert (Message.objects.count(), len(spool.waiting_records())) == (0, 1)
    assert replay_spool() == 1
    assert (Message.objects.get().text, spool.waiting_records()) == ("Hello", [])


def test_another_portal_s_wish_is_stored_meanwhile() -> None:
    sender, other = create_sender(), create_sender()
    with locked(sender):
        post(sender, fields())
        assert post(other, fields()) == 200
        assert [one.sender_id for one in Message.objects.all()] == [other.pk]
        assert len(spool.waiting_records()) == 1


def test_a_statement_that_takes_too_long_is_a_database_that_is_away() -> None:
    sender, other = create_sender(), create_sender()
    with locked(None):
        limit(statement="300ms")
        assert post(sender, fields()) == 200
        assert post(other, fields()) == 200  # not even tried for two seconds
        assert (Message.objects.count(), len(spool.waiting_records())) == (0, 2)


def test_a_record_that_stays_locked_holds_up_no_other() -> None:
    sender, other = create_sender(), create_sender()
    spool._away_until = float("inf")
    for number in range(spool.MAX_LOCKED):
        post(sender, fields(message_id=f"locked {number}"))
    post(other, fields(message_id="free"))
    spool._away_until = 0.0
    with locked(sender):
        taken = 0
        for _ in range(2):
            limit(lock="300ms")
            taken += replay_spool()
        assert (taken, [one.message_id for one in Message.objects.all()]) == (1, ["free"])
        assert (len(spool.waiting_records()), spool.poisoned_records()) == (spool.MAX_LOCKED, [])
    assert replay_spool() == spool.MAX_LOCKED
    assert Message.objects.count() == 1 + spool.MAX_LOCKED


@pytest.fixture
def silent_redis(settings: Settings) -> Iterator[None]:
    """Yield a server that accepts every connection and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        redis_client.cache_clear()
        yield
        redis_client.cache_clear()


@pytest.mark.usefixtures("silent_redis")
def test_a_redis_that_says_nothing_costs_a_second_and_no_wish() -> None:
    sender = create_sender()
    started = time.monotonic()
    assert post(sender, fields()) == 200
    assert time.monotonic() - started < 20
    assert (Message.objects.get().text, spool.waiting_records()) == ("Hello", [])


ASK = """
import django; django.setup()
from django.conf import settings
from django.db import connection
with connection.cursor() as cursor:
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        cursor.execute(f"SHOW {name}"); print(cursor.fetchone()[0])
print(settings.DATABASES["default"]["OPTIONS"].get("options"))
"""


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (None, ["10s", "3s", "30s"]),
        ("lock_timeout=10s", ["0", "10s", "0"]),
        ("", ["0", "0", "0", "None"]),  # PgBouncer refuses to be told when connecting: the role has them
    ],
)
def test_limits_are_said_when_connecting_unless_the_role_has_them(told: str | None, found: list[str]) -> None:
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_TIMEOUTS"}
    env |= {} if told is None else {"DATABASE_TIMEOUTS": told}
    answer = subprocess.run(
        [sys.executable, "-c", ASK], env=env, capture_output=True, text=True, timeout=120, check=True
    )
    assert answer.stdout.split("\n")[: len(found)] == found
