"""The trace of a message as a file for support: redacted, and for administrators only."""

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
from b24app.console.help.message_trace import build_trace
from b24app.messaging.models import NEWEST_FIRST, Message
from b24app.messaging.models.statuses import Phase, Status
from b24app.portals.models import Portal


@admin_only
@require_POST
def export_trace(request: FramedRequest) -> HttpResponse:
    """Send the page to the file of the message that was named, or of the latest failure."""
    typed = request.POST.get("reference", "").strip()
    reference = _find_named(request.portal, typed) if typed else _find_latest_failure(request.portal)
    if reference is None:
        trouble = _("No message found with this ID.") if typed else _("No failed messages.")
        return render(request, "console/help/support.html", {"trouble": trouble, "reference": typed})
    if file_downloads.current_file(request.portal):
        return file_downloads.refuse_second_file()
    return redirect_to_download(request, "support-file", {"message": reference.hex}, about=reference.hex)


def _find_named(portal: Portal, typed: str) -> uuid.UUID | None:
    try:
        reference = uuid.UUID(typed)
    except ValueError:
        return None
    return reference if Message.objects.filter(portal=portal, reference=reference).exists() else None


def _find_latest_failure(portal: Portal) -> uuid.UUID | None:
    """Return the reference of the latest failure. Each kind has an index; one condition over all would use none."""
    mine = Message.objects.filter(portal=portal).order_by(*NEWEST_FIRST).values_list("received_at", "reference")
    kinds = ({"phase": Phase.UNKNOWN}, {"status": Status.FAILED}, {"status": Status.UNDELIVERED})
    failures = [latest for kind in kinds if (latest := mine.filter(**kind).first())]
    return max(failures)[1] if failures else None


@require_safe
def download_trace(request: HttpRequest, token: str) -> HttpResponseBase:
    """Respond with the trace as JSON, for a minute after it was asked for."""
    portal, payload = read_download_token("support-file", token)
    mine = Message.objects.filter(portal=portal).select_related("portal", "sender", "connection", "resend_of")
    found = get_object_or_404(mine, reference=uuid.UUID(payload["message"]))
    return send_file(
        request,
        portal,
        lambda: [json.dumps(build_trace(found), indent=2, ensure_ascii=False)],
        name=f"message-{found.reference.hex}.json",
        content_type="application/json; charset=utf-8",
    )


urlpatterns = [path("help/support/", export_trace, name="support")]
downloads = [path("d/support/<str:token>/", download_trace, name="support-file")]
