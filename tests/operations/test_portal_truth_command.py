"""The operator sees which portals may show statuses wrongly."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from b24app.messaging.models.statuses import Status
from b24app.portals.models import Portal
from tests import factories

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def told(*arguments: str) -> tuple[list[str], int]:
    """Return its lines and its exit code."""
    out, code = StringIO(), 0
    try:
        call_command("portal_truth", *arguments, stdout=out)
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    return out.getvalue().splitlines(), code


def lose(portal: Portal, count: int) -> None:
    at = timezone.now() - HOUR
    sender = factories.sender(factories.connection(portal))
    factories.messages(
        sender, count, now=at, final_at=at, status=Status.DELIVERED, pushed=Status.SENT, push_error="ERROR_CORE"
    )
    factories.messages(sender, 1, now=at, final_at=at, status=Status.DELIVERED, pushed=Status.SENT, push_at=at)
    factories.messages(sender, 1, now=at, final_at=at, status=Status.DELIVERED, pushed=Status.DELIVERED)


def test_it_says_so_when_every_status_is_acknowledged() -> None:
    factories.message(factories.sender(factories.connection(factories.portal())))
    assert told() == (["every status is acknowledged"], 0)


def test_the_worst_portals_come_first_a_page_at_a_time() -> None:
    portals = [factories.portal(f"p{number}") for number in range(4)]
    for portal, count in zip(portals, (1, 3, 1, 2), strict=True):
        lose(portal, count)
    Portal.objects.filter(pk=portals[1].pk).update(no_token_since=timezone.now())
    Portal.objects.filter(pk=portals[3].pk).update(uninstalled_at=timezone.now())
    assert told("--limit", "2") == (
        [
            f"4 in portal {portals[1].pk}, {portals[1].domain}: no token",
            f"2 in portal {portals[0].pk}, {portals[0].domain}",
            f"more: --after 2:{portals[0].pk}",
        ],
        1,
    )
    rest = [f"2 in portal {portals[2].pk}, {portals[2].domain}"]
    assert told("--limit", "2", "--after", f"2:{portals[0].pk}") == (rest, 1)
    with pytest.raises(CommandError, match="not like 17:3"):
        told("--after", "here")
