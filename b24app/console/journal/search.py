"""Which messages the journal shows to whom, and how they are found."""

from django.db.models import Q, QuerySet

from b24app.console.frame.screen import FramedRequest
from b24app.console.journal.filters import Filters
from b24app.console.journal.pagination import Search
from b24app.messaging.models import Message
from b24app.portals.models import Portal


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
    if only_of is not None:
        # There is an index of an employee's own messages too, and most filters find more than those.
        indexed, fitting = Q(author_id=only_of), indexed & fitting
    return Search(portal, Message.objects.filter(filters.date_condition() & indexed, portal=portal), fitting)
