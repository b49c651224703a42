"""The trace of a message as a file for whoever helps: redacted, and taken by an administrator alone."""

import json
import uuid

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from b24app.console.frame import file_downloads
from b24app.console.frame.download_tokens import read_download_token, redirect_to_download
from b24app.console.frame.file_downloads import send_file
from b24app.console.frame.screen import FramedRequest, admin_only
from b24app.console.help.message_trace import trace
from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.messaging.models.statuses import Phase, Status
from b24app.portals.models import Portal


@admin_only
@require_POST
def support(request: FramedRequest) -> HttpResponse:
    """Send the page to the file of the message that was named, or of the latest that went wrong."""
    written = request.POST.get("reference", "").strip()
    found = _named(request.portal, written) if written else _latest(request.portal)
    if found is None:
        trouble = _("The portal has no message with this reference.") if written else _("No message went wrong.")
        return render(request, "console/help/support.html", {"trouble": trouble, "reference": written})
    if file_downloads.current_file(request.portal):
        return file_downloads.refuse_second_file()
    return redirect_to_download(request, "support-file", {"message": found.hex})


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
    portal, payload = read_download_token("support-file", token)
    mine = Message.objects.filter(portal=portal).select_related("portal", "sender", "connection", "resend_of")
    found = get_object_or_404(mine, reference=uuid.UUID(payload["message"]))
    return send_file(
        request,
        portal,
        lambda: [json.dumps(trace(found), indent=2, ensure_ascii=False)],
        name=f"message-{found.reference.hex}.json",
        content_type="application/json; charset=utf-8",
    )


urlpatterns = [path("help/support/", support, name="support")]
downloads = [path("d/support/<str:token>/", file, name="support-file")]
