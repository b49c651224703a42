"""Exchanges with Bitrix24 as they are recorded."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Message
from b24app.portals.models import Portal

LIST, UPDATE = "messageservice.sender.list", "messageservice.message.status.update"


def exchange(portal: Portal, name: str = LIST, minutes: float = 0, **fields: Any) -> Exchange:
    """Store an exchange of so many minutes ago."""
    values: dict[str, Any] = {
        "at": timezone.now() - timedelta(minutes=minutes),
        "portal_id": portal.pk,
        "peer": "bitrix24",
        "method": "POST",
        "host": portal.domain,
        "path": f"/rest/{name}.json",
        "status": 200,
        "ms": 85,
    }
    return Exchange.objects.create(**{**values, "name": name, **fields})


def batch(portal: Portal, *messages: Message, minutes: float = 0, **fields: Any) -> Exchange:
    commands = [
        {"method": UPDATE, "notes": f"CODE=front MESSAGE_ID={one.message_id}", "message": one.pk, "error": ""}
        for one in messages
    ]
    about = [one.pk for one in messages]
    return exchange(portal, UPDATE, minutes, path="/rest/batch.json", messages=about, commands=commands, **fields)
