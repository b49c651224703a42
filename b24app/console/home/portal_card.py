"""The card of Home that tells how Bitrix24 itself is, and follows a question that opening Home has asked behind it."""

import time
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_safe

from b24app.console.frame.screen import FramedRequest, admin_only
from b24app.console.home.todo import Todo, list_portal_todos
from b24app.console.journal.conditions import DOUBTFUL
from b24app.console.journal.links import messages_url
from b24app.messaging import enqueue
from b24app.messaging.guards import limits
from b24app.messaging.guards.limits import LimitKind
from b24app.messaging.models import Sender, SenderState
from b24app.messaging.push import portal_truth
from b24app.portals.models import Portal

PATIENCE = 20  # seconds for which the card looks whether the answer is there
DAY = timedelta(days=1)
ABSENT = (SenderState.DRAFT, SenderState.REMOVED)


@dataclass(frozen=True, slots=True)
class PortalCard:
    """What the card shows. `asked` is when the question that is still open was asked, 0 if none is."""

    portal: Portal
    issue: Todo | None
    registered: int
    senders: int
    duplicates: int
    doubtful: int  # statuses that Bitrix24 may show wrongly
    doubtful_href: str
    asked: int = 0

    @property
    def state(self) -> str:
        return "attention" if self.issue else "working"


def build_portal_card(portal: Portal, asked: int = 0) -> PortalCard:
    """Return the card as the rows have it now."""
    states = list(Sender.objects.filter(portal=portal).exclude(state__in=ABSENT).values_list("state", flat=True))
    return PortalCard(
        portal=portal,
        issue=next(iter(list_portal_todos(portal)), None),
        registered=states.count(SenderState.REGISTERED),
        senders=len(states),
        doubtful=portal_truth.count_doubtful(portal),
        doubtful_href=messages_url(portal, status=DOUBTFUL),
        duplicates=limits.total_used(portal.pk, LimitKind.DUPLICATES, timezone.now() - DAY),
        asked=asked,
    )


def ask_and_build(portal: Portal) -> PortalCard:
    """Return the card, and have the portal asked whether it answers, at most once a minute."""
    asked = int(time.time()) if enqueue.portal_check(portal.pk) else 0
    return build_portal_card(portal, asked)


@admin_only
@require_safe
def show_portal_card(request: FramedRequest) -> HttpResponse:
    """Render the card once the portal has answered, or been silent, since `asked`; before that nothing changes."""
    asked = _read_asked(request.GET.get("asked", ""))
    at = request.portal.asked_at
    is_open = (at is None or at.timestamp() < asked) and time.time() < asked + PATIENCE
    if is_open:
        return HttpResponse(status=204)
    return render(request, "console/home/portal_card.html", {"card": build_portal_card(request.portal)})


def _read_asked(text: str) -> int:
    """Return the moment that an address names, 0 if it is none: then the card is rendered at once."""
    return int(text) if text.isdecimal() and len(text) < 12 else 0


urlpatterns = [path("home/portal/", show_portal_card, name="portal-card")]
