"""The trace of a message as a file for whoever helps: redacted, and taken by an administrator alone."""

import json
import uuid

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from b24app.console.frame import download_tokens, file_downloads
from b24app.console.frame.file_downloads import send_file
from b24app.console.frame.screen import FramedRequest, admin_only
from b24app.console.help.message_trace import trace
from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.messaging.models.statuses import Phase, Status
from b24app.portals.models import Portal

PURPOSE = "support"


@admin_only
@require_POST
def support(request: FramedRequest) -> HttpResponse:
    """Send the page to the file of the message that was named, or of the latest that went wrong."""
    written = request.POST.get("reference", "").strip()
    found = _named(request.portal, written) if written else _latest(request.portal)
    if found is None:
        trouble = _("The portal has no message with this reference.") if written else _("No message went wrong.")
        return render(request, "console/help/support.html", {"trouble": trouble, "reference": written})
    if file_downloads.current(request.portal):
        return file_downloads.ask_to_wait()
    said = {
        "portal": request.portal.uuid.hex,
        "user": request.visitor.user_id,
        "is_admin": request.visitor.is_admin,
        "message": found.hex,
    }
    return HttpResponseClientRedirect(reverse("support-file", kwargs={"token": download_tokens.sealed(PURPOSE, said)}))


def _named(portal: Portal, written: str) -> uuid.UUID | None:
    try:
        reference = uuid.UUID(written)
    except ValueError:
        return None
    return reference if Message.objects.filter(portal=portal, reference=reference).exists() else None


def _latest(portal: Portal) -> uuid.UUID | None:
    """Each kind has an index of its own; one condition over all would have none."""
    mine = Message.objects.filter(portal=portal).order_by(*NEWEST_FIRST).values_list("received_at", "reference")
    kinds = ({"phase": Phase.UNKNOWN}, {"status": Status.FAILED}, {"status": Status.UNDELIVERED})
    found = [latest for kind in kinds if (latest := mine.filter(**kind).first())]
    return max(found)[1] if found else None


@require_safe
def file(request: HttpRequest, token: str) -> HttpResponseBase:
    """The trace as JSON, for a minute after it was asked for."""
    said = download_tokens.opened(PURPOSE, token)
    try:
        portal, reference = uuid.UUID(said["portal"]), uuid.UUID(said["message"])
    except (KeyError, ValueError, AttributeError):
        raise Http404 from None
    mine = Message.objects.filter(portal__uuid=portal, portal__uninstalled_at=None)
    found = get_object_or_404(mine.select_related("portal", "sender", "connection", "resend_of"), reference=reference)
    return send_file(
        request,
        found.portal,
        lambda: [json.dumps(trace(found), indent=2, ensure_ascii=False)],
        name=f"message-{reference.hex}.json",
        content_type="application/json; charset=utf-8",
    )


urlpatterns = [path("help/support/", support, name="support")]
downloads = [path("d/support/<str:token>/", file, name="support-file")]
