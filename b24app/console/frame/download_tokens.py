"""The addresses of files: a download cannot carry a page ticket, so what it may take is sealed into its address."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.console.frame.screen import FramedRequest
from b24app.core import tokens
from b24app.portals.models import Portal

LIFETIME = 60  # seconds


def redirect_to_download(
    request: FramedRequest, name: str, payload: Mapping[str, Any] | None = None, *, about: str = ""
) -> HttpResponse:
    """Send the page to the file at the URL `name`, for this portal and a minute; record who took it, and of what.

    No log can tell what it is about: the token hides phone numbers among the filters, too. `about` is recorded.
    """
    record_change(Action.EXPORTED, Subject(request.portal.pk, Kind.FILE, name=about), after={"file": name})
    claims = {
        "portal": request.portal.uuid.hex,
        "user": request.visitor.user_id,
        "is_admin": request.visitor.is_admin,
        "payload": payload or {},
    }
    return HttpResponseClientRedirect(reverse(name, kwargs={"token": tokens.seal_token(name, claims)}))


def read_download_token(name: str, token: str) -> tuple[Portal, dict[str, Any]]:
    """Return the portal and the payload of an administrator's token for this URL name; Http404 for anything else."""
    try:
        claims = tokens.unseal_token(name, token, ttl=LIFETIME)
    except tokens.BadToken:
        raise Http404 from None
    if claims["is_admin"] is not True:
        raise Http404
    portal = get_object_or_404(Portal, uuid=uuid.UUID(claims["portal"]), uninstalled_at=None)
    return portal, claims["payload"]
