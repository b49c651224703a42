"""Gauges that the elected process reads from the database, and canaries."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import connection as database
from django.utils import timezone

from b24app.core.redis import redis_client
from b24app.messaging.dispatch.dispatcher import Dispatcher
from b24app.messaging.models import Connection, Message
from b24app.messaging.models.statuses import Phase
from b24app.operations.models import Canary, Heartbeat
from b24app.operations.monitoring import canary, election, gauges
from b24app.operations.monitoring.gauge_queries import QUERIES
from tests import factories
from tests.core.monitoring.counted import read_samples

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _broker() -> Iterator[None]:
    redis_client().flushdb()
    yield
    gauges.show_nothing()
    redis_client().flushdb()


def read() -> gauges.Values:
    """Read all gauges anew."""
    gauges.show_nothing()
    return gauges.read_gauges()


def beat(role: str, seconds_ago: float = 0, **fields: Any) -> Heartbeat:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    values = {"node": "node-1", "started_at": at, "beat_at": at, "spool": "one", "version": "1"}
    return Heartbeat.objects.create(process=uuid.uuid4(), role=role, **{**values, **fields})


def test_every_group_can_be_read_of_an_empty_installation() -> None:
    values = read()
    assert values["gauges_failed"] == dict.fromkeys(QUERIES, 0.0) | {"canaries": 1.0}  # none has been started
    assert set(values["oldest_due_seconds"].values()) == {0.0}
    assert set(values["oldest_due_seconds"]) == {"dispatch", "smpp", "push", "reports", "events", "maintenance"}
    assert values["database_connections_max"][""] >= 20
    assert set(values) <= set(gauges.GAUGES)


def test_the_oldest_message_that_nobody_holds_is_told_and_one_that_is_held_is_not() -> None:
    sender = factories.sender(factories.connection(factories.portal(), "twilio"))
    message = factories.message(sender, now=timezone.now() - timedelta(seconds=90))
    assert 85 <= read()["oldest_due_seconds"]["dispatch"] < 120
    for busy in ("lease_until", "throttled_until", "paced_until"):
        Connection.objects.update(**{busy: timezone.now() + timedelta(seconds=20)})
        assert read()["oldest_due_seconds"]["dispatch"] == 0
        Connection.objects.update(**{busy: None})
    Message.objects.filter(pk=message.pk).update(phase=Phase.UNKNOWN, due_at=None)
    values = read()
    assert values["oldest_due_seconds"]["dispatch"] == 0
    assert values["messages"] == {"waiting": 0, "on_wire": 0, "unknown": 1}


def test_processes_that_live_and_those_that_went_silent_are_told_by_role() -> None:
    beat("worker+pusher")
    beat("beat", 300)
    beat("smpp", 300, stopped_at=timezone.now())
    beat("web", 300)
    beat("web", 10)  # took its place
    values = read()
    assert {role for role, count in values["processes"].items() if count} == {"worker", "pusher", "web"}
    assert {role for role, count in values["processes_lost"].items() if count} == {"beat"}


def test_records_of_a_node_that_does_not_live_are_abandoned_until_their_disk_is_taken_again() -> None:
    beat("web", 600, spool="one", spool_records=7, spool_oldest_age=30.0)
    beat("web", 5, spool="two", spool_records=1, spool_oldest_age=2.0, node="node-2")
    values = read()
    assert values["node_spool_records"] == {"live": 1, "abandoned": 7}
    assert 630 <= values["node_spool_oldest_seconds"]["abandoned"] < 660
    beat("web", 1, spool="one", spool_records=0, node="another-name")
    assert read()["node_spool_records"] == {"live": 1, "abandoned": 0}


def test_what_costs_a_probe_for_each_account_is_read_every_second_turn() -> None:
    read()
    factories.connection(factories.portal(), "twilio")
    message = factories.message(factories.sender(Connection.objects.get()))
    Message.objects.filter(pk=message.pk).update(phase=Phase.UNKNOWN, due_at=None)
    values = gauges.read_gauges()
    assert ("accounts" in values, values["messages"]["unknown"]) == (False, 1)
    assert read()["accounts"] == {"active": 1}


def test_one_process_is_elected_and_the_others_show_no_gauges() -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    assert election.read_if_elected(first, may_stand=True)
    assert ("sendline_database_connections_max", "") in read_samples()
    assert not election.read_if_elected(second, may_stand=True)
    assert ("sendline_database_connections_max", "") not in read_samples()
    assert election.read_if_elected(first, may_stand=True)
    with database.cursor() as cursor:
        cursor.execute("UPDATE operations_monitorlease SET until = now() - interval '1 second'")
    assert election.read_if_elected(second, may_stand=True)
    assert not election.read_if_elected(first, may_stand=True)
    assert not election.read_if_elected(second, may_stand=False)  # its own database is away


def test_a_group_that_cannot_be_read_is_named_and_the_others_are_shown() -> None:
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_appevent RENAME TO gone")
    values = read()
    assert [group for group, failed in values["gauges_failed"].items() if failed] == ["due_others", "canaries"]
    assert "push" in values["oldest_due_seconds"]


def test_a_canary_is_sent_once_a_minute_and_comes_back_through_the_dispatchers_loop() -> None:
    canary.start_canaries()
    canary.start_canaries()
    assert {queue: redis_client().llen(queue) for queue in ("dispatch", "push")} == {"dispatch": 1, "push": 1}
    answer = current_app.tasks[canary.TASK]
    answer("push", 1)
    answer("dispatch", 1)
    assert Canary.objects.get(path="dispatch").finished_at is None  # the dispatcher has not turned yet
    Dispatcher(lambda _visit: None).run_once(0)
    for row in Canary.objects.all():
        assert (row.number, row.done, row.finished_at is not None, row.seconds is not None) == (1, 1, True, True)
    assert set(read()["canary_seconds"]) == {"dispatch", "push"}


def test_a_canary_that_does_not_come_back_grows_older_and_is_sent_again() -> None:
    canary.start_canaries()
    with database.cursor() as cursor:
        cursor.execute("UPDATE operations_canary SET started_at = started_at - interval '5 min', rung_at = NULL")
    canary.start_canaries()
    assert set(Canary.objects.values_list("number", "done")) == {(1, 0)}
    assert redis_client().llen("dispatch") == 2
    assert read()["canary_age_seconds"]["dispatch"] >= 300
    canary.finish_canary("dispatch", 1)
    canary.finish_canary("dispatch", 1)  # the first task was only late
    row = Canary.objects.get(path="dispatch")
    assert (row.done, row.seconds is not None and row.seconds >= 300) == (1, True)
