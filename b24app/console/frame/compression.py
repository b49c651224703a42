"""Pages go compressed where the proxy does not do it: a list of fifty messages is a tenth of its size then."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressPages(GZipMiddleware):
    """Compress HTML. Files stay as they are: they are streamed row by row, and their length is told.

    What BREACH needs is missing: no other site can make a browser ask for a page with somebody's ticket, since that is
    a header (docs/frame.md 4). Django adds up to 100 random bytes besides, so that lengths tell less.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Return the response, compressed if it is a page and the browser understands that."""
        is_page = not response.streaming and response.get("Content-Type", "").startswith("text/html")
        return super().process_response(request, response) if is_page else response
