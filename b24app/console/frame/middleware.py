"""Who may frame a page, whose ticket a request carries, and in which language and zone it is answered."""

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from b24app.console.frame.errors import busy, resting
from b24app.console.frame.page import shell
from b24app.console.models import Preference
from b24app.core.concurrency_limit import Busy
from b24app.core.outage import AWAY
from b24app.portals.errors import BadTicket
from b24app.portals.languages import to_django
from b24app.portals.models import Portal
from b24app.portals.page_tickets import read_ticket
from b24app.portals.tokens import was_demoted_since

Respond = Callable[[HttpRequest], HttpResponse]

FRAMED = re.compile(r"/p/([0-9a-f]{32})/")
ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
)


class FramePolicy:
    """Names the one portal that may frame a page, by its path or by what the launch found out; elsewhere nobody may.

    Leaves `request.framed_in` (Portal or None) and reads `request.frame_origin` from the way back.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = FRAMED.match(request.path_info)
        try:
            portal = Portal.objects.filter(uuid=uuid.UUID(found[1])).first() if found else None
        except AWAY:
            response = resting(request)
            # Nothing but words, and whose frame it is cannot be looked up.
            response["Content-Security-Policy"] = POLICY.format(ancestors="http: https:")
            return response
        request.framed_in = portal  # type: ignore[attr-defined]  # for TicketSession, the next one
        request.frame_origin = portal.origin if portal else ""  # type: ignore[attr-defined]  # launches set it
        response = self.get_response(request)
        origin = str(getattr(request, "frame_origin", ""))
        framed = bool(ORIGIN.fullmatch(origin))
        response["Content-Security-Policy"] = POLICY.format(ancestors=origin if framed else "'none'")
        if not framed:
            response["X-Frame-Options"] = "DENY"
        if framed or found:
            response["Cache-Control"] = "no-store"
        return response

    @staticmethod
    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The database went away in the middle of a screen, or too much is going on already."""
        if isinstance(exception, Busy):
            return busy(request)
        return resting(request) if isinstance(exception, AWAY) else None


class TicketSession:
    """Lets a request below `/p/<key>/` through only with a good ticket of that very portal.

    A page opened without one is the empty shell, which fetches a ticket over the frame bridge; it holds no data.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/p/"):
            return self.get_response(request)
        portal: Portal | None = getattr(request, "framed_in", None)
        if portal is None:
            return _refusal(404)
        scheme, _, ticket = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            is_page = request.method in {"GET", "HEAD"} and "HX-Request" not in request.headers
            return shell(portal, request.get_full_path()) if is_page else _refusal(401)
        try:
            admitted = self._admit(request, portal, ticket)
        except AWAY:
            return resting(request)
        if not admitted:
            return _refusal(401)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Callable[..., HttpResponse], _args: Any, kwargs: dict[str, Any]
    ) -> None:
        """Screens need not take the key: they have `request.portal`."""
        if hasattr(request, "visitor"):
            kwargs.pop("key", None)

    @staticmethod
    def _admit(request: Any, portal: Portal, ticket: str) -> bool:
        try:
            visitor = read_ticket(ticket)
        except BadTicket:
            return False
        if visitor.portal != portal.uuid or portal.uninstalled_at is not None:
            return False
        if visitor.is_admin and was_demoted_since(portal, visitor.user_id, visitor.issued_at):
            visitor = replace(visitor, is_admin=False)
        request.portal = portal
        request.visitor = visitor
        request.preference = Preference.of(portal, visitor.user_id)
        # A browser does not send the header on its own, so no other site can: that is what CSRF checks are for.
        request._dont_enforce_csrf_checks = True
        return True


class Language:
    """Speaks the visitor's language and shows times in the portal's zone."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with translation.override(_language(request)), timezone.override(_zone(request)):
            return self.get_response(request)


def _language(request: Any) -> str:
    if hasattr(request, "visitor"):
        return str(request.preference.language or to_django(request.visitor.language))
    if "LANG" in request.GET:
        return to_django(request.GET["LANG"])
    return translation.get_language_from_request(request)


def _zone(request: Any) -> ZoneInfo:
    try:
        return request.portal.zone if hasattr(request, "portal") else ZoneInfo("UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _refusal(status: int) -> HttpResponse:
    return HttpResponse(status=status, content_type="text/plain")
