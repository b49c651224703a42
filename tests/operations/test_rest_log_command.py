"""The operator reads a portal's REST log: by method, errors, time and message."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from b24app.messaging.models import Sender
from b24app.portals.models import Portal
from tests import factories
from tests.console.rest_log.exchanges import LIST, UPDATE, batch, exchange

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice")), code="front")


@pytest.fixture
def portal(sender: Sender) -> Portal:
    return sender.portal


def told(portal: Portal | str, *arguments: str) -> list[str]:
    """Return its lines without their times."""
    out = StringIO()
    named = portal.domain if isinstance(portal, Portal) else portal
    call_command("rest_log", "--portal", named, *arguments, stdout=out)
    return [line[24:] if line[:2] == "20" else line for line in out.getvalue().splitlines()]


def test_it_shows_both_directions_with_status_time_and_error(portal: Portal, sender: Sender) -> None:
    exchange(portal, LIST, 3, status=401, error="ACCESS_DENIED: Access denied!")
    factories.message(sender, now=timezone.now() - timedelta(minutes=2))
    exchange(portal, "app.info", 1, status=0, ms=20_000, error="no answer in time")
    assert told(portal) == [
        "to     - 20000 ms app.info no answer in time",
        "from 200          handler",
        f"to   401    85 ms {LIST} ACCESS_DENIED",
    ]


def test_it_narrows_by_method_errors_time_and_message(portal: Portal, sender: Sender) -> None:
    message = factories.message(sender, message_id="b24-1", now=timezone.now() - timedelta(minutes=90))
    batch(portal, message, minutes=80)
    exchange(portal, LIST, 20)
    exchange(portal, LIST, 10, error="ACCESS_DENIED: Access denied!")
    assert len(told(portal)) == 4
    assert len(told(portal, "--method", LIST)) == 2
    assert len(told(portal, "--errors")) == 1
    assert len(told(portal, "--since", "1h")) == 2
    assert len(told(portal, "--since", f"{timezone.now() - timedelta(minutes=15):%Y-%m-%dT%H:%M}")) == 1
    assert told(portal, "--message", "b24-1") == [f"to   200    85 ms {UPDATE}", "from 200          handler"]
    assert told(portal, "--message", "unknown") == ["nothing is recorded"]
    assert len(told(portal, "--limit", "1")) == 1


def test_verbosely_it_shows_what_was_kept(portal: Portal, sender: Sender) -> None:
    batch(portal, factories.message(sender, message_id="b24-1"), minutes=-1)
    assert f"    {UPDATE} CODE=front MESSAGE_ID=b24-1 ok" in told(portal, "--verbosity", "2")


def test_a_portal_is_named_by_domain_member_id_or_number(portal: Portal) -> None:
    exchange(portal)
    exchange(factories.portal("charlie"), "app.info")
    for named in (portal.domain.upper(), portal.member_id, str(portal.pk)):
        assert told(named) == [f"to   200    85 ms {LIST}"]
    with pytest.raises(CommandError, match="no such portal"):
        told("nowhere.example")


def test_a_time_that_is_none_is_refused(portal: Portal) -> None:
    with pytest.raises(CommandError, match="neither like 3d nor a time"):
        told(portal, "--since", "lately")
