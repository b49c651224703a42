"""Enqueueing: repeated calls are dropped while a task is queued, and one that could not be sent bars no other."""

from datetime import timedelta

import pytest
from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError

from b24app.core.redis import redis_client
from b24app.messaging import enqueue


def test_a_task_that_could_not_be_sent_does_not_bar_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(current_app, "send_task", broken)
        enqueue.drain(1)
    assert redis_client().llen("dispatch") == 0
    enqueue.drain(1)
    assert redis_client().llen("dispatch") == 1


def test_a_second_call_is_dropped_while_the_task_is_queued() -> None:
    enqueue.drain(1)
    enqueue.drain(1)
    assert redis_client().llen("dispatch") == 1


def test_a_task_for_later_does_not_suppress_one_for_a_moment_from_now() -> None:
    now = timezone.now()
    for seconds in (40, 2, 0, 41, 3, 0):
        enqueue.drain(1, at=now + timedelta(seconds=seconds))
    assert redis_client().exists(*[f"bell:drain:1:{delay}" for delay in enqueue.Delay]) == 3
    assert redis_client().llen("dispatch") == 3
