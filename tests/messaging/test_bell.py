"""The bell: rings that wait are dropped, and one that could not go out does not bar the next."""

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from b24app.core.redis import client
from b24app.messaging import bell


def test_a_ring_that_could_not_go_out_does_not_bar_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(current_app, "send_task", broken)
        bell.drain(1)
    assert client().get("bell:drain:1:now") is None


def test_a_ring_while_one_waits_is_dropped() -> None:
    bell.drain(1)
    bell.drain(1)
    assert client().llen("dispatch") == 1
