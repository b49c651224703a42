"""Whatever stands in an address, a query or a form, the console responds, and never by breaking."""

import pytest
from django.test import Client

from b24app.console import urls as console
from b24app.core.redis import redis_client
from b24app.messaging.models import Sender
from tests import factories
from tests.attack.console_fuzz import Shot, Walker
from tests.console.test_strangers import JOB, World

pytestmark = pytest.mark.django_db

SHOTS = 350  # the attack sends ten thousand of the same


@pytest.fixture
def sender() -> Sender:
    redis_client().flushdb()
    return factories.sender(factories.connection(factories.portal("alice", time_zone="Asia/Tokyo")))


def send(client: Client, shot: Shot) -> int:
    path, _, query = shot.target.partition("?")
    answer = client.generic(shot.method, path, shot.body, shot.content_type, QUERY_STRING=query)
    return answer.status_code


@pytest.mark.parametrize("path", ["journal/", "reports/", "journal/export/", "reports/days/export/"])
@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("day", ["0001-01-01", "1800-06-01", "9999-12-30", "9999-12-31"])
def test_a_day_beyond_the_calendar_is_no_day(alice: Client, sender: Sender, path: str, name: str, day: str) -> None:
    factories.message(sender)
    answer = alice.get(f"/p/{sender.portal.uuid.hex}/{path}", {name: day})
    assert answer.status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_beyond_the_calendar_stops_no_employee_and_no_task(
    alice: Client, bob: Client, sender: Sender, day: str
) -> None:
    there = f"/p/{sender.portal.uuid.hex}/journal/"
    factories.message(sender)
    assert bob.get(there, {"until": day}).status_code == 200
    asked = {"act": "resend", "query": f"until={day}"}
    assert alice.post(f"{there}many/", asked).status_code == 200


def test_no_request_with_a_good_ticket_breaks_anything() -> None:
    redis_client().flushdb()
    world = World()
    ids = {"key": world.alice.uuid.hex, **world.ids, "job": JOB}
    walker = Walker(console.urlpatterns, ids)
    visitors = [factories.visitor(world.alice), factories.visitor(world.alice, factories.BOB, is_admin=False)]
    for visitor in visitors:
        visitor.raise_request_exception = False
    for shot in walker.plain():
        if not shot.target.startswith("/d/"):
            walker.learn(shot.name, visitors[0].get(shot.target).content.decode())
    broken = []
    for turn, shot in enumerate(walker.shots(SHOTS)):
        status = send(visitors[turn % 2 if turn % 3 else 0], shot)
        if status >= 500:
            broken.append((status, shot))
    assert broken == []
