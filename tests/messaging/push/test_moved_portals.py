"""A portal that has moved and left nothing behind is followed, by what the OAuth server says of a live token."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.exchange_log.models import Exchange
from b24app.messaging import sweep, tasks
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Status
from b24app.portals.models import Portal, PortalToken
from b24app.sandbox import Portal as SandboxPortal
from tests.messaging.push.statuses import sent_status

NOBODY = "127.0.0.1:9"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _first_day(alpha: SandboxPortal) -> Iterator[None]:
    yield
    alpha.rename("localhost")


def renewals(alpha: SandboxPortal) -> int:
    """Return how many refresh tokens were used."""
    return sum(not token.refresh for token in alpha.tokens.values())


def questions() -> int:
    """Return how often the OAuth server was asked where the portal is."""
    return Exchange.objects.filter(peer="oauth", path__contains="app.info").count()


def leave_for(alpha: SandboxPortal, there: str, portal: Portal) -> None:
    """Move the portal; at its old address another server answers ("found no more"), or none ("silent")."""
    alpha.move("127.0.0.57")
    if there == "silent":
        Portal.objects.update(client_endpoint=f"https://{NOBODY}/rest/", domain=NOBODY)
    portal.refresh_from_db()


@pytest.mark.parametrize("there", ["found no more", "silent"])
def test_a_portal_that_left_nothing_behind_is_followed_while_the_token_is_live(
    alpha: SandboxPortal, live: Portal, sender: Sender, there: str
) -> None:
    message = sent_status(alpha, sender)
    leave_for(alpha, there, live)
    tasks.push_statuses(live.pk)
    message.refresh_from_db()
    live.refresh_from_db()
    assert (live.client_endpoint, live.domain) == (alpha.client_endpoint, alpha.domain)
    assert (message.pushed, alpha.messages[-1].status) == (Status.DELIVERED, "delivered")
    assert (renewals(alpha), live.push_failures, live.push_after) == (0, 0, None)


@pytest.mark.parametrize("there", ["found no more", "silent"])
def test_a_token_that_expires_at_the_beginning_of_a_silence_is_renewed_once_to_find_the_portal(
    alpha: SandboxPortal, live: Portal, sender: Sender, there: str
) -> None:
    sent_status(alpha, sender)
    leave_for(alpha, there, live)
    Portal.objects.update(push_failures=1)
    PortalToken.objects.update(expires_at=timezone.now())
    alpha.expire_tokens()
    tasks.push_statuses(live.pk)
    live.refresh_from_db()
    assert (alpha.messages[-1].status, renewals(alpha)) == ("delivered", 1)
    assert live.client_endpoint == alpha.client_endpoint


def test_a_portal_that_is_found_after_days_costs_a_renewal_in_three_of_them(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    """Let it be off, not moved, and every token expired long ago."""
    sent_status(alpha, sender)
    alpha.switches.down = True
    Portal.objects.update(push_failures=20)
    for days in (1, 4, 1):
        ago = timezone.now() - days * DAY
        PortalToken.objects.update(expires_at=ago + HOUR, refreshed_at=ago)
        Portal.objects.update(push_after=None)
        tasks.push_statuses(live.pk)
    assert renewals(alpha) == 1


def test_a_portal_that_is_off_is_looked_for_once_in_each_of_its_pauses(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.down = True
    asked = questions()
    for number in range(1, 4):
        assert sweep.to_push() == [live.pk]
        tasks.push_statuses(live.pk)
        assert (questions() - asked, sweep.to_push()) == (number, [])
        Portal.objects.update(push_after=timezone.now())
    message.refresh_from_db()
    assert (message.pushed, message.push_error, renewals(alpha)) == (Status.SENT, "", 0)


@pytest.mark.parametrize("there", ["found no more", "silent"])
def test_opening_home_finds_a_portal_that_has_moved(
    alpha: SandboxPortal, live: Portal, sender: Sender, there: str
) -> None:
    leave_for(alpha, there, live)
    tasks.ask_portal(live.pk)
    live.refresh_from_db()
    assert (live.client_endpoint, live.silent_since) == (alpha.client_endpoint, None)


def test_the_oauth_server_names_no_portal_by_another_portals_token(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    sent_status(alpha, sender)
    beta = alpha.world.portals["beta"]
    leave_for(alpha, "silent", live)
    Portal.objects.update(member_id=beta.member_id)
    tasks.push_statuses(live.pk)
    live.refresh_from_db()
    assert live.client_endpoint == f"https://{NOBODY}/rest/"
    assert not Message.objects.filter(pushed=Status.DELIVERED).exists()
