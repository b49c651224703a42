"""Which messages the journal shows to whom, and how they are found."""

from django.db.models import Q, QuerySet

from b24app.console.frame.screen import FramedRequest
from b24app.console.journal.filters import Filters
from b24app.console.journal.pagination import Search
from b24app.messaging.models import Message
from b24app.portals.models import Portal


def visible(request: FramedRequest) -> "QuerySet[Message]":
    """What this visitor may see of the portal's messages."""
    messages = Message.objects.filter(portal=request.portal)
    if not request.visitor.is_admin:
        messages = messages.filter(author_id=request.visitor.user_id)
    return messages.select_related("sender", "connection")


def hides_numbers(request: FramedRequest) -> bool:
    """Does this visitor see only the ends of phone numbers?"""
    return request.portal.hide_numbers and not request.visitor.is_admin


def search(portal: Portal, filters: Filters, only_of: int | None = None) -> Search:
    """The messages that filters find, all of the portal's or only those of one employee."""
    known, fitting = filters.conditions(portal.country)
    if only_of is not None:
        # An employee's own messages have an index, too, and are fewer than what most filters find.
        known, fitting = Q(author_id=only_of), known & fitting
    return Search(portal, Message.objects.filter(filters.window() & known, portal=portal), fitting)
