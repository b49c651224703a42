"""Which messages the journal shows to whom, and how they are found."""

import re
from collections.abc import Iterable

from django.db.models import Q, QuerySet

from b24app.console.formats.query_values import read_uuid
from b24app.console.frame.screen import FramedRequest
from b24app.console.journal.conditions import DOUBTFUL, number_condition
from b24app.console.journal.crm_links import Item
from b24app.console.journal.filters import Filters
from b24app.console.journal.pagination import Search
from b24app.messaging.models import Connection, Message, MessagePart
from b24app.messaging.models.statuses import Origin
from b24app.messaging.push import portal_truth
from b24app.portals.crm.owner_types import OwnerType
from b24app.portals.crm_names import names
from b24app.portals.crm_names.names import ADMINISTRATORS
from b24app.portals.models import Portal

MAX_SAME_ID = 50  # messages that one id may stand for: services begin again at 1
LIKE_A_NUMBER = re.compile(r"[+(]?[0-9()\s./…-]{2,}")


def visible_messages(request: FramedRequest) -> "QuerySet[Message]":
    """Return the portal's messages that this visitor may see."""
    messages = Message.objects.filter(portal=request.portal)
    if not request.visitor.is_admin:
        messages = messages.filter(author_id=request.visitor.user_id)
    return messages.select_related("sender", "connection")


def hides_numbers(request: FramedRequest) -> bool:
    """Return whether this visitor sees only the ends of phone numbers."""
    return request.portal.hide_numbers and not request.visitor.is_admin


def search_messages(portal: Portal, filters: Filters, only_of: int | None = None) -> Search:
    """Return a search for what the filters find, of all the portal's messages or of one employee's."""
    indexed, fitting = filters.split_conditions(portal.country)
    dates = filters.date_condition()
    if filters.status == DOUBTFUL:
        indexed, fitting = Q(pk__in=portal_truth.find_doubtful(portal)), indexed & fitting
    if filters.q:
        ids = find_by_id(portal, filters.q)
        if ids:  # whoever knows an id means that message, however old it is
            dates = Q() if filters.is_usual_window else dates
            indexed, fitting = Q(pk__in=ids), indexed & fitting
        else:
            indexed, fitting = _add_words(
                portal, filters.q, ADMINISTRATORS if only_of is None else only_of, indexed, fitting
            )
    if only_of is not None:
        # There is an index of an employee's own messages too, and most filters find more than those.
        indexed, fitting = Q(author_id=only_of), indexed & fitting
    return Search(portal, Message.objects.filter(dates & indexed, portal=portal), fitting)


def find_by_id(portal: Portal, words: str) -> list[int]:
    """Return the messages of which this is an id: ours, the portal's or the service's."""
    if " " in words:
        return []
    mine = Message.objects.filter(portal=portal)
    if reference := read_uuid(words):
        found = mine.filter(reference=reference).values_list("pk", flat=True)
        if found:
            return list(found)
    accounts = list(Connection.objects.filter(portal=portal).values_list("pk", flat=True))
    parts = MessagePart.objects.filter(connection__in=accounts, ref=words)
    by_id = [
        *mine.filter(origin=Origin.PORTAL, message_id=words).values_list("pk", flat=True),
        *mine.filter(connection__in=accounts, ref=words).values_list("pk", flat=True)[:MAX_SAME_ID],
        *(one.message_id for one in parts[:MAX_SAME_ID]),
    ]
    return list(dict.fromkeys(by_id))


def _add_words(portal: Portal, words: str, viewer: int, indexed: Q, fitting: Q) -> tuple[Q, Q]:
    """Return the conditions with one for words that are no id: a number, or a part of a text, a number or a name."""
    if LIKE_A_NUMBER.fullmatch(words):
        number, is_indexed = number_condition(words, portal.country)
        if is_indexed:
            return (number, indexed & fitting)
        return indexed, fitting & (number | Q(text__icontains=words))
    items = names.find_items(portal, viewer, words)
    return indexed, fitting & (Q(text__icontains=words) | _belongs_to_any(items))


def _belongs_to_any(items: Iterable[Item]) -> Q:
    condition = Q(pk=None)
    for type_id, number in items:
        binding = {"OWNER_TYPE_ID": str(type_id), "OWNER_ID": str(number)}
        condition |= Q(links__contains={"bindings": [binding]})
        if type_id in (OwnerType.LEAD, OwnerType.DEAL):
            condition |= Q(links__contains={"document_id": [f"{OwnerType(type_id).name}_{number}"]})
    return condition
