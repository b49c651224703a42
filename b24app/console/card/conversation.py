"""The messages of one CRM entity, newest first: those to its numbers, and those sent from its card."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum

from b24app.core.database.keyset import rows_after
from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.messaging.models.statuses import Origin, Reason, Status
from b24app.portals.crm.cards import Entity
from b24app.portals.models import Portal

PAGE_SIZE = 20
MAX_SCANNED = 500  # messages from cards that are searched for those of this one
MAX_COUNTED = 1000  # messages of an entity that its totals look at


@dataclass(frozen=True, slots=True)
class Conversation:
    """A page of messages; `older` is the reference to go on from, "" for no more."""

    messages: Sequence[Message]
    older: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """The messages of an entity: how many, how many did not arrive, and what they cost, by currency.

    `is_all` is False where there are more than were counted.
    """

    messages: int
    not_delivered: int
    costs: Sequence[tuple[Decimal, str]]
    is_all: bool


def find_conversation(portal: Portal, entity: Entity, before: str) -> Conversation:
    """Return the messages older than the one with reference `before`, or the newest.

    Each number is a range of an index, of which no more is read than a page holds. Messages sent from the card to a
    number that it no longer has are found among the portal's latest 500 from cards, or 500 before the page.
    """
    mine = Message.objects.filter(_before_message(portal, before), portal=portal).order_by(*NEWEST_FIRST)
    found = _find_places(mine, entity, PAGE_SIZE + 1)
    messages = list(
        Message.objects.filter(pk__in=found[:PAGE_SIZE]).select_related("sender", "connection").order_by(*NEWEST_FIRST)
    )
    return Conversation(messages, messages[-1].reference.hex if len(found) > PAGE_SIZE and messages else "")


def count_totals(portal: Portal, entity: Entity) -> Totals:
    """Count an entity's latest thousand messages; what was canceled was not sent, so it is no failure."""
    mine = Message.objects.filter(portal=portal).order_by(*NEWEST_FIRST)
    found = _find_places(mine, entity, MAX_COUNTED + 1)
    counted = Message.objects.filter(pk__in=found[:MAX_COUNTED])
    lost = Q(status__in=[Status.FAILED, Status.UNDELIVERED]) & ~Q(reason=Reason.CANCELLED)
    costs = counted.filter(price__gt=0).exclude(currency="").values("currency").order_by("currency")
    return Totals(
        messages=min(len(found), MAX_COUNTED),
        not_delivered=counted.aggregate(lost=Count("pk", filter=lost))["lost"],
        costs=[(row["money"], row["currency"]) for row in costs.annotate(money=Sum("price"))],
        is_all=len(found) <= MAX_COUNTED,
    )


def find_message(portal: Portal, entity: Entity, reference: uuid.UUID) -> Message | None:
    """Return one of an entity's messages: to one of its numbers, or sent from its card."""
    message = Message.objects.filter(portal=portal, reference=reference).select_related("sender", "connection").first()
    if message is None:
        return None
    is_its_number = message.to in {phone.e164 for phone in entity.phones}
    was_sent_here = message.origin == Origin.CARD and _entity_binding(entity) in message.links.get("bindings", [])
    return message if is_its_number or was_sent_here else None


def _find_places(mine: "QuerySet[Message]", entity: Entity, wanted: int) -> list[int]:
    """Return the ids of an entity's newest messages among `mine`, which are in that order."""
    from_cards = mine.filter(origin=Origin.CARD)[:MAX_SCANNED]
    sent_here = Message.objects.filter(
        pk__in=from_cards.values("pk"), links__contains={"bindings": [_entity_binding(entity)]}
    )
    parts = [_newest_places(mine.filter(to=phone.e164), wanted) for phone in entity.phones]
    places = _newest_places(sent_here.order_by(*NEWEST_FIRST), wanted)
    if parts:
        places = places.union(*parts).order_by(*NEWEST_FIRST)
    return [pk for _at, pk in places[:wanted]]


def _entity_binding(entity: Entity) -> dict[str, str]:
    return {"OWNER_TYPE_ID": str(entity.type_id), "OWNER_ID": str(entity.id)}


def _newest_places(messages: "QuerySet[Message]", wanted: int) -> "QuerySet[Message, tuple[datetime, int]]":
    return messages.values_list("received_at", "id")[:wanted]


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
