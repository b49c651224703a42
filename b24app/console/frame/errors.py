"""What people read when a page is not there or we broke."""

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


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django names it
    """Within the frame as a screen's content, elsewhere as a page; also for what belongs to another portal."""
    return _answer(request, "not_found", 404)


def broken(request: HttpRequest) -> HttpResponse:
    """Needs neither database nor request, for both may be what is broken."""
    return _answer(request, "broken", 500)


def resting(request: HttpRequest) -> HttpResponse:
    """The database is away: nothing can be shown, and nothing is lost."""
    return _answer(request, "resting", 503)


def busy(request: HttpRequest) -> HttpResponse:
    """As much is going on as may, so nothing was done. On a page all stays as it is: a form may be filled in."""
    words = _("Sendline is busy right now. Nothing was changed. Try again in a few seconds.")
    from_page = "HX-Request" in request.headers
    response = with_toast(HttpResponse(status=204), words) if from_page else _answer(request, "busy", 503)
    return mark_busy(request, response)


def busy_for_anybody(request: HttpRequest) -> HttpResponse:
    """The same before anything is looked at; who asks is not known, so it is said in their browser's language."""
    with translation.override(translation.get_language_from_request(request)):
        return busy(request)


def mark_busy(request: HttpRequest, response: Response) -> Response:
    """Let an answer say when to come again, and the log that it did: in one line, for nothing is wrong with us."""
    response["Retry-After"] = str(RETRY_AFTER)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would write a 503 down as an error
    log.info("busy", view=request.resolver_match.view_name if request.resolver_match else "")
    return response


def _answer(request: HttpRequest, kind: str, status: int) -> HttpResponse:
    layout = "console/parts/bare.html" if "HX-Request" in request.headers else "console/plain.html"
    return HttpResponse(render_to_string(f"console/{kind}.html", {"layout": layout}), status=status)
