"""`manage.py doctor` looks into everything at once, against real stores and a real certificate, and changes nothing."""

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from pytest_django import Settings

from b24app.core import spool
from b24app.core.redis import redis_client
from b24app.messaging import enqueue
from tests import factories
from tests.operations.doctor.running import run_doctor

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_installation_without_workers_on_a_database_that_forgets(installation: None) -> None:
    redis_client().delete(enqueue.SWEPT_AT)
    (line,), code = run_doctor("--json")
    said = json.loads(line)
    assert code == 2
    assert {one["check"] for one in said if one["level"] == "error"} == {"consumers", "database-durability", "sweep"}
    # Where the tests run: as superuser, with timeouts of their own, at an address of this machine.
    warned = {one["check"] for one in said if one["level"] == "warning"}
    assert warned == {"database", "database-timeouts", "dns", "public-url"}
    well = {one["check"]: one["says"] for one in said if one["level"] == "ok"}
    assert well["handler-call"] == "This machine's clock and that of the process that took it agree."
    assert well["database-clock"] == "This machine's clock and that of PostgreSQL agree."
    assert well["redis-clock"] == "This machine's clock and that of Redis agree."
    assert well["stored-secrets"] == "No secret is stored yet."
    assert well["tls"] == "PUBLIC_URL answers over TLSv1.3; its certificate is valid for 90 days."
    assert all(one["mend"] for one in said if one["level"] != "ok")


def test_only_what_is_asked_for_and_the_worst_is_the_exit_code(installation: None) -> None:
    assert run_doctor("--only", "debug", "canary") == (
        [
            "ok      debug: DEBUG is off.",
            "ok      canary: A canary was sealed with the first of SECRETS_KEYS and opened again.",
        ],
        0,
    )
    assert run_doctor("--only", "debug", "--quiet") == ([], 0)
    assert run_doctor("--only", "dns")[1] == 1
    assert run_doctor("--only", "consumers")[1] == 2
    with pytest.raises(CommandError, match="weather is none of development, debug, secret-key"):
        run_doctor("--only", "weather")


def test_more_processes_than_the_database_has_connections_for(installation: None) -> None:
    lines, code = run_doctor("--only", "database-connections", "--processes", "web=20,webhooks=0")
    assert code == 1
    assert "; the processes may open 496. Set max_connections = 516, or put PgBouncer in between." in lines[0]
    with pytest.raises(CommandError, match="--processes: cat is none of web, webhooks"):
        run_doctor("--processes", "cat=1")


def test_a_key_that_was_taken_out_too_early(installation: None, settings: Settings) -> None:
    account = factories.connection(factories.portal(), account={"token": "t"})
    spool.put_record("wish", {})
    assert run_doctor("--only", "stored-secrets", "spooled-secrets")[1] == 0
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]
    mend = "Put back the key that was taken out of SECRETS_KEYS; `manage.py rotate_keys` makes it superfluous."
    assert run_doctor("--only", "stored-secrets", "spooled-secrets", "--quiet") == (
        [
            f"error   stored-secrets: No key of SECRETS_KEYS opens 1 of messaging.Connection.account. {mend}",
            f"error   spooled-secrets: No key of SECRETS_KEYS opens 1 record of the spool. {mend}",
        ],
        2,
    )
    assert account.pk


def test_what_is_due_for_long_and_what_waits_on_the_disk(installation: None, settings: Settings) -> None:
    sender = factories.sender(factories.connection(factories.portal()))
    factories.message(sender, due_at=timezone.now() - timedelta(minutes=20))
    gone = factories.sender(factories.connection(factories.portal(uninstalled_at=timezone.now())))
    factories.message(gone, due_at=timezone.now() - timedelta(days=2))
    spool.put_record("riddle", {})
    old = Path(settings.SPOOL_DIR) / f"{time.time_ns() - 300 * 10**9:020d}-00000000.wish"
    spool.waiting_records()[0].rename(old)
    lines, code = run_doctor("--only", "due", "spool-depth", "--quiet")
    assert code == 2
    assert lines[0].startswith("error   spool-depth: The spool holds 1 record, the oldest for 30")
    assert lines[1].startswith("error   due: The oldest message to send has been due for 120")
    assert len(lines) == 2


def test_a_database_of_another_version(installation: None) -> None:
    recorder = MigrationRecorder(connection)
    last = MigrationRecorder.Migration.objects.filter(app="messaging").order_by("name").values_list("name", flat=True)
    (*_, name) = last
    recorder.record_unapplied("messaging", name)
    recorder.record_applied("portals", "9999_of_tomorrow")
    try:
        older = run_doctor("--only", "migrations")
        recorder.record_applied("messaging", name)
        newer = run_doctor("--only", "migrations")
    finally:
        recorder.record_unapplied("portals", "9999_of_tomorrow")
    release = "Run the Procfile's `release` before any process of this version."
    lacks = f"error   migrations: The database lacks 1 migration, the first is messaging.{name}."
    assert older == ([f"{lacks} {release}"], 2)
    tomorrow = "warning migrations: The database is newer than the code: it has portals.9999_of_tomorrow."
    assert newer == ([f"{tomorrow} Run the newest code that you have run."], 1)


def test_beat_that_has_ended(installation: None) -> None:
    redis_client().set(enqueue.SWEPT_AT, str(time.time() - 300))
    assert run_doctor("--only", "sweep") == (
        ["error   sweep: The last sweep was 300 s ago. Start beat, or look into its log."],
        2,
    )
    redis_client().delete(enqueue.SWEPT_AT)
