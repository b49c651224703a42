"""Where a portal is: https, a usual port, a foreign authority, REST without TLS, moves (docs/bitrix24.md B.4, B.8)."""

from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from b24app.sandbox import Portal, Sandbox
from tests.sandbox.clients import Rest


def query_of(portal: Portal) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(portal.frame()["action"]).query))


def test_pages_may_be_on_https(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    plain = query_of(alpha)
    alpha.switches.https_pages = True
    secure, frame = query_of(alpha), alpha.frame()
    page = session.get(f"https://{secure['DOMAIN']}/app/")

    assert (plain["PROTOCOL"], secure["PROTOCOL"]) == ("0", "1")
    assert secure["DOMAIN"] == f"localhost:{box.world.tls_port}" == alpha.domain
    assert frame["portal_origin"] == f"https://{alpha.domain}"
    assert frame["name"] == f"{alpha.domain}|1|{frame['sid']}"
    assert (page.status_code, page.headers["Content-Type"].partition(";")[0]) == (200, "text/html")


def test_pages_are_not_on_https_otherwise(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    assert session.get(f"{box.tls_url}/app/").status_code == 404


def test_a_portal_at_the_usual_port_names_none(box: Sandbox, alpha: Portal, rest: Rest) -> None:
    alpha.switches.default_port = True
    owner = rest.session.get(f"{box.oauth_url}/rest/app.info", params={"auth": rest.token}).json()["result"]

    assert (query_of(alpha)["DOMAIN"], owner["install"]["domain"]) == ("localhost", "localhost")
    assert alpha.frame()["portal_origin"] == "http://localhost"
    assert rest("profile")[0] == 200


def test_rest_without_tls_is_refused(alpha: Portal, rest: Rest) -> None:
    alpha.switches.http_rest = True

    assert alpha.client_endpoint.startswith("http://localhost:")
    assert rest.error("profile")[:2] == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.9"])
def test_a_box_may_have_an_authority_of_its_own(
    box: Sandbox, alpha: Portal, session: requests.Session, host: str
) -> None:
    alpha.rename(host)
    alpha.switches.foreign_ca = True
    with pytest.raises(requests.exceptions.SSLError):
        session.post(f"{alpha.client_endpoint}profile")

    assert session.get(f"{box.oauth_url}/rest/app.info").status_code == 401
    assert session.post(f"{box.portal('beta').client_endpoint}profile").status_code == 401


def test_a_portal_may_move_and_leave_nothing_behind(box: Sandbox, alpha: Portal, rest: Rest) -> None:
    old = alpha.client_endpoint
    alpha.move("127.0.0.9")
    left = rest.session.post(f"{old}profile", json={"auth": rest.token}, allow_redirects=False)

    assert (left.status_code, left.json()["error"]) == (404, "NOT_FOUND")
    assert rest("profile")[0] == 200
    beta = box.portal("beta")
    beta.move("localhost")
    beta.install()
    taken = rest.session.post(f"{old}profile", json={"auth": rest.token}, allow_redirects=False)
    assert taken.json()["error"] == "invalid_token"


def test_a_copy_of_a_box_says_that_it_is_the_original(box: Sandbox, alpha: Portal, rest: Rest) -> None:
    copy = alpha.clone("copy", "127.0.0.9")
    its_own = copy.issue_token(1)
    install = rest.session.get(f"{box.oauth_url}/rest/app.info", params={"auth": its_own.access}).json()["result"][
        "install"
    ]

    assert (copy.member_id, copy.state.app.token) == (alpha.member_id, alpha.state.app.token)
    assert (install["member_id"], install["domain"]) == (alpha.member_id, alpha.domain)
    assert query_of(copy)["DOMAIN"] == copy.domain != alpha.domain
    assert [Rest(one, rest.session, rest.token)("profile")[0] for one in (alpha, copy)] == [200, 200]


def test_a_box_and_its_copy_spend_a_refresh_token_together(box: Sandbox, alpha: Portal, rest: Rest) -> None:
    refresh = alpha.issue_token(1).refresh
    alpha.clone("copy", "127.0.0.9")
    grant = {"grant_type": "refresh_token", "client_id": "sandbox.app", "client_secret": "sandbox-secret"}
    url = f"{box.oauth_url}/oauth/token/"
    answers = [rest.session.get(url, params=grant | {"refresh_token": refresh}).status_code for _ in range(2)]

    assert answers == [200, 400]


def test_a_box_that_is_registered_again_is_another_portal(alpha: Portal, rest: Rest, sender: str) -> None:
    before = alpha.member_id
    alpha.register_again()

    assert alpha.member_id != before
    assert rest.error("profile")[1] == "invalid_token"
    assert list(alpha.senders) == [sender]


def test_a_former_name_may_become_another_portals(box: Sandbox, alpha: Portal, rest: Rest) -> None:
    old = alpha.client_endpoint
    alpha.rename("127.0.0.9")
    beta = box.portal("beta")
    beta.rename("localhost")
    beta.install()

    answer = rest.session.post(f"{old}profile", json={"auth": rest.token}, allow_redirects=False)
    assert answer.json()["error"] == "invalid_token"
    assert rest("profile")[0] == 200
