"""Messages sent from a CRM card get an entry in its timeline, if the portal permits it.

The message's `links` say that an entry is due. That is cleared before the portal is called, so an entry is written at
most once: not again if the answer is lost, and a refused one is only logged. If the queued task is lost, the next
message from a card of the same portal brings the entry along, within an hour.

A scheduled message gets its entry when it has been sent; the sweep finds those. One that was canceled gets none.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from b24app.messaging import dead_letters
from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.statuses import Origin
from b24app.portals import scopes
from b24app.portals.bbcode import strip_markup
from b24app.portals.errors import NotNow, PortalError
from b24app.portals.models import Portal
from b24app.portals.rest.client import PortalClient
from providers.kit.phones import format_number

log = structlog.get_logger(__name__)

METHOD = "crm.timeline.logmessage.add"
TITLE, ICON = "Sendline: SMS", "info"
KEY, DUE, DONE = "timeline", "due", "done"
WRITE_WITHIN = timedelta(hours=1)
WRITE_SCHEDULED_WITHIN = timedelta(days=1)  # after the time chosen: quiet hours and pauses may hold it longer
MAX_ENTRIES = 20  # of a task


def links_with_entry(type_id: int, number: int) -> dict[str, Any]:
    """Return the links of a message sent from the card of a CRM entity: its binding, and that an entry is due."""
    return {"bindings": [{"OWNER_TYPE_ID": str(type_id), "OWNER_ID": str(number)}], KEY: DUE}


def write_entries(portal_id: int) -> datetime | None:
    """Write a portal's due timeline entries; return when to come back, None if none is left."""
    portal = Portal.objects.get(pk=portal_id)
    for _ in range(MAX_ENTRIES):
        message = _claim_next_message(portal)
        if message is None:
            return None
        with dead_letters.note_errors(Kind.NOTE, message.pk, portal=portal.pk):
            try:
                _write_entry(portal, message)
            except NotNow as later:  # certainly not written
                _mark_due(message)
                return later.until
            except PortalError as error:
                log.info("timeline_entry_failed", portal=portal.pk, message=message.pk, code=error.code)
    return timezone.now()


def _claim_next_message(portal: Portal) -> Message | None:
    """Return the oldest message whose entry is due, and mark that as written."""
    at_once = Message.objects.filter(
        portal=portal, origin=Origin.CARD, scheduled_at=None, received_at__gte=timezone.now() - WRITE_WITHIN
    )
    with transaction.atomic():
        message = _first_due(at_once) or _first_due(sent_on_schedule().filter(portal=portal))
        if message is not None:
            message.links = {**message.links, KEY: DONE}
            message.save(update_fields=["links"])
    return message


def sent_on_schedule() -> "QuerySet[Message]":
    """Return the scheduled messages that have been sent lately and have no entry yet."""
    now = timezone.now()
    left = Message.objects.exclude(text="").filter(scheduled_at__gt=now - WRITE_SCHEDULED_WITHIN, scheduled_at__lte=now)
    return left.filter(sent_at__isnull=False, links__contains={KEY: DUE})


def _first_due(messages: "QuerySet[Message]") -> Message | None:
    due = messages.exclude(to="").filter(links__contains={KEY: DUE}).order_by(*NEWEST_FIRST).reverse()
    return due.select_for_update(skip_locked=True).first()


def _mark_due(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(links={**message.links, KEY: DUE})


def _write_entry(portal: Portal, message: Message) -> None:
    (owner,) = message.links["bindings"]
    fields = {
        "entityTypeId": int(owner["OWNER_TYPE_ID"]),
        "entityId": int(owner["OWNER_ID"]),
        "title": TITLE,
        "text": strip_markup(f"{format_number(message.to)}: {message.sender.written(message.text)}"),
        "iconCode": ICON,
    }
    if scopes.has_scopes(portal, "crm"):
        with scopes.tolerate_missing_scope(portal):
            PortalClient(portal, message=message.pk).call(METHOD, {"fields": fields})
