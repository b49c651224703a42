"""Rows for tests. Alice and Charlie have a portal each; Bob is an employee of Alice's who is not an administrator."""

import uuid
from datetime import timedelta
from itertools import count, cycle
from typing import Any

from django.test import Client
from django.utils import timezone

from b24app.messaging.models import Connection, Message, Sender, SenderState
from b24app.messaging.models.guards import Rules
from b24app.messaging.models.statuses import Phase, Status
from b24app.portals.models import Portal, PortalToken
from b24app.portals.page_tickets import mint_ticket

ALICE, BOB, CHARLIE = 1, 7, 1
"""User ids; Charlie is the administrator of another portal."""

_numbers = count(1)
_subscribers = cycle(range(2000, 9900))


def portal(name: str = "alice", **fields: Any) -> Portal:
    """Create an installed portal; its REST is nowhere."""
    host = f"{name}{next(_numbers)}.bitrix24.example"
    values = {
        "member_id": uuid.uuid4().hex,
        "domain": host,
        "client_endpoint": f"https://{host}/rest/",
        "oauth_host": "oauth.example",
        "country": "US",
        "installed_at": timezone.now(),
    }
    return Portal.objects.create(**{**values, **fields})


def token(portal: Portal, user_id: int = ALICE, **fields: Any) -> PortalToken:
    """Create an administrator's tokens, good for an hour."""
    values = {"access": "access", "refresh": "refresh", "is_admin": True}
    expires = timezone.now() + timedelta(hours=1)
    return PortalToken.objects.create(
        **{"portal": portal, "user_id": user_id, "expires_at": expires, **values, **fields}
    )


def connection(portal: Portal, service: str = "demo", **fields: Any) -> Connection:
    """Create a checked account."""
    values = {"title": "Main account", "account": {}, "checked_at": timezone.now()}
    return Connection.objects.create(**{"portal": portal, "service": service, **values, **fields})


def sender(connection: Connection, **fields: Any) -> Sender:
    """Create a sender that the portal has."""
    values = {
        "code": f"sendline-{next(_numbers)}",
        "names": {"en": "Front desk"},
        "signature": "+12025550142",
        "state": SenderState.REGISTERED,
        "registered_as": "told",
    }
    return Sender.objects.create(**{"portal": connection.portal, "connection": connection, **values, **fields})


def message(sender: Sender, **fields: Any) -> Message:
    """Create a message from the portal that waits to be sent; another status is another phase too."""
    now = fields.pop("now", timezone.now())
    status = fields.get("status", Status.QUEUED)
    values = {
        "message_id": uuid.uuid4().hex,
        "to": "+12025550147",
        "text": "Your order is ready.",
        "author_id": ALICE,
        "module": "crm",
        "received_at": now,
        "day": now.date(),
        "expires_at": now + timedelta(hours=24),
        "due_at": now if status == Status.QUEUED else None,
        "phase": Phase.WAITING if status == Status.QUEUED else Phase.DONE,
    }
    row = {"portal": sender.portal, "connection": sender.connection, "sender": sender}
    return Message.objects.create(**{**row, **values, **fields})


def messages(sender: Sender, count: int, **fields: Any) -> list[Message]:
    """Messages to numbers of their own."""
    return [message(sender, to=f"+1202555{next(_subscribers)}", **fields) for _ in range(count)]


def rules(portal: Portal, **fields: Any) -> Rules:
    """Create the limits and pauses of a portal."""
    return Rules.objects.create(portal=portal, **fields)


def visitor(portal: Portal, user_id: int = ALICE, *, is_admin: bool = True, language: str = "en") -> Client:
    """Return a page of the portal with a good ticket, asking for screens as htmx does."""
    ticket = mint_ticket(portal, user_id, is_admin, language)
    headers = {"Authorization": f"Bearer {ticket}", "HX-Request": "true", "HX-Target": "content"}
    return Client(headers=headers)
