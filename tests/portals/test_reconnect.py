"""Reconnecting by the authorization-code flow."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import signing
from django.utils import timezone

from b24app.portals.errors import NotOurs
from b24app.portals.models import PausedMethod, Portal, PortalToken, Suspension
from b24app.portals.reconnect import SALT, authorize_url, complete_reconnect
from b24app.sandbox import Portal as There
from tests.portals.launches import ALICE, BOB, DANA


@pytest.fixture
def lost(portal: Portal) -> Portal:
    """Create a portal without a usable token."""
    PortalToken.objects.update(dead_reason="invalid_grant")
    Portal.objects.update(no_token_since=timezone.now(), suspension=Suspension.GONE)
    portal.refresh_from_db()
    return portal


def state_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]


def test_the_address_names_us_the_portal_and_the_way_back(lost: Portal) -> None:
    url = urlsplit(authorize_url(lost))
    query = parse_qs(url.query)
    assert f"{url.scheme}://{url.netloc}" == lost.origin
    assert url.path == "/oauth/authorize/"
    assert query["client_id"] == ["sandbox.app"]
    assert query["redirect_uri"] == ["https://sendline.example/oauth/"]
    assert "sandbox-secret" not in url.query


def test_an_administrator_reconnects_the_portal(lost: Portal, alpha: There) -> None:
    portal, user_id = complete_reconnect(alpha.issue_code(DANA), state_of(authorize_url(lost)))
    assert (portal, user_id) == (lost, DANA)
    assert (portal.no_token_since, portal.suspension) == (None, "")
    token = PortalToken.objects.get(user_id=DANA)
    assert token.is_admin
    assert token.access in alpha.tokens
    assert PortalToken.objects.get(user_id=ALICE).dead_reason == "invalid_grant"


def test_reconnecting_has_the_portal_asked_again_for_what_it_refused(lost: Portal, alpha: There) -> None:
    now = timezone.now()
    values = {"portal": lost, "since": now, "ask_at": now + timedelta(days=1)}
    PausedMethod.objects.create(method="user.get", code="INSUFFICIENT_SCOPE", **values)
    PausedMethod.objects.create(method="app.info", code="OPERATION_TIME_LIMIT", **values)
    complete_reconnect(alpha.issue_code(ALICE), state_of(authorize_url(lost)))
    assert list(PausedMethod.objects.values_list("method", flat=True)) == ["app.info"]


def test_a_link_shown_twice_is_the_same_one_until_it_is_used(lost: Portal, alpha: There) -> None:
    first = state_of(authorize_url(lost))
    second = state_of(authorize_url(Portal.objects.get()))
    complete_reconnect(alpha.issue_code(ALICE), first)
    with pytest.raises(NotOurs) as caught:
        complete_reconnect(alpha.issue_code(ALICE), second)
    assert caught.value.code == "STATE"


def test_an_employee_cannot_reconnect(lost: Portal, alpha: There) -> None:
    with pytest.raises(NotOurs) as caught:
        complete_reconnect(alpha.issue_code(BOB), state_of(authorize_url(lost)))
    assert caught.value.code == "NOT_ADMIN"
    assert not PortalToken.objects.filter(user_id=BOB).exists()
    lost.refresh_from_db()
    assert lost.no_token_since is not None


def test_a_code_of_another_portal_is_refused(lost: Portal, beta: There) -> None:
    with pytest.raises(NotOurs) as caught:
        complete_reconnect(beta.issue_code(1), state_of(authorize_url(lost)))
    assert caught.value.code == "FOREIGN"
    assert PortalToken.objects.filter(dead_reason="").count() == 0


def test_an_invented_code_is_refused_and_the_state_is_spent(lost: Portal, alpha: There) -> None:
    state = state_of(authorize_url(lost))
    with pytest.raises(NotOurs) as caught:
        complete_reconnect("0" * 70, state)
    assert caught.value.code == "INVALID_GRANT"
    with pytest.raises(NotOurs):
        complete_reconnect(alpha.issue_code(ALICE), state)


@pytest.mark.parametrize(
    "state",
    ["", "x", "\0", signing.dumps(["x", ""], salt=SALT), signing.dumps(7, salt=SALT)],
    ids=["empty", "a letter", "a zero byte", "a portal that is none", "a number"],  # signatures differ by the second
)
def test_a_forged_state_is_refused(lost: Portal, alpha: There, state: str) -> None:
    with pytest.raises(NotOurs) as caught:
        complete_reconnect(alpha.issue_code(ALICE), state)
    assert caught.value.code == "STATE"
    assert PortalToken.objects.filter(dead_reason="").count() == 0


def test_a_state_of_an_uninstalled_portal_is_refused(lost: Portal, alpha: There) -> None:
    state = state_of(authorize_url(lost))
    Portal.objects.update(uninstalled_at=timezone.now())
    with pytest.raises(NotOurs):
        complete_reconnect(alpha.issue_code(ALICE), state)
