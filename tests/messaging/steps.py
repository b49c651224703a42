"""Take a message one step along its way."""

import time
import uuid
from datetime import timedelta
from queue import SimpleQueue
from typing import Any

from django.utils import timezone

from b24app.messaging.app_events import applier
from b24app.messaging.dispatch.dispatcher import Dispatcher
from b24app.messaging.dispatch.lease_queries import Visit
from b24app.messaging.intake import acceptance
from b24app.messaging.maintenance import runner
from b24app.messaging.models import AppEvent, Message, Sender
from b24app.messaging.models.statuses import Phase, Wait
from b24app.messaging.privacy import portal_erasure
from b24app.portals.models import Portal


def accept_message(sender: Sender, number: str = "+12025550100", **fields: Any) -> Message:
    """Accept a handler call of the portal."""
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


def apply_events(*, maintain: bool = True) -> None:
    """Apply the stored events of the application's life, and run the maintenance that follows."""
    for event_id in AppEvent.objects.order_by("pk").values_list("pk", flat=True):
        applied = applier.apply_event(event_id)
        if applied.check and maintain:
            runner.run_due_jobs(applied.check)


def erase_portals() -> None:
    """Erase all portals that are due for it."""
    for portal_id in Portal.objects.filter(uninstalled_at__isnull=False).values_list("pk", flat=True):
        while portal_erasure.erase_portal(portal_id):
            pass


def drain(connection_id: int) -> Visit:
    """Notify a dispatcher of a connection, and let it do all that is due there now."""
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


def claim(*messages: Message) -> list[Message]:
    """Return the messages as a drain has just claimed them."""
    now = timezone.now()
    for message in messages:
        message.phase, message.wait, message.lease_until = Phase.ON_WIRE, Wait.NONE, now + timedelta(minutes=3)
        message.attempts, message.first_attempt_at = message.attempts + 1, message.first_attempt_at or now
        message.save()
    return list(messages)


def reload(message: Message) -> Message:
    message.refresh_from_db()
    return message
