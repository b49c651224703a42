"""Sendline under the load: portals, accounts and senders in its database, and its processes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from b24app.core import signed_urls
from b24app.messaging.models import Connection, Message, Sender, SenderState
from b24app.portals.models import Portal, PortalToken
from bench.lab import Lab
from bench.load import Caller, send_all, warming
from bench.procfile import read_procfile

RATE, CONCURRENCY = 100.0, 8  # the rate is above what eight at a time and 100 ms can reach
WARM_UP_SECONDS = 90
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Tenant:
    """A portal with one connection and one sender."""

    portal: Portal
    connection: Connection
    sender: Sender

    @property
    def caller(self) -> Caller:
        return caller(self.sender)


def caller(sender: Sender) -> Caller:
    """Return the portal's calls to a sender's handler."""
    address = signed_urls.handler_url(sender.uuid.hex, sender.generation)
    return Caller.of(address, sender.code, sender.portal.member_id, sender.portal.application_token)


def empty() -> None:
    """Forget all rows."""
    call_command("flush", interactive=False, verbosity=0)


def tenant(lab: Lab, name: str, *, service: str = "AC", token: str = "quick", rate: float = RATE) -> Tenant:
    """Install a portal and connect an account; `service` begins the AccountSid, `token` the access token."""
    now = timezone.now()
    portal = Portal.objects.create(
        member_id=f"{name:0>32}"[-32:],
        domain="portal.example",
        client_endpoint=lab.stub.rest,
        oauth_host=settings.B24_OAUTH_HOSTS[0],
        application_token="application",
        installed_at=now,
        events_bound_at=now,
        senders_checked_at=now,
    )
    PortalToken.objects.create(
        portal=portal, user_id=1, access=f"{token}-{name}", refresh="r", is_admin=True, expires_at=now + YEAR
    )
    connection = Connection.objects.create(
        portal=portal,
        service="twilio",
        title=name,
        account={"account_sid": f"{service}{name}", "auth_token": f"token-{name}", "base_url": lab.stub.service},
        rate=rate,
        concurrency=CONCURRENCY,
        checked_at=now,
    )
    return Tenant(portal, connection, sender(portal, connection, name))


def sender(portal: Portal, connection: Connection, name: str, *, bulk: bool = False) -> Sender:
    """Return a registered sender."""
    return Sender.objects.create(
        portal=portal,
        connection=connection,
        code=f"bench-{name}",
        names={"en": name},
        signature="Sendline",
        bulk=bulk,
        state=SenderState.REGISTERED,
    )


def tenants(lab: Lab, count: int) -> list[Tenant]:
    """So many alike."""
    return [tenant(lab, f"p{number}") for number in range(count)]


@contextmanager
def serving(lab: Lab, *names: str) -> Iterator[None]:
    """Run the named processes of the Procfile, or all but smpp; our own database connections are closed."""
    commands = read_procfile()
    chosen = {name: commands[name] for name in names or ("web", "webhooks", "worker", "pusher", "beat")}
    connections.close_all()
    with lab.serving(chosen, lab.env):
        yield


def warm_up(lab: Lab, callers: Sequence[Caller]) -> None:
    """Send a few messages all the way, so that everything is imported and connected; nothing is left to push."""
    calls = warming(callers)
    statuses = send_all(lab.calls_port, calls)
    counts = lab.stub.counts
    lab.wait(lambda: counts()["told"] >= len(calls), WARM_UP_SECONDS, lambda: f"warming up, {statuses}: {counts()}")
    Message.objects.filter(push_at__isnull=False).update(push_at=None)
    connections.close_all()
    lab.stub.clear()
