"""What people read when a page is not there or we broke."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django names it
    """Within the frame as a screen's content, elsewhere as a page; also for what belongs to another portal."""
    return _answer(request, "not_found", 404)


def broken(request: HttpRequest) -> HttpResponse:
    """Needs neither database nor request, for both may be what is broken."""
    return _answer(request, "broken", 500)


def resting(request: HttpRequest) -> HttpResponse:
    """The database is away: nothing can be shown, and nothing is lost."""
    return _answer(request, "resting", 503)


def _answer(request: HttpRequest, kind: str, status: int) -> HttpResponse:
    layout = "console/parts/bare.html" if "HX-Request" in request.headers else "console/plain.html"
    return HttpResponse(render_to_string(f"console/{kind}.html", {"layout": layout}), status=status)
