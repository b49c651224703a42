"""A portal with a local application of its own: another client id and secret at the same OAuth servers."""

from typing import Any

import pytest
import requests

from b24app.sandbox import Portal, Sandbox

OWN = {"client_id": "local.charlie", "client_secret": "charlies-secret"}
MARKET = {"client_id": "sandbox.app", "client_secret": "sandbox-secret"}


@pytest.fixture
def beta(box: Sandbox) -> Portal:
    portal = box.portal("beta")
    portal.use_local_application(**OWN)
    portal.install()
    return portal


def redeem(box: Sandbox, session: requests.Session, secrets: dict[str, str], **params: str) -> Any:
    return session.get(f"{box.oauth_url}/oauth/token/", params=secrets | params).json()


def refresh(box: Sandbox, session: requests.Session, secrets: dict[str, str], token: str) -> Any:
    return redeem(box, session, secrets, grant_type="refresh_token", refresh_token=token)


def test_pages_and_the_oauth_server_name_it(box: Sandbox, beta: Portal, session: requests.Session) -> None:
    access = beta.frame(1)["fields"]["AUTH_ID"]
    owner = session.get(f"{box.oauth_url}/rest/app.info", params={"auth": access}).json()["result"]
    assert (owner["client_id"], owner["install"]["status"]) == ("local.charlie", "L")


def test_its_tokens_are_renewed_with_its_secret_alone(box: Sandbox, beta: Portal, session: requests.Session) -> None:
    token = beta.issue_token(1).refresh
    assert refresh(box, session, MARKET, token)["error"] == "invalid_grant"
    assert refresh(box, session, OWN | {"client_secret": "another"}, token)["error"] == "invalid_client"
    assert refresh(box, session, OWN, token)["member_id"] == beta.member_id
    assert [(call.kind, call.client_id, call.outcome) for call in list(box.world.oauth_log)[-3:]] == [
        ("refresh_token", "sandbox.app", "invalid_grant"),
        ("refresh_token", "local.charlie", "invalid_client"),
        ("refresh_token", "local.charlie", "ok"),
    ]


def test_another_portals_tokens_are_not_renewed_with_it(
    box: Sandbox, alpha: Portal, beta: Portal, session: requests.Session
) -> None:
    token = alpha.issue_token(1).refresh
    assert refresh(box, session, OWN, token)["error"] == "invalid_grant"
    assert refresh(box, session, MARKET, token)["member_id"] == alpha.member_id


def test_a_code_is_for_the_application_that_asked(box: Sandbox, beta: Portal, session: requests.Session) -> None:
    code = beta.issue_code(1)
    assert redeem(box, session, MARKET, grant_type="authorization_code", code=code)["error"] == "invalid_grant"
    assert redeem(box, session, OWN, grant_type="authorization_code", code=code)["member_id"] == beta.member_id
