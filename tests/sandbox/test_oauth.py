"""The OAuth server: codes, rotation, errors and app.info (docs/bitrix24.md A.5, B.1, B.2)."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from b24app.sandbox import MethodError, Portal, Sandbox

SECRETS = {"client_id": "sandbox.app", "client_secret": "sandbox-secret"}


def ask(box: Sandbox, session: requests.Session, **params: str) -> tuple[int, dict[str, Any]]:
    answer = session.get(f"{box.oauth_url}/oauth/token/", params=params)
    return answer.status_code, answer.json()


def refresh(box: Sandbox, session: requests.Session, token: str) -> tuple[int, dict[str, Any]]:
    return ask(box, session, grant_type="refresh_token", refresh_token=token, **SECRETS)


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        (SECRETS | {"client_id": "other"}, 200, "wrong_client"),
        (SECRETS | {"client_secret": "other"}, 400, "invalid_client"),
        (SECRETS, 400, "invalid_request"),
        (SECRETS | {"grant_type": "refresh_token"}, 400, "invalid_request"),
        (SECRETS | {"grant_type": "refresh_token", "refresh_token": "none"}, 400, "invalid_grant"),
        (SECRETS | {"grant_type": "authorization_code"}, 400, "invalid_request"),
        (SECRETS | {"grant_type": "authorization_code", "code": "none"}, 400, "invalid_grant"),
    ],
)
def test_errors(box: Sandbox, session: requests.Session, params: dict[str, str], status: int, code: str) -> None:
    answered, body = ask(box, session, **params)

    assert (answered, body["error"]) == (status, code)
    assert set(body) == {"error", "error_description"}


def test_a_refresh_rotates_both_tokens(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    old = alpha.issue_token(7)
    used = old.refresh
    status, fresh = refresh(box, session, used)

    assert status == 200
    assert fresh["access_token"] != old.access
    assert fresh["refresh_token"] != used
    assert fresh["user_id"] == 7
    assert fresh["domain"] == urlsplit(box.oauth_url).netloc
    assert fresh["client_endpoint"] == alpha.client_endpoint
    assert fresh["member_id"] == alpha.member_id
    assert fresh["expires_in"] == 3600
    assert refresh(box, session, used)[1]["error"] == "invalid_grant"
    assert refresh(box, session, fresh["refresh_token"])[0] == 200


@pytest.mark.parametrize(
    ("switch", "code"), [("not_installed", "NOT_INSTALLED"), ("payment_required", "PAYMENT_REQUIRED")]
)
def test_a_portal_that_may_not_refresh(
    box: Sandbox, alpha: Portal, session: requests.Session, switch: str, code: str
) -> None:
    token = alpha.issue_token(1).refresh
    alpha.switches.set(switch, value=True)

    assert refresh(box, session, token)[0] == 401
    assert refresh(box, session, token)[1]["error"] == code
    alpha.switches.set(switch, value=False)
    assert refresh(box, session, token)[0] == 200


def test_a_removed_application_is_not_installed(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    token = alpha.issue_token(1).refresh
    alpha.uninstall()

    assert refresh(box, session, token)[1]["error"] == "NOT_INSTALLED"


def test_revoked_tokens_need_a_person(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    token = alpha.issue_token(1).refresh
    alpha.revoke_refresh()

    assert refresh(box, session, token)[1]["error"] == "invalid_grant"


def test_too_much_scope_is_refused(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    token = alpha.issue_token(1).refresh
    status, body = ask(box, session, grant_type="refresh_token", refresh_token=token, scope="telephony", **SECRETS)

    assert (status, body["error"]) == (403, "invalid_scope")
    assert refresh(box, session, token)[0] == 200


def test_an_error_can_be_forced(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    alpha.switches.method_errors = [MethodError("oauth.token", "invalid_client", "Invalid client", 400, times=1)]
    token = alpha.issue_token(1).refresh

    assert refresh(box, session, token)[1]["error"] == "invalid_client"
    assert refresh(box, session, token)[0] == 200


def test_a_code_works_once(box: Sandbox, alpha: Portal, app: Any, session: requests.Session) -> None:
    where = {"client_id": "sandbox.app", "state": "s 1", "redirect_uri": f"{app.url}/back/?x=1", "user": "2"}
    sent = session.get(f"http://{alpha.domain}/oauth/authorize/", params=where, allow_redirects=False)
    target = urlsplit(sent.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(target.query).items()}
    grant = {"grant_type": "authorization_code", "code": query["code"], **SECRETS}
    status, body = ask(box, session, **grant)

    assert sent.status_code == 302
    assert target.path == "/back/"
    assert (query["state"], query["member_id"], query["domain"]) == ("s 1", alpha.member_id, alpha.domain)
    assert (status, body["user_id"]) == (200, 2)
    assert ask(box, session, **grant)[1]["error"] == "invalid_grant"


def test_a_code_lives_thirty_seconds(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    code = alpha.issue_code(1)
    left = alpha.state.codes[code].expires - time.time()
    alpha.state.codes[code].expires = time.time() - 1

    assert 29 < left <= 30
    assert ask(box, session, grant_type="authorization_code", code=code, **SECRETS)[1]["error"] == "invalid_grant"


def test_app_info_says_whose_token_it_is(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    ours = session.get(f"{box.oauth_url}/rest/app.info/", params={"auth": alpha.issue_token(7).access}).json()["result"]
    other = alpha.issue_token(1, client_id="other.app").access
    theirs = session.get(f"{box.oauth_url}/rest/app.info", params={"auth": other}).json()["result"]

    assert (ours["client_id"], ours["user_id"], theirs["client_id"]) == ("sandbox.app", 7, "other.app")
    assert ours["install"]["member_id"] == alpha.member_id
    assert ours["install"]["domain"] == alpha.domain
    assert ours["install"]["client_endpoint"] == alpha.client_endpoint
    assert ours["install"]["installed"] is True


def test_app_info_refuses_unknown_and_expired_tokens(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    token = alpha.issue_token(1).access
    alpha.expire_tokens()
    answers = [session.get(f"{box.oauth_url}/rest/app.info", params={"auth": item}) for item in ("none", token, "")]

    assert [(item.status_code, item.json()["error"]) for item in answers] == [
        (400, "invalid_client"),
        (401, "expired_token"),
        (401, "NO_AUTH_FOUND"),
    ]


def test_the_server_may_be_far_away(box: Sandbox, session: requests.Session) -> None:
    session.post(f"{box.http_url}/_/oauth", json={"delay": 0.3})
    began = time.monotonic()
    ask(box, session)
    far = time.monotonic() - began
    session.post(f"{box.http_url}/_/oauth", json={"delay": 0})

    assert (far >= 0.3, box.world.oauth_delay) == (True, 0.0)


def test_one_server_may_be_down(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    token = alpha.issue_token(1).access
    session.post(f"{box.http_url}/_/oauth", json={"down": [0]})
    with pytest.raises(requests.ConnectionError):
        ask(box, session)
    other = session.get(f"https://{box.world.oauth_hosts[1]}/rest/app.info", params={"auth": token})
    session.post(f"{box.http_url}/_/oauth", json={"down": []})

    assert other.json()["result"]["user_id"] == 1
    assert ask(box, session)[1]["error"] == "invalid_request"


def test_a_portal_may_be_known_to_the_second_server_alone(
    box: Sandbox, alpha: Portal, session: requests.Session
) -> None:
    alpha.switches.oauth_elsewhere = True
    fields = alpha.frame()["fields"]
    hosts = box.world.oauth_hosts
    grant = {"grant_type": "refresh_token", "refresh_token": fields["REFRESH_ID"], **SECRETS}
    owners = [session.get(f"https://{host}/rest/app.info", params={"auth": fields["AUTH_ID"]}) for host in hosts]
    fresh = [session.get(f"https://{host}/oauth/token/", params=grant).json() for host in hosts]

    assert fields["SERVER_ENDPOINT"] == f"https://{hosts[1]}/rest/"
    assert [owner.status_code for owner in owners] == [400, 200]
    assert (fresh[0]["error"], fresh[1]["domain"]) == ("invalid_grant", hosts[1])


def test_a_dismissed_employees_token_may_not_be_refreshed(
    box: Sandbox, alpha: Portal, session: requests.Session
) -> None:
    alpha.switches.refuse_fired = True
    token = alpha.issue_token(7).refresh
    alpha.set_user(7, active=False)
    assert refresh(box, session, token)[1]["error"] == "invalid_grant"
    alpha.set_user(7, active=True)

    assert refresh(box, session, token)[0] == 200


def test_the_server_learns_a_new_name_late(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    token, old = alpha.issue_token(1), alpha.client_endpoint
    alpha.switches.name_lag = 60.0
    alpha.rename("127.0.0.9")
    early = session.get(f"{box.oauth_url}/rest/app.info", params={"auth": token.access}).json()["result"]["install"]
    seen = [early["client_endpoint"], refresh(box, session, token.refresh)[1]["client_endpoint"]]
    alpha.state.moved_at -= 60.0
    late = session.get(f"{box.oauth_url}/rest/app.info", params={"auth": token.access}).json()["result"]["install"]

    assert seen == [old, old]
    assert late["client_endpoint"] == alpha.client_endpoint != old


def test_the_server_may_name_a_portal_without_its_port(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    alpha.switches.oauth_without_port = True
    params = {"auth": alpha.issue_token(1).access}
    install = session.get(f"{box.oauth_url}/rest/app.info", params=params).json()["result"]["install"]

    assert (install["domain"], install["client_endpoint"]) == ("localhost", alpha.client_endpoint)


def test_whose_payment_ran_out_is_named_by_nobody(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    params = {"auth": alpha.issue_token(1).access}
    alpha.switches.payment_required = True
    answer = session.get(f"{box.oauth_url}/rest/app.info", params=params)

    assert (answer.status_code, answer.json()["error"]) == (401, "PAYMENT_REQUIRED")


def test_numbers_may_come_as_text(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    alpha.switches.php_text = True
    token = alpha.issue_token(7)
    owner = session.get(f"{box.oauth_url}/rest/app.info", params={"auth": token.access}).json()["result"]
    fresh = refresh(box, session, token.refresh)[1]

    assert (owner["user_id"], owner["install"]["version"], owner["install"]["installed"]) == ("7", "1", True)
    assert (fresh["user_id"], fresh["expires_in"]) == ("7", "3600")


def test_the_log_says_who_was_asked_about_and_with_what_outcome(
    box: Sandbox, alpha: Portal, session: requests.Session
) -> None:
    held = alpha.issue_token(7)
    refresh(box, session, held.refresh)
    refresh(box, session, "none")
    session.get(f"{box.oauth_url}/rest/app.info", params={"auth": held.access})
    session.get(f"{box.oauth_url}/rest/app.info", params={"auth": "invented"})

    log = session.get(f"{box.http_url}/_/oauth_log").json()["oauth_log"]
    assert [(one["kind"], one["outcome"], one["portal"], one["user_id"]) for one in log] == [
        ("refresh_token", "ok", "alpha", 7),
        ("refresh_token", "invalid_grant", "", 0),
        ("app.info", "ok", "alpha", 7),
        ("app.info", "invalid_client", "", 0),
    ]
