"""A portal of Alice's with a Twilio account at the sandbox's SMS service."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import cycle
from queue import SimpleQueue
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone
from pytest_django import Settings

from b24app.core.redis import redis_client
from b24app.messaging.dispatch.dispatcher import Dispatcher
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.intake import acceptance
from b24app.messaging.models import Connection, Message, Sender, SenderState
from b24app.messaging.models.guards import Rules
from b24app.messaging.models.statuses import Phase, Wait
from b24app.portals.models import Portal, PortalToken
from b24app.sandbox import Portal as SandboxPortal
from b24app.sandbox import Sandbox, Switches
from tests import factories

_numbers = cycle(range(2000, 9900))


@pytest.fixture(scope="session")
def box() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture(autouse=True)
def _loopback(settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    redis_client().flushdb()


@pytest.fixture
def sms(box: Sandbox) -> Sandbox:
    """The sandbox with its SMS service as on the first day."""
    box.sms.switches.__init__()  # type: ignore[misc]
    box.sms.switches.delay = 0.0
    box.sms.switches.drop_reports = True
    box.sms._texts.clear()
    box.sms._references.clear()
    return box


def a_portal(**fields: Any) -> Portal:
    """A portal whose OAuth server and REST are nowhere; enough for what does not call it."""
    values = {"domain": "alpha.bitrix24.example", "client_endpoint": "https://alpha.bitrix24.example/rest/"}
    return Portal.objects.create(
        **{"member_id": uuid.uuid4().hex, "oauth_host": "oauth.example", "country": "US", **values, **fields}
    )


@pytest.fixture
def portal(db: None) -> Portal:
    return a_portal()


@pytest.fixture
def connection(portal: Portal, sms: Sandbox) -> Connection:
    account = {"account_sid": "AC" + "1" * 32, "auth_token": "tokentokentoken", "base_url": sms.sms_url}
    return Connection.objects.create(portal=portal, service="twilio", title="Acme", account=account)


@pytest.fixture
def sender(connection: Connection) -> Sender:
    return Sender.objects.create(
        portal=connection.portal,
        connection=connection,
        code="sendline-1",
        names={"en": "Acme"},
        signature="+12025550142",
        state=SenderState.REGISTERED,
    )


def wish(sender: Sender, number: str = "+12025550100", **fields: Any) -> Message:
    """A handler call of the portal, taken in."""
    payload = {
        "message_id": uuid.uuid4().hex,
        "message_to": number,
        "message_body": "Your order is ready.",
        "module_id": "crm",
        "ts": str(int(timezone.now().timestamp())),
        "auth": {"user_id": "7"},
        **fields,
    }
    assert acceptance.accept_call(sender.uuid.hex, payload, timezone.now()) is not None
    return Message.objects.get(portal=sender.portal, message_id=payload["message_id"])


def drain(connection_id: int) -> Visit:
    """Ring for a connection and let a dispatcher do all that is due on it now."""
    visits: list[Visit] = []
    dispatcher = Dispatcher(visits.append, linger=0.0, inbox=SimpleQueue())
    dispatcher.inbox.put(connection_id)
    dispatcher.run_once(5.0)
    end = time.monotonic() + 60
    while dispatcher.drains or dispatcher.finished or dispatcher.unconfirmed_claims:
        assert time.monotonic() < end, "the dispatcher does not come to rest"
        dispatcher.run_once(0.05)
    dispatcher.threads.shutdown()
    return visits[-1] if visits else Visit(connection_id)


def age(message: Message, **ago: float) -> None:
    """Move a message's clock back."""
    delta = timedelta(**ago)
    Message.objects.filter(pk=message.pk).update(
        received_at=message.received_at - delta,
        expires_at=message.expires_at - delta,
        due_at=message.due_at - delta if message.due_at else None,
        lease_until=message.lease_until - delta if message.lease_until else None,
    )


@pytest.fixture
def alpha(box: Sandbox, db: None, settings: Settings) -> SandboxPortal:
    """Alice's portal in the sandbox, as on the first day, with the application installed."""
    settings.B24_CLIENT_ID, settings.B24_CLIENT_SECRET = "sandbox.app", "sandbox-secret"
    settings.B24_OAUTH_HOSTS = [box.world.oauth_host]
    settings.EXTRA_CA_FILE = box.ca_file
    there = box.portal("alpha")
    there.state.senders.clear()
    there.state.messages.clear()
    there.state.switches = Switches(sent_after=0.0)
    there.world.running[there.state.key].rest_log.clear()
    there.set_user(1, active=True, admin=True)
    there.install()
    there.install_finish()
    there.empty_bucket()
    return there


@pytest.fixture
def live(alpha: SandboxPortal, portal: Portal, box: Sandbox) -> Portal:
    """The same portal in our database, with Alice's tokens."""
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


def claimed(*messages: Message) -> list[Message]:
    """The messages as a drain has just claimed them."""
    now = timezone.now()
    for message in messages:
        message.phase, message.wait, message.lease_until = Phase.ON_WIRE, Wait.NONE, now + timedelta(minutes=3)
        message.attempts, message.first_attempt_at = message.attempts + 1, message.first_attempt_at or now
        message.save()
    return list(messages)


def many(sender: Sender, count: int, **fields: Any) -> list[Message]:
    """Messages to numbers of their own."""
    return [
        factories.message(sender, to=f"+1202555{next(_numbers)}", text="Your order is ready.", **fields)
        for _ in range(count)
    ]


def rules(portal: Portal, **fields: Any) -> Rules:
    return Rules.objects.create(portal=portal, **fields)


def again(message: Message) -> Message:
    message.refresh_from_db()
    return message


@pytest.fixture
def front(db: None) -> Sender:
    """A sender that needs no sandbox."""
    return factories.sender(factories.connection(factories.portal()))


def wait_for_lock() -> bool:
    """Until somebody waits for a lock in this database."""
    for _ in range(600):
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return True
        time.sleep(0.1)
    return False


def at_once(*work: Callable[[], object]) -> None:
    """Do each in a thread of its own, all beginning together; raise what one of them raised."""
    ready = threading.Barrier(len(work), timeout=30)

    def do(one: Callable[[], object]) -> None:
        ready.wait()
        try:
            one()
        finally:
            database.close()

    with ThreadPoolExecutor(len(work)) as pool:
        done = [pool.submit(do, one) for one in work]
    for one in done:
        one.result()
