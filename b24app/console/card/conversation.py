"""The messages of one CRM entity, newest first: those to its numbers, and those sent from its card."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from b24app.core.database.keyset import rows_after
from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.messaging.models.statuses import Origin
from b24app.portals.crm_cards import Entity
from b24app.portals.models import Portal

PAGE_SIZE = 20
MAX_SCANNED = 500  # messages from cards that are searched for those of this one


@dataclass(frozen=True, slots=True)
class Conversation:
    """A page of messages; `older` is the reference to go on from, "" for no more."""

    messages: Sequence[Message]
    older: str = ""


def find_conversation(portal: Portal, entity: Entity, before: str) -> Conversation:
    """Return the messages older than the one with reference `before`, or the newest.

    Each number is a range of an index, of which no more is read than a page holds. Messages sent from the card to a
    number that it no longer has are found among the portal's latest 500 from cards, or 500 before the page.
    """
    mine = Message.objects.filter(_before_message(portal, before), portal=portal).order_by(*NEWEST_FIRST)
    binding = {"OWNER_TYPE_ID": str(entity.type_id), "OWNER_ID": str(entity.id)}
    from_cards = mine.filter(origin=Origin.CARD)[:MAX_SCANNED]
    sent_here = Message.objects.filter(pk__in=from_cards.values("pk"), links__contains={"bindings": [binding]})
    parts = [_newest_places(mine.filter(to=phone.e164)) for phone in entity.phones]
    places = _newest_places(sent_here.order_by(*NEWEST_FIRST))
    if parts:
        places = places.union(*parts).order_by(*NEWEST_FIRST)
    found = [pk for _at, pk in places[: PAGE_SIZE + 1]]
    messages = list(
        Message.objects.filter(pk__in=found[:PAGE_SIZE]).select_related("sender", "connection").order_by(*NEWEST_FIRST)
    )
    return Conversation(messages, messages[-1].reference.hex if len(found) > PAGE_SIZE and messages else "")


def _newest_places(messages: "QuerySet[Message]") -> "QuerySet[Message, tuple[datetime, int]]":
    return messages.values_list("received_at", "id")[: PAGE_SIZE + 1]


def _before_message(portal: Portal, before: str) -> Q:
    """Return a condition on messages older than one of this portal; its reference stands in addresses, its id only in
    logs.
    """
    try:
        found = Message.objects.filter(portal=portal, reference=uuid.UUID(before))
    except ValueError:
        return Q()
    place = found.values_list("received_at", "pk").first()
    return rows_after(NEWEST_FIRST, place) if place else Q()
