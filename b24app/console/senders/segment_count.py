"""Segments and cost of a text while it is typed. By POST: an address would be logged, and the text with it."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.views.decorators.http import require_POST

from b24app.console.frame.screen import FramedRequest, admin_only
from b24app.console.wording.costs import Cost
from b24app.messaging.models import Sender

MAX_COUNTED = 20_000  # characters


@require_POST
def count_segments(request: FramedRequest, sender: uuid.UUID) -> HttpResponse:
    """Render what a text costs through a sender."""
    found = get_object_or_404(Sender, portal=request.portal, uuid=sender)
    return _render_count(request, found)


@admin_only
@require_POST
def try_rewriting(request: FramedRequest) -> HttpResponse:
    """Render what an example would become and cost with the boxes as they are ticked now."""
    wanted = Sender(portal=request.portal, smart="smart" in request.POST, latin="latin" in request.POST)
    return _render_count(request, wanted)


def _render_count(request: FramedRequest, sender: Sender) -> HttpResponse:
    cost = Cost.estimate(request.POST.get("text", "")[:MAX_COUNTED], sender)
    return render(request, "console/test/segment_count.html", {"cost": cost, "measure": cost.measure})


urlpatterns = [
    path("senders/<uuid:sender>/segments/", count_segments, name="segments"),
    path("senders/segments/", try_rewriting, name="try-rewriting"),
]
