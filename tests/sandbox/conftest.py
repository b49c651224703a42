"""A running sandbox, an application that only listens, and a client of the portal's REST."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from b24app.sandbox import Portal, Sandbox


@dataclass
class Arrival:
    """One request the application received: bytes as they came, headers by lower-case name."""

    method: str
    url: str
    body: bytes
    headers: dict[str, str]


@dataclass
class Listener:
    """An application that answers every request with `status` and `body`, and remembers it."""

    url: str = ""
    status: int = 200
    body: str = ""
    arrivals: list[Arrival] = field(default_factory=list)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.arrivals.append(Arrival(request.method, request.url, request.get_data(), headers))
        return Response(self.body, self.status, content_type="text/html")(environ, start_response)


@dataclass
class Rest:
    """Calls a portal's REST as the bearer of one token."""

    portal: Portal
    session: requests.Session
    token: str

    def __call__(self, method: str, **params: object) -> tuple[int, Any]:
        """Status and JSON of one call, made as the official SDK makes it: JSON body, no redirects."""
        body = {"auth": self.token, **params}
        answer = self.session.post(self.portal.client_endpoint + method, json=body, allow_redirects=False, timeout=30)
        return answer.status_code, answer.json()

    def error(self, method: str, **params: object) -> tuple[int, str, str]:
        """Status, code and text of a refusal."""
        status, body = self(method, **params)
        return status, body["error"], body["error_description"]


class SilentHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name is werkzeug's
        """Say nothing."""


@pytest.fixture
def app() -> Iterator[Listener]:
    listener = Listener()
    server = ThreadedWSGIServer("127.0.0.1", 0, listener, handler=SilentHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    listener.url = f"http://127.0.0.1:{server.server_port}"
    yield listener
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def box(app: Listener) -> Iterator[Sandbox]:
    sandbox = Sandbox(app_url=app.url)
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def alpha(box: Sandbox) -> Portal:
    """The portal alpha with the application installed and finished, answering without delay."""
    portal = box.portal("alpha")
    portal.switches.sent_after = portal.switches.row_after = 0.0
    portal.install()
    portal.install_finish()
    return portal


@pytest.fixture
def session(box: Sandbox) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = box.ca_file
        yield session


@pytest.fixture
def rest(alpha: Portal, session: requests.Session) -> Rest:
    """REST as Alice, an administrator."""
    return Rest(alpha, session, alpha.issue_token(1).access)


@pytest.fixture
def bob(alpha: Portal, session: requests.Session) -> Rest:
    """REST as Bob, who is none."""
    return Rest(alpha, session, alpha.issue_token(7).access)


@pytest.fixture
def sender(rest: Rest, app: Listener) -> str:
    """The code of a registered sender whose handler is the listening application."""
    handler = f"{app.url}/handler/?key=secret"
    assert rest("messageservice.sender.add", CODE="acme", TYPE="SMS", HANDLER=handler, NAME="Acme")[0] == 200
    return "acme"
