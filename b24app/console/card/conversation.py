"""The messages of one CRM entity, newest first: those to its numbers, and those that were sent from its card."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.messaging.models.statuses import Origin
from b24app.portals.crm_cards import Entity
from b24app.portals.models import Portal

PAGE = 20
LOOKED_AT = 500  # messages from cards, among which those of this one are looked for


@dataclass(frozen=True, slots=True)
class Talk:
    """A page of messages; `older` is the reference to go on from, "" where nothing more is."""

    messages: Sequence[Message]
    older: str = ""


def talk(portal: Portal, entity: Entity, before: str) -> Talk:
    """The messages older than one, a reference, or the newest.

    Each number is a range of an index, of which no more is read than a page holds. What was sent from the card to a
    number it no longer has is found among the portal's latest 500 from cards, or 500 before the page.
    """
    earlier = _earlier(portal, before)
    mine = Message.objects.filter(earlier, portal=portal).order_by(*NEWEST_FIRST)
    binding = {"OWNER_TYPE_ID": str(entity.type_id), "OWNER_ID": str(entity.id)}
    from_cards = mine.filter(origin=Origin.CARD)[:LOOKED_AT]
    sent_here = Message.objects.filter(pk__in=from_cards.values("pk"), links__contains={"bindings": [binding]})
    parts = [_places(mine.filter(to=phone.e164)) for phone in entity.phones]
    places = _places(sent_here.order_by(*NEWEST_FIRST))
    if parts:
        places = places.union(*parts).order_by(*NEWEST_FIRST)
    found = [pk for _at, pk in places[: PAGE + 1]]
    messages = list(
        Message.objects.filter(pk__in=found[:PAGE]).select_related("sender", "connection").order_by(*NEWEST_FIRST)
    )
    return Talk(messages, messages[-1].reference.hex if len(found) > PAGE and messages else "")


def _places(messages: "QuerySet[Message]") -> "QuerySet[Message, tuple[datetime, int]]":
    return messages.values_list("received_at", "id")[: PAGE + 1]


def _earlier(portal: Portal, before: str) -> Q:
    """Older than a message of this portal; its reference stands in addresses, its id only in logs."""
    try:
        found = Message.objects.filter(portal=portal, reference=uuid.UUID(before))
    except ValueError:
        return Q()
    place = found.values_list("received_at", "pk").first()
    if place is None:
        return Q()
    at, pk = place
    # The first part is the index's; of the other PostgreSQL makes a filter.
    return Q(received_at__lte=at) & (Q(received_at__lt=at) | Q(pk__lt=pk))
