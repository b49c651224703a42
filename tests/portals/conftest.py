"""The sandbox's two portals with the application at their side, over real HTTPS."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pytest_django.fixtures import Settings

from b24app.portals import identity
from b24app.portals.identity import Launch
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from b24app.sandbox.state import Token, starting_portals

ALICE, DANA, BOB = 1, 2, 7  # Alice and Dana administrate alpha, Bob works there


@pytest.fixture(scope="session")
def running_box() -> Iterator[Sandbox]:
    sandbox = Sandbox(None, "https://sendline.example")
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def box(running_box: Sandbox, settings: Settings) -> Sandbox:
    """The sandbox as on its first day, and our settings pointing at it."""
    for portal in starting_portals():
        running_box.world.add_portal(portal)
    settings.B24_CLIENT_ID = running_box.world.client_id
    settings.B24_CLIENT_SECRET = running_box.world.client_secret
    settings.B24_OAUTH_HOSTS = [running_box.world.oauth_host]
    settings.EXTRA_CA_FILE = running_box.ca_file
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    return running_box


@pytest.fixture
def alpha(box: Sandbox) -> There:
    portal = box.portal("alpha")
    portal.install()
    return portal


@pytest.fixture
def beta(box: Sandbox) -> There:
    """Charlie's portal."""
    portal = box.portal("beta")
    portal.install()
    return portal


def posted(frame: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the query and form that a portal's page posts into our frame."""
    return dict(parse_qsl(urlsplit(frame["action"]).query)), dict(frame["fields"])


def launch(there: There, user: int = ALICE, **fields: str) -> Launch:
    """Open the application as this user; `fields` replace what the page posts."""
    query, form = posted(there.frame(user, install=False))
    return identity.verify_launch(query | {k: v for k, v in fields.items() if k in query}, form | fields)


@pytest.fixture
def portal(db: None, alpha: There) -> Portal:
    """Alpha as stored after Alice has opened the application."""
    return launch(alpha).portal


@pytest.fixture
def forced(alpha: There) -> Callable[..., None]:
    """Make the next `times` calls of a method answer an error."""

    def force(
        error: str, description: str = "", *, method: str = "app.info", status: int = 400, times: int = 1
    ) -> None:
        item = {"method": method, "error": error, "description": description, "status": status, "times": times}
        alpha.switches.set("method_errors", [item])

    return force


def asked(there: There, method: str) -> list[str]:
    """Return the outcomes of the calls of a method, in order."""
    return [call.outcome for call in there.rest_log if call.method == method]


def refreshed(there: There) -> list[Token]:
    """Return the tokens whose refresh token was used."""
    return [token for token in there.tokens.values() if not token.refresh]
