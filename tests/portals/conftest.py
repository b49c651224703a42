"""The sandbox's two portals with the application at their side, over real HTTPS."""

from collections.abc import Callable, Iterator

import pytest
from pytest_django.fixtures import Settings

from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from b24app.sandbox.state import starting_portals
from tests.budgets import fresh_budgets  # noqa: F401 - a fixture
from tests.portals.launches import launch


@pytest.fixture(scope="session")
def running_box() -> Iterator[Sandbox]:
    sandbox = Sandbox(None, "https://sendline.example")
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def box(running_box: Sandbox, settings: Settings) -> Sandbox:
    """Yield the sandbox as on its first day, and our settings pointing at it."""
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
