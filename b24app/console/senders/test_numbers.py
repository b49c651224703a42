"""Numbers to choose from for a test: what a demo rehearses, those tested with last, the visitor's own."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from b24app.console.frame.long_requests import ANSWER_SECONDS, hold_page
from b24app.console.frame.screen import FramedRequest, admin_only
from b24app.core.concurrency_limit import Busy
from b24app.messaging.models import NEWEST_FIRST, Message, Sender
from b24app.messaging.models.statuses import Origin
from b24app.portals.errors import PortalError
from b24app.portals.own_numbers import find_own_numbers
from providers.kit import registry

LOOKED_BACK, MOST_RECENT = 20, 3  # tests, and numbers of those


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A number of the demo service, and what happens to a message there."""

    number: str
    outcome: str


def list_rehearsals(sender: Sender) -> Sequence[Rehearsal]:
    """Return the outcomes that the sender's service can rehearse; none for a real service."""
    service = registry.find(sender.connection.service)
    rehearsals = service.rehearsals if service else ()
    return [Rehearsal(number, gettext(outcome)) for number, outcome in rehearsals]


def recent_numbers(request: FramedRequest) -> list[str]:
    """Return the numbers that this visitor tested with last, without repeats."""
    mine = Message.objects.filter(portal=request.portal, origin=Origin.TEST, author_id=request.visitor.user_id)
    last = mine.exclude(to="").order_by(*NEWEST_FIRST).values_list("to", flat=True)[:LOOKED_BACK]
    return list(dict.fromkeys(last))[:MOST_RECENT]


@admin_only
@require_safe
def show_own_numbers(request: FramedRequest) -> HttpResponse:
    """Render the visitor's own numbers as Bitrix24 has them; nothing where it does not tell or is busy."""
    try:
        with hold_page(request.portal, seconds=ANSWER_SECONDS):
            numbers = find_own_numbers(request.portal, request.visitor.user_id)
    except (Busy, PortalError):
        numbers = []
    if not numbers:
        return HttpResponse()  # not a single blank: what is empty takes no room
    return render(request, "console/test/own_numbers.html", {"numbers": numbers})


urlpatterns = [path("senders/own-numbers/", show_own_numbers, name="own-numbers")]
