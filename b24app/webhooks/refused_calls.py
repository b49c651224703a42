"""Counting and recording handler calls that became no message; those that did are recorded by their message's row."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.db import Error
from django.db.models import F

from b24app.portals.models import Portal
from b24app.portals.rest import exchange_records

log = structlog.get_logger(__name__)

UNREADABLE = {400: "not a message", 413: "too large"}


def count_unreadable_call(sender: str, status: int) -> None:
    """Count a call of which no message could be made, for the portal's page, and record it."""
    try:
        Portal.objects.filter(senders__uuid=sender).update(refused_calls=F("refused_calls") + 1)
    except Error as error:
        log.warning("refused_call_not_counted", error=type(error).__name__)
    else:
        record_refusal({"sender": sender, "payload": {}}, status, UNREADABLE[status])


def record_refusal(record: Mapping[str, Any], status: int, why: str) -> None:
    """Record a call that was answered with this status and became no message."""
    try:
        portal = Portal.objects.filter(senders__uuid=record["sender"], erase_at=None).first()
    except Error as error:
        log.warning("refused_call_not_recorded", error=type(error).__name__)
        return
    if portal is not None:
        notes = {"MESSAGE_ID": record["payload"].get("message_id", "")}
        exchange_records.record_refused_call(portal, notes, status, why)
