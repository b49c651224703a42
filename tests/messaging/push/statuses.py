"""Statuses that are due in a sandbox portal, and what the portal saw of their pushes."""

import uuid
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from django.test import Client
from django.utils import timezone

from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Change, Status
from b24app.sandbox import Portal as SandboxPortal
from b24app.sandbox.state import Message as StateMessage
from tests.handler_calls import FORM

UPDATE = "messageservice.message.status.update"


def sent_status(
    alpha: SandboxPortal, sender: Sender, *, seconds_ago: float = 60.0, status: str = "delivered"
) -> Message:
    """Create a message that the portal handed over and that has come to its end."""
    return many_sent_statuses(alpha, sender, 1, seconds_ago=seconds_ago, status=status)[0]


def many_sent_statuses(
    alpha: SandboxPortal, sender: Sender, count: int, *, seconds_ago: float = 60.0, status: str = "delivered"
) -> list[Message]:
    received = timezone.now() - timedelta(seconds=seconds_ago)
    messages = [
        Message(
            portal=sender.portal,
            connection=sender.connection,
            sender=sender,
            message_id=uuid.uuid4().hex,
            to="+12025550100",
            text="Hi",
            day=received.date(),
            received_at=received,
            expires_at=received + timedelta(hours=24),
            due_at=received,
        )
        for _ in range(count)
    ]
    alpha.messages.extend(there(message, sender) for message in messages)
    Message.objects.bulk_create(messages)
    Message.objects.advance(Change(pk=message.pk, status=Status(status)) for message in messages)
    Message.objects.exclude(push_at=None).update(push_at=timezone.now())
    for message in messages if count == 1 else ():
        message.refresh_from_db()
    return messages


def there(message: Message, sender: Sender) -> StateMessage:
    """Return the same message as the portal has it."""
    return StateMessage(
        id=0,
        message_id=message.message_id or "",
        code=sender.code,
        to=message.to,
        text=message.text,
        author=1,
        module="crm",
        created=message.received_at.timestamp(),
        row_at=0.0,
        status="sent",
    )


def batches(alpha: SandboxPortal) -> int:
    return sum(call.method == "batch" for call in alpha.rest_log)


def open_application(alpha: SandboxPortal, user: int) -> None:
    """Open the application in the portal as this user."""
    frame = alpha.frame(user, install=False)
    url = urlsplit(frame["action"])
    page = Client().post(f"{url.path}?{url.query}", urlencode(frame["fields"]), content_type=FORM)
    assert page.status_code == 200
