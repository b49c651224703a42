"""Statuses that a portal refused because an administrator had to allow the method for them (docs/bitrix24.md K21)."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.messaging.models import Message
from b24app.portals.models import Portal
from b24app.portals.rest.responses import as_mapping

METHODS = frozenset({"messageservice.message.status.update", "batch"})
REFUSALS = ("METHOD_CONFIRM_WAITING", "METHOD_CONFIRM_DENIED")
BATCH_SIZE = 1000


def retry_statuses(portal: Portal, payload: Mapping[str, Any]) -> int:
    """Make the statuses due that waited for the method which this event says is allowed; return how many."""
    method = as_mapping(payload.get("data")).get("METHOD")
    if not isinstance(method, str) or method.lower() not in METHODS:
        return 0
    refused = Message.objects.filter(portal=portal, message_id__isnull=False, push_error__in=REFUSALS)
    refused = refused.exclude(push_error="")  # as the index of refused ones says it
    count = 0
    while batch := list(refused.values_list("pk", flat=True)[:BATCH_SIZE]):
        count += _make_due(batch)
    return count


@retry_on_deadlock
def _make_due(messages: list[int]) -> int:
    rows = Message.objects.filter(pk__in=messages)
    return rows.update(push_at=timezone.now(), push_tries=0, push_error="", pushed_again_at=None)
