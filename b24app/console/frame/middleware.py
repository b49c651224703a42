"""Who may frame a page, which visitor a request is from, and its language and time zone."""

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from structlog.contextvars import bound_contextvars

from b24app.audit.actor import acting_as
from b24app.console.frame.errors import show_busy, show_database_away
from b24app.console.frame.page import render_shell
from b24app.console.frame.undo_offer import offer_undo
from b24app.console.models import Preference
from b24app.core.concurrency_limit import Busy
from b24app.core.database.outage import AWAY
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
    """Name the one portal that may frame a page, by its path or as the launch found out; elsewhere nobody may.

    Sets `request.framed_in` (Portal or None), and reads `request.frame_origins` once the response is made.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match = FRAMED.match(request.path_info)
        try:
            portal = Portal.objects.filter(uuid=uuid.UUID(match[1])).first() if match else None
        except AWAY:
            response = show_database_away(request)
            # Any page may frame it: it shows nothing but a sentence, and its portal cannot be looked up.
            response["Content-Security-Policy"] = POLICY.format(ancestors="http: https:")
            return response
        request.framed_in = portal  # type: ignore[attr-defined]  # for TicketSession, the next one
        request.frame_origins = (portal.origin,) if portal else ()  # type: ignore[attr-defined]  # launches set them
        response = self.get_response(request)
        origins = [one for one in dict.fromkeys(request.frame_origins) if ORIGIN.fullmatch(one)]  # type: ignore[attr-defined]
        is_framed = bool(origins)
        response["Content-Security-Policy"] = POLICY.format(ancestors=" ".join(origins) or "'none'")
        if not is_framed:
            response["X-Frame-Options"] = "DENY"
        if is_framed or match:
            response["Cache-Control"] = "no-store"
        return response

    @staticmethod
    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turn an unavailable database and too many requests into their pages."""
        if isinstance(exception, Busy):
            return show_busy(request)
        return show_database_away(request) if isinstance(exception, AWAY) else None


class TicketSession:
    """Let a request below `/p/<key>/` through only with a valid ticket of that very portal.

    A page opened without one is the empty shell, which fetches a ticket over the frame bridge; it holds no data.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/p/"):
            return self.get_response(request)
        portal: Portal | None = getattr(request, "framed_in", None)
        if portal is None:
            return _refuse_request(404)
        scheme, _, ticket = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            is_page = request.method in {"GET", "HEAD"} and "HX-Request" not in request.headers
            return render_shell(portal, request.get_full_path()) if is_page else _refuse_request(401)
        try:
            is_authenticated = self._authenticate(request, portal, ticket)
        except AWAY:
            return show_database_away(request)
        if not is_authenticated:
            return _refuse_request(401)
        with acting_as(request.visitor.user_id), bound_contextvars(portal=portal.pk):  # type: ignore[attr-defined]  # set with the portal
            return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Callable[..., HttpResponse], _args: Any, kwargs: dict[str, Any]
    ) -> None:
        """Drop the key from the arguments: screens have `request.portal`."""
        if hasattr(request, "visitor"):
            kwargs.pop("key", None)

    @staticmethod
    def _authenticate(request: Any, portal: Portal, ticket: str) -> bool:
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
        request.preference = Preference.for_visitor(portal, visitor.user_id)
        # CSRF checks guard what a browser sends by itself. It never adds this header by itself.
        request._dont_enforce_csrf_checks = True
        return True


class Language:
    """Use the visitor's language and the portal's time zone, also for the button of a toast."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with translation.override(_choose_language(request)), timezone.override(_choose_zone(request)):
            return offer_undo(self.get_response(request))


def _choose_language(request: Any) -> str:
    if hasattr(request, "visitor"):
        return str(request.preference.language or to_django(request.visitor.language))
    if "LANG" in request.GET:
        return to_django(request.GET["LANG"])
    return translation.get_language_from_request(request)


def _choose_zone(request: Any) -> ZoneInfo:
    try:
        return request.portal.zone if hasattr(request, "portal") else ZoneInfo("UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _refuse_request(status: int) -> HttpResponse:
    return HttpResponse(status=status, content_type="text/plain")
