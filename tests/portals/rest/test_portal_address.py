"""A portal that moves without a redirect: a refresh says where it is, and only the authorization server is believed."""

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.portals.errors import InDoubt
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import token_renewal
from b24app.portals.rest.client import PortalClient
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from tests.portals.launches import ALICE, asked, move

LIST = "messageservice.sender.list"
NOBODY = "127.0.0.1:9"


def swap_names(alpha: There, beta: There) -> None:
    """Give alpha another name, and its old one to Charlie's portal."""
    old = alpha.state.host
    move(alpha, "127.0.0.9")
    move(beta, old)


def test_a_refresh_that_names_a_new_address_is_followed(portal: Portal, alpha: There) -> None:
    move(alpha, "127.0.0.9")
    alpha.expire_tokens()
    PortalToken.objects.update(expires_at=timezone.now())
    assert PortalClient(portal).call(LIST) == []
    portal.refresh_from_db()
    assert (portal.client_endpoint, portal.domain) == (alpha.client_endpoint, alpha.domain)
    assert portal.client_endpoint.startswith("https://127.0.0.9:")


def test_a_refresh_never_makes_the_authorization_server_the_portals_domain(
    portal: Portal, alpha: There, box: Sandbox
) -> None:
    before = portal.domain
    token = PortalToken.objects.get()
    token_renewal.renew_token(portal, token)
    portal.refresh_from_db()
    assert portal.domain == before == alpha.domain
    assert portal.domain != box.world.oauth_host
    move(alpha, "127.0.0.9")
    token_renewal.renew_token(portal, PortalToken.objects.get())
    portal.refresh_from_db()
    assert portal.domain == alpha.domain == f"127.0.0.9:{box.world.http_port}"
    assert portal.origin == f"http://{portal.domain}"


def test_the_old_name_of_a_portal_may_be_anothers_and_its_words_kill_no_token(
    portal: Portal, alpha: There, beta: There
) -> None:
    swap_names(alpha, beta)
    assert PortalClient(portal).call(LIST) == []
    assert asked(beta, LIST) == ["invalid_token"]
    portal.refresh_from_db()
    row = PortalToken.objects.get(portal=portal)
    assert (row.user_id, row.dead_reason, portal.no_token_since) == (ALICE, "", None)
    assert portal.client_endpoint == alpha.client_endpoint
    assert portal.suspension == ""


def test_a_token_renewed_by_another_process_is_not_killed_by_the_old_name_either(
    portal: Portal, alpha: There, beta: There
) -> None:
    # The other process was killed after the new pair was stored and before it followed the portal.
    renewed = alpha.issue_token(ALICE)
    PortalToken.objects.update(access=renewed.access, refresh=renewed.refresh, generation=1)
    stale = PortalToken.objects.get()
    stale.access, stale.generation = "stale", 0
    swap_names(alpha, beta)
    assert PortalClient(portal, token=stale).call(LIST) == []
    assert PortalToken.objects.get(portal=portal).dead_reason == ""
    portal.refresh_from_db()
    assert portal.client_endpoint == alpha.client_endpoint


def test_an_address_that_the_authorization_server_does_not_confirm_is_not_believed(
    portal: Portal, alpha: There, beta: There, settings: Settings
) -> None:
    """Without a confirmation the token lives and the address stays: nobody knows better."""
    swap_names(alpha, beta)
    before = portal.client_endpoint
    PortalToken.objects.update(access="stale", generation=1)
    stale = PortalToken.objects.get()
    stale.generation = 0
    settings.B24_OAUTH_HOSTS = [NOBODY]
    with pytest.raises(InDoubt) as caught:
        PortalClient(portal, token=stale).call(LIST)
    assert caught.value.code == "OAUTH_SILENT"
    portal.refresh_from_db()
    assert portal.client_endpoint == before
    assert PortalToken.objects.get(portal=portal).dead_reason == ""
