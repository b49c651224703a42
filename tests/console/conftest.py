"""The sandbox's portal alpha, where Alice has installed the application, and the SMS service beside it."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from b24app.core.redis import redis_client
from b24app.messaging.models import Sender
from b24app.portals import identity
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from tests import factories
from tests.budgets import fresh_budgets  # noqa: F401 - a fixture


@pytest.fixture
def portal(sender: Sender) -> Portal:
    """Return Alice's portal; a test file has the sender, or says otherwise which portal."""
    return sender.portal


@pytest.fixture
def alice(portal: Portal) -> Client:
    """Return a client of Alice's, who administers the portal."""
    return factories.visitor(portal)


@pytest.fixture
def bob(portal: Portal) -> Client:
    """Return a client of Bob's, who is its employee."""
    return factories.visitor(portal, factories.BOB, is_admin=False)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the sandbox's certificates, so that they are made once."""
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture
def box(authority: Path, settings: Settings) -> Iterator[Sandbox]:
    for state in authority.glob("*.json"):
        state.unlink()
    sandbox = Sandbox(authority, "https://sendline.example", settings.B24_CLIENT_ID, settings.B24_CLIENT_SECRET)
    sandbox.start()
    settings.B24_OAUTH_HOSTS = [sandbox.world.oauth_host]
    settings.EXTRA_CA_FILE = sandbox.ca_file
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    redis_client().flushdb()
    yield sandbox
    sandbox.stop()


@pytest.fixture
def there(box: Sandbox) -> There:
    """Return the portal's own side."""
    portal = box.portal("alpha")
    portal.install()
    return portal


@pytest.fixture
def alpha(db: None, there: There) -> Portal:
    """Return our side of it, after Alice has opened the application."""
    frame = there.frame(1)
    return identity.verify_launch(dict(parse_qsl(urlsplit(frame["action"]).query)), dict(frame["fields"])).portal
