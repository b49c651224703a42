"""Other addresses that use the portal's member_id: an administrator says which are the portal's own."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.console.frame.screen import FramedRequest, admin_only, redirect, render_screen
from b24app.messaging import enqueue
from b24app.messaging.push.portal_copies import held_messages
from b24app.portals.models import CopyState, Portal, PortalCopy

MAX_COUNTED = 1000
DECISIONS = {CopyState.ALLOWED: Action.ADDED, CopyState.BLOCKED: Action.BLOCKED}


@dataclass(frozen=True, slots=True)
class CopyRow:
    """An address, and how many of its messages are held."""

    copy: PortalCopy
    held: int

    @property
    def badge(self) -> str:
        return f"copy-{self.copy.state}"


@admin_only
@require_safe
def show_copies(request: FramedRequest) -> HttpResponse:
    """Render the addresses, each with the buttons that allow and block it."""
    return render_screen(request, "console/install/copies.html", {"rows": _list_rows(request.portal)})


@admin_only
@require_POST
def decide_copy(request: FramedRequest, copy: uuid.UUID) -> HttpResponse:
    """Allow or block an address; what is held of it is sent or canceled behind the screen."""
    state = request.POST.get("state", "")
    if state not in DECISIONS:
        raise Http404
    found = get_object_or_404(PortalCopy, portal=request.portal, uuid=copy)
    with transaction.atomic():
        undecided = PortalCopy.objects.filter(pk=found.pk).exclude(state=state)
        if undecided.update(state=state, due_at=timezone.now()):
            subject = Subject(request.portal.pk, Kind.PORTAL, request.portal.pk, found.host)
            record_change(DECISIONS[CopyState(state)], subject)
    enqueue.check_copies(request.portal.pk)
    text = _("Address allowed") if state == CopyState.ALLOWED else _("Address blocked")
    return redirect(request, "copies", toast=text)


def _list_rows(portal: Portal) -> Sequence[CopyRow]:
    copies = PortalCopy.objects.filter(portal=portal).order_by("pk")
    return [CopyRow(copy, held_messages(portal, copy.host)[:MAX_COUNTED].count()) for copy in copies]


urlpatterns = [
    path("addresses/", show_copies, name="copies"),
    path("addresses/<uuid:copy>/", decide_copy, name="copy-decide"),
]
