"""A portal of Alice's with a Twilio account at the sandbox's SMS service."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from b24app.core.redis import redis_client
from b24app.messaging.models import Connection, Sender
from b24app.portals.models import Portal, PortalToken
from b24app.sandbox import Portal as SandboxPortal
from b24app.sandbox import Sandbox, Switches
from tests import factories
from tests.budgets import fresh_budgets  # noqa: F401 - a fixture


@pytest.fixture(scope="session")
def box() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture(autouse=True)
def _loopback(settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    settings.B24_OAUTH_HOSTS = ["127.0.0.1:9"]
    redis_client().flushdb()


@pytest.fixture
def sms(box: Sandbox) -> Sandbox:
    """Yield the sandbox with its SMS service as on the first day."""
    box.sms.switches.__init__()  # type: ignore[misc]
    box.sms.switches.delay = 0.0
    box.sms.switches.drop_reports = True
    box.sms._texts.clear()
    box.sms._references.clear()
    return box


@pytest.fixture
def portal(db: None) -> Portal:
    """Return a portal whose OAuth server and REST are nowhere; enough for what does not call it."""
    return factories.portal()


@pytest.fixture
def connection(portal: Portal, sms: Sandbox) -> Connection:
    account = {"account_sid": "AC" + "1" * 32, "auth_token": "tokentokentoken", "base_url": sms.sms_url}
    return factories.connection(portal, "twilio", title="Acme", account=account)


@pytest.fixture
def sender(connection: Connection) -> Sender:
    return factories.sender(connection, code="sendline-1", names={"en": "Acme"}, registered_as="")


@pytest.fixture
def alpha(box: Sandbox, db: None, settings: Settings) -> SandboxPortal:
    """Alice's portal in the sandbox, as on the first day, with the application installed."""
    settings.B24_CLIENT_ID, settings.B24_CLIENT_SECRET = "sandbox.app", "sandbox-secret"
    settings.B24_OAUTH_HOSTS = [box.world.oauth_host]
    settings.EXTRA_CA_FILE = box.ca_file
    there = box.portal("alpha")
    there.state.senders.clear()
    there.state.messages.clear()
    there.state.unbind_all()
    there.state.switches = Switches(sent_after=0.0)
    there.world.running[there.state.key].rest_log.clear()
    there.set_user(1, active=True, admin=True)
    there.install()
    there.install_finish()
    there.empty_bucket()
    return there


@pytest.fixture
def live(alpha: SandboxPortal, portal: Portal, box: Sandbox) -> Portal:
    """Return the same portal in our database, with Alice's tokens."""
    portal.member_id, portal.domain, portal.client_endpoint = alpha.member_id, alpha.domain, alpha.client_endpoint
    portal.oauth_host = box.world.oauth_host
    portal.installed_at = timezone.now()
    portal.save()
    token = alpha.issue_token(1)
    PortalToken.objects.create(
        portal=portal,
        user_id=1,
        access=token.access,
        refresh=token.refresh,
        expires_at=timezone.now() + timedelta(hours=1),
        is_admin=True,
    )
    return portal


@pytest.fixture
def front(db: None) -> Sender:
    """Return a sender that needs no sandbox."""
    return factories.sender(factories.connection(factories.portal()))
