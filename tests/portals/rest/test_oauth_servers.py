"""Where the authorization server that a portal belongs to does not answer, another allowed one is asked."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.exchange_log.models import Exchange
from b24app.portals.errors import InDoubt, NotOurs
from b24app.portals.models import Portal, PortalToken
from b24app.portals.reconnect import authorize_url, complete_reconnect
from b24app.portals.rest import token_renewal
from b24app.portals.rest.client import PortalClient
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from tests.portals.launches import ALICE, launch, move

NOBODY = "127.0.0.1:9"


def test_a_refresh_asks_another_allowed_server_where_the_remembered_one_is_silent(
    portal: Portal, box: Sandbox, settings: Settings
) -> None:
    settings.B24_OAUTH_HOSTS = [NOBODY, box.world.oauth_host]
    Portal.objects.update(oauth_host=NOBODY)
    portal.refresh_from_db()
    before = (portal.domain, portal.client_endpoint)
    assert token_renewal.renew_token(portal, PortalToken.objects.get()).generation == 1
    portal.refresh_from_db()
    assert portal.oauth_host == box.world.oauth_host
    assert (portal.domain, portal.client_endpoint) == before


def test_a_server_that_is_not_allowed_is_not_asked(portal: Portal, box: Sandbox, settings: Settings) -> None:
    settings.B24_OAUTH_HOSTS = [NOBODY]
    assert portal.oauth_host == box.world.oauth_host
    with pytest.raises(InDoubt):
        token_renewal.renew_token(portal, PortalToken.objects.get())
    row = PortalToken.objects.get()
    assert (row.generation, row.dead_reason, row.lease_until) == (0, "", None)


def test_what_another_server_refuses_proves_nothing_while_the_remembered_one_is_silent(
    portal: Portal, alpha: There, box: Sandbox, settings: Settings
) -> None:
    """The other one may not know the portals of this region: a token must not die, nor the portal, by its word."""
    settings.B24_OAUTH_HOSTS = [NOBODY, box.world.oauth_host]
    Portal.objects.update(oauth_host=NOBODY)
    portal.refresh_from_db()
    alpha.revoke_refresh()
    with pytest.raises(InDoubt):
        token_renewal.renew_token(portal, PortalToken.objects.get())
    alpha.switches.not_installed = True
    with pytest.raises(InDoubt):
        token_renewal.renew_token(portal, PortalToken.objects.get())
    portal.refresh_from_db()
    assert (PortalToken.objects.get().dead_reason, portal.suspension, portal.oauth_host) == ("", "", NOBODY)


def test_reconnecting_asks_another_allowed_server_and_follows_the_portal(
    portal: Portal, alpha: There, box: Sandbox, settings: Settings
) -> None:
    settings.B24_OAUTH_HOSTS = [NOBODY, box.world.oauth_host]
    PortalToken.objects.update(dead_reason="invalid_grant")
    Portal.objects.update(oauth_host=NOBODY, no_token_since=timezone.now())
    portal.refresh_from_db()
    state = parse_qs(urlsplit(authorize_url(portal)).query)["state"][0]
    move(alpha, "127.0.0.9")
    connected, user_id = complete_reconnect(alpha.issue_code(ALICE), state)
    assert (connected.pk, user_id, connected.no_token_since) == (portal.pk, ALICE, None)
    portal.refresh_from_db()
    assert (portal.client_endpoint, portal.domain) == (alpha.client_endpoint, alpha.domain)
    assert portal.oauth_host == box.world.oauth_host


@pytest.fixture
def both_servers(box: Sandbox, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the hosts of both servers, which are allowed; the second one knows portals that the first does not."""
    settings.B24_OAUTH_HOSTS = list(box.world.oauth_hosts)
    yield box.world.oauth_hosts
    box.world.oauth_down.clear()


def test_the_other_server_takes_over_and_keeps_the_portal(
    portal: Portal, box: Sandbox, both_servers: tuple[str, str]
) -> None:
    first, second = both_servers
    box.world.oauth_down.add(first)
    PortalToken.objects.update(expires_at=timezone.now())
    assert PortalClient(portal).call("app.info")
    portal.refresh_from_db()
    assert portal.oauth_host == second
    box.world.oauth_down = {second}
    PortalToken.objects.update(expires_at=timezone.now())
    assert PortalClient(portal).call("app.info")
    portal.refresh_from_db()
    assert (portal.oauth_host, PortalToken.objects.get().generation) == (first, 2)


def test_a_server_that_does_not_know_the_portal_costs_it_nothing_while_its_own_is_down(
    portal: Portal, alpha: There, box: Sandbox, both_servers: tuple[str, str]
) -> None:
    _, second = both_servers
    alpha.switches.oauth_elsewhere = True
    Portal.objects.update(oauth_host=second)
    portal.refresh_from_db()
    PortalToken.objects.update(expires_at=timezone.now())
    box.world.oauth_down.add(second)
    with pytest.raises(InDoubt):
        PortalClient(portal).call("app.info")
    portal.refresh_from_db()
    row = PortalToken.objects.get()
    assert (row.dead_reason, portal.suspension, portal.no_token_since, portal.oauth_host) == ("", "", None, second)
    box.world.oauth_down.clear()
    assert PortalClient(portal).call("app.info")


# -- who opens us: a portal that another allowed server knows ----------------------------------------------------------


@pytest.fixture
def elsewhere(alpha: There, both_servers: tuple[str, str]) -> There:
    """Return an old portal whose pages do not name its authorization server, which is the second one."""
    alpha.switches.oauth_elsewhere = True
    alpha.switches.modern = False
    return alpha


def app_infos() -> list[tuple[str, int]]:
    """Return which servers were asked who somebody is, with their status, of confirmed callers."""
    asked = Exchange.objects.filter(peer="oauth", path__contains="app.info").order_by("pk")
    return list(asked.values_list("host", "status"))


@pytest.mark.django_db
def test_a_portal_that_the_first_server_does_not_know_is_opened_by_the_word_of_the_other(
    elsewhere: There, both_servers: tuple[str, str]
) -> None:
    first, second = both_servers
    opened = launch(elsewhere)
    assert (opened.is_admin, opened.portal.oauth_host) == (True, second)
    assert app_infos() == [(first, 400), (second, 200)]


@pytest.mark.django_db
def test_a_token_that_neither_server_knows_is_asked_about_twice_and_no_more(
    elsewhere: There, box: Sandbox, settings: Settings, both_servers: tuple[str, str]
) -> None:
    settings.B24_OAUTH_HOSTS = [*both_servers, NOBODY]
    with pytest.raises(NotOurs) as refused:
        launch(elsewhere, AUTH_ID="invented")
    assert refused.value.code == "INVALID_TOKEN"


@pytest.mark.django_db
def test_what_a_server_does_not_know_is_open_while_the_other_is_silent(
    elsewhere: There, box: Sandbox, both_servers: tuple[str, str]
) -> None:
    box.world.oauth_down.add(both_servers[1])
    with pytest.raises(InDoubt):
        launch(elsewhere)
    box.world.oauth_down.clear()
    assert launch(elsewhere).is_admin


@pytest.mark.django_db
def test_the_refusal_of_the_portals_own_server_holds_while_the_other_is_silent(
    alpha: There, box: Sandbox, both_servers: tuple[str, str]
) -> None:
    box.world.oauth_down.add(both_servers[1])
    with pytest.raises(NotOurs):
        launch(alpha, AUTH_ID="invented")  # its page names the first server
