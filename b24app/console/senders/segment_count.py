"""Segments and cost of a text while it is typed. By POST: an address would be written into logs, the text with it."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.views.decorators.http import require_POST

from b24app.console.frame.screen import FramedRequest, admin_only
from b24app.console.wording.costs import Cost
from b24app.messaging.models import Sender

MOST_COUNTED = 20_000  # characters


@require_POST
def count(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """What a text costs through a sender."""
    found = get_object_or_404(Sender, portal=request.portal, uuid=sender)
    return _show(request, found)


@admin_only
@require_POST
def try_rewriting(request: FramedRequest) -> HttpResponse:
    """What an example would become and cost with the boxes as they are ticked now."""
    wanted = Sender(portal=request.portal, smart="smart" in request.POST, latin="latin" in request.POST)
    return _show(request, wanted)


def _show(request: FramedRequest, sender: Sender) -> HttpResponse:
    cost = Cost.estimate(request.POST.get("text", "")[:MOST_COUNTED], sender)
    return render(request, "console/test/count.html", {"cost": cost, "measure": cost.measure})


urlpatterns = [
    path("senders/<uuid:sender>/segments/", count, name="segments"),
    path("senders/segments/", try_rewriting, name="try-rewriting"),
]
