"""What was sent from a card is noted in that card's timeline, where the portal lets us.

That a note is due stands in the message's `links` and is taken away before the portal is asked, so a note is written
at most once; one whose answer is lost is not written again. Nobody is bothered with one that was refused. The ring may
be lost too: then the next message from a card of the same portal brings the note along, within an hour.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from b24app.messaging import dead_letters
from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.messaging.models.dead_letters import Kind
from b24app.messaging.models.statuses import Origin
from b24app.portals import scopes
from b24app.portals.bbcode import strip_markup
from b24app.portals.client import PortalClient
from b24app.portals.errors import NotNow, PortalError
from b24app.portals.models import Portal
from providers.kit.phones import pretty

log = structlog.get_logger(__name__)

ADD = "crm.timeline.logmessage.add"
TITLE, ICON = "Sendline: SMS", "info"
KEY, DUE, DONE = "timeline", "due", "done"
WITHIN = timedelta(hours=1)
MOST = 20  # at a time


def links_with_note(type_id: int, number: int) -> dict[str, Any]:
    """The links of a message from the card of this CRM entity: what it belongs to, and that a note is due."""
    return {"bindings": [{"OWNER_TYPE_ID": str(type_id), "OWNER_ID": str(number)}], KEY: DUE}


def write_entries(portal_id: int) -> datetime | None:
    """Write the notes of a portal that are due; answers when to come again, None where nothing is left to do."""
    portal = Portal.objects.get(pk=portal_id)
    for _ in range(MOST):
        message = _take(portal)
        if message is None:
            return None
        with dead_letters.noted(Kind.NOTE, message.pk, portal=portal.pk):
            try:
                _note(portal, message)
            except NotNow as later:  # surely not written
                _give_back(message)
                return later.until
            except PortalError as error:
                log.info("timeline_not_written", portal=portal.pk, message=message.pk, code=error.code)
    return timezone.now()


def _take(portal: Portal) -> Message | None:
    """The oldest message whose note is due, which is no longer due then."""
    recent = Message.objects.filter(portal=portal, origin=Origin.CARD, received_at__gte=timezone.now() - WITHIN)
    due = recent.exclude(to="").filter(links__contains={KEY: DUE}).order_by(*NEWEST_FIRST).reverse()
    with transaction.atomic():
        message: Message | None = due.select_for_update(skip_locked=True).first()
        if message is not None:
            message.links = {**message.links, KEY: DONE}
            message.save(update_fields=["links"])
    return message


def _give_back(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(links={**message.links, KEY: DUE})


def _note(portal: Portal, message: Message) -> None:
    (owner,) = message.links["bindings"]
    fields = {
        "entityTypeId": int(owner["OWNER_TYPE_ID"]),
        "entityId": int(owner["OWNER_ID"]),
        "title": TITLE,
        "text": strip_markup(f"{pretty(message.to)}: {message.sender.written(message.text)}"),
        "iconCode": ICON,
    }
    if scopes.has_scopes(portal, "crm"):
        with scopes.tolerate_missing_scope(portal):
            PortalClient(portal).call(ADD, {"fields": fields})
