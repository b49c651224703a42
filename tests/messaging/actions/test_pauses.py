"""The forecast of which messages expire during a pause."""

from datetime import UTC, datetime, timedelta

import pytest

from b24app.messaging.actions import pauses
from b24app.messaging.models import Sender
from tests import factories

pytestmark = pytest.mark.django_db

BASE = datetime(2026, 12, 1, 14, 5, tzinfo=UTC)


def test_the_forecast_says_how_many_expire_when(front: Sender) -> None:
    for minutes in (0, 20, 200):
        factories.message(front, expires_at=BASE + timedelta(minutes=minutes))
    factories.message(factories.sender(front.connection), expires_at=BASE)
    found = pauses.forecast_resume(pauses.waiting_messages(front.portal, front), front.portal.zone)
    assert found.waiting == 3
    assert [(one.first, one.last, one.messages) for one in found.groups] == [
        (BASE, BASE + timedelta(minutes=20), 2),
        (BASE + timedelta(minutes=200), BASE + timedelta(minutes=200), 1),
    ]
    assert pauses.forecast_resume(pauses.waiting_messages(front.portal), front.portal.zone).waiting == 4


def test_a_long_forecast_is_grouped_by_day_with_the_rest_in_one_group(front: Sender) -> None:
    for days in range(9):
        factories.message(front, expires_at=BASE + timedelta(days=days))
        factories.message(front, expires_at=BASE + timedelta(days=days, hours=2))
    found = pauses.forecast_resume(pauses.waiting_messages(front.portal), front.portal.zone)
    assert [one.messages for one in found.groups] == [2, 2, 2, 2, 2, 8]
    assert found.waiting == 18
    assert found.groups[-1].last == BASE + timedelta(days=8, hours=2)


def test_nothing_waiting_is_an_empty_forecast(front: Sender) -> None:
    assert pauses.forecast_resume(pauses.waiting_messages(front.portal), front.portal.zone) == pauses.Forecast(0, [])
