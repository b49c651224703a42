"""What a person reads when so many pages are asked for that this one would only wait in line."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation

RETRY_AFTER = 5  # seconds


def overloaded(request: HttpRequest) -> HttpResponse:
    """Return 503 with a small page; needs no database, and nothing was done."""
    layout = "console/parts/bare.html" if "HX-Request" in request.headers else "console/plain.html"
    with translation.override(translation.get_language_from_request(request)):
        page = render_to_string("console/overloaded.html", {"layout": layout})
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"})
