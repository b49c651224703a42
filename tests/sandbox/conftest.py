"""A running sandbox, an application that only listens, and a client of the portal's REST."""

import threading
from collections.abc import Iterator

import pytest
import requests
from werkzeug.serving import ThreadedWSGIServer

from b24app.sandbox import Portal, Sandbox
from tests.sandbox.clients import Listener, Rest, SilentHandler


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
    """Return the portal alpha with the application installed and finished, answering without delay."""
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
    """Return the code of a registered sender whose handler is the listening application."""
    handler = f"{app.url}/handler/?key=secret"
    assert rest("messageservice.sender.add", CODE="acme", TYPE="SMS", HANDLER=handler, NAME="Acme")[0] == 200
    return "acme"
