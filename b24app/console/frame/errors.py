"""Pages for what went wrong: not found, our fault, database away, too much at once."""

from typing import TypeVar

import structlog
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from b24app.console.frame.screen import with_toast

log = structlog.get_logger(__name__)

RETRY_AFTER = 5  # seconds
Response = TypeVar("Response", bound=HttpResponse)


def show_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django names it
    """Render the 404, inside the frame as a screen; also for what belongs to another portal."""
    return _render_error(request, "not_found", 404)


def show_server_error(request: HttpRequest) -> HttpResponse:
    """Render the 500 with neither database nor request, for both may be what is broken."""
    return _render_error(request, "broken", 500)


def show_database_away(request: HttpRequest) -> HttpResponse:
    """Render the 503 of an unavailable database: nothing can be shown, and nothing is lost."""
    return _render_error(request, "resting", 503)


def show_busy(request: HttpRequest) -> HttpResponse:
    """Refuse a request because too many run already; nothing was done.

    A page in the frame keeps what it shows, for a form may be filled in, and gets a toast.
    """
    text = _("Sendline is busy right now. Nothing was changed. Try again in a few seconds.")
    from_page = "HX-Request" in request.headers
    response = with_toast(HttpResponse(status=204), text) if from_page else _render_error(request, "busy", 503)
    return mark_busy(request, response)


def show_busy_to_anyone(request: HttpRequest) -> HttpResponse:
    """Refuse before the request is looked at: its visitor is unknown, so the browser's language is used."""
    with translation.override(translation.get_language_from_request(request)):
        return show_busy(request)


def mark_busy(request: HttpRequest, response: Response) -> Response:
    """Set `Retry-After`, and log one line at level info, for nothing is wrong with us."""
    response["Retry-After"] = str(RETRY_AFTER)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would write a 503 down as an error
    log.info("request_refused_busy", view=request.resolver_match.view_name if request.resolver_match else "")
    return response


def _render_error(request: HttpRequest, kind: str, status: int) -> HttpResponse:
    layout = "console/parts/fragment_layout.html" if "HX-Request" in request.headers else "console/plain.html"
    return HttpResponse(render_to_string(f"console/{kind}.html", {"layout": layout}), status=status)
