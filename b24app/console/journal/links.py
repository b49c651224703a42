"""Addresses of the list of messages, narrowed to exactly what a figure or a bar elsewhere counts."""

import uuid
from collections.abc import Container
from datetime import date
from typing import TypedDict, Unpack

from b24app.console.frame.screen import address
from b24app.console.journal.conditions import NONE, SOURCES, STATUS_GROUPS
from b24app.console.journal.filters import Filters
from b24app.messaging.models.statuses import Reason
from b24app.portals.models import Portal


class Conditions(TypedDict, total=False):
    """What a message must fit. Codes are those of STATUS_GROUPS, SOURCES and Reason.

    Besides single statuses there are `counted` (the messages of a report), `rated` (the denominator of the delivery
    rate), `canceled`, `failed-only` and `not-arrived`. `sender` is a uuid, `employee` a user id, `country` an ISO code;
    NONE stands for messages of no employee or to no known country. `without` is a service to leave out. `since` and
    `until` are the first and the last day, in the portal's time zone; without them the last 30 days count.
    """

    status: str
    sender: uuid.UUID | str
    service: str
    without: str
    source: str
    reason: str
    employee: int | str
    country: str
    since: date
    until: date


def messages_url(portal: Portal, **conditions: Unpack[Conditions]) -> str:
    """Return the address of the messages that fit all conditions; raise ValueError for a code that is none."""
    sender, employee = conditions.get("sender", ""), conditions.get("employee", "")
    filters = Filters(
        status=_require_code(conditions.get("status", ""), STATUS_GROUPS),
        sender=uuid.UUID(str(sender)).hex if sender else "",
        service=conditions.get("service", ""),
        without=conditions.get("without", ""),
        source=_require_code(conditions.get("source", ""), SOURCES),
        error=_require_code(conditions.get("reason", ""), Reason.values),
        employee=str(employee),
        country=conditions.get("country", ""),
        since=conditions.get("since"),
        until=conditions.get("until"),
    )
    query = filters.written()
    return address(portal, "journal") + (f"?{query}" if query else "")


def _require_code(code: str, known: Container[str]) -> str:
    if code and code not in known:
        raise ValueError(f"no filter {code!r}")
    return code


__all__ = ["NONE", "messages_url"]
