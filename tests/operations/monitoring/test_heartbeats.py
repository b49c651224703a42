"""Heartbeats: what a process writes of itself, and when its row goes."""

import uuid
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery.signals import beat_init
from django.utils import timezone

from b24app.core import spool
from b24app.messaging.models import LeaseTakeover
from b24app.operations import worker
from b24app.operations.models import Heartbeat
from b24app.operations.monitoring import heartbeats
from b24app.operations.monitoring.heartbeats import ProcessIdentity
from b24app.operations.monitoring.spool_state import read_spool

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.SPOOL_DIR, settings.SPOOL_MAX_MB = tmp_path / "spool", 1
    return tmp_path / "spool"


def test_a_process_has_one_row_that_is_written_again(folder: Path) -> None:
    identity = ProcessIdentity("worker", uuid.uuid4())
    assert abs(heartbeats.write_heartbeat(identity, read_spool())) < 1
    spool.put_record("wish", {})
    heartbeats.write_heartbeat(identity, read_spool())
    row = Heartbeat.objects.get()
    assert (row.process, row.holder, row.role) == (identity.process, identity.holder, "worker")
    assert (row.spool_records, row.spool_bytes) == (1, 4096)
    assert row.beat_at > row.started_at
    assert row.holder is not None
    assert heartbeats.holder_names({row.holder}) == {row.holder: f"worker on {identity.node}"}


def test_a_folder_keeps_its_identity_and_another_has_its_own(settings: Any, tmp_path: Path) -> None:
    first = read_spool().identity
    assert (len(first), read_spool().identity) == (32, first)
    settings.SPOOL_DIR = tmp_path / "other"
    assert read_spool().identity not in {first, ""}


def test_rows_of_processes_long_gone_are_deleted_but_not_those_that_left_records() -> None:
    now = timezone.now()
    for role, days, records in (("lately", 6, 0), ("gone", 8, 0), ("left", 8, 3), ("forgotten", 31, 3)):
        at = now - timedelta(days=days)
        Heartbeat.objects.create(
            process=uuid.uuid4(), role=role, started_at=at, beat_at=at, spool="s", spool_records=records
        )
    for days in (29, 31):
        holders = {"previous_holder": uuid.uuid4(), "holder": uuid.uuid4()}
        LeaseTakeover.objects.create(connection_id=days, ended_at=now, at=now - timedelta(days=days), **holders)
    assert heartbeats.prune_heartbeats() == 3
    assert LeaseTakeover.objects.get().connection_id == 29
    assert set(Heartbeat.objects.values_list("role", flat=True)) == {"lately", "left"}


@pytest.mark.parametrize(
    ("queues", "role"),
    [
        ("dispatch", "worker"),
        ("push slow care", "pusher"),
        ("dispatch slow push care", "worker+pusher"),
        ("care", "worker"),
    ],
)
def test_a_worker_is_what_it_is_by_its_queues(queues: str, role: str) -> None:
    consumed = SimpleNamespace(queues=SimpleNamespace(consume_from=dict.fromkeys(queues.split())))
    assert worker.role_of(SimpleNamespace(app=SimpleNamespace(amqp=consumed))) == role


def test_beat_watches_itself_as_soon_as_it_begins() -> None:
    assert worker.watch_beat in [receiver() for _, receiver in beat_init.receivers]
