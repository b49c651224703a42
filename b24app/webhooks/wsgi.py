"""A WSGI handler for webhooks: the view alone, as machines need nothing of the pages' middleware."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

PATHS = ("/h/", "/r/", "/e/")
NEVER_REPEATED = (
    "/h/",
    "/r/",
)  # by their callers, and accepted without waiting for other servers, which an event may do


class BareHandler(WSGIHandler):
    """Django's handler without middleware, whatever MIDDLEWARE says."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - Django's signature
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        response = super().get_response(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        if isinstance(response, HttpResponse):  # without a length the server would send chunks
            response.headers["Content-Length"] = str(len(response.content))
        return response


class WebhooksHandler(BareHandler):
    """Serves the webhooks' URLs and no others."""

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        request.urlconf = "b24app.webhooks.urls"  # Django reads it
        return super().get_response(request)


class SingleViewHandler(WebhooksHandler):
    """Serves one view at every URL."""

    def __init__(self, view: Callable[[HttpRequest], HttpResponse]) -> None:
        super().__init__()
        self._view = view

    def resolve_request(self, request: HttpRequest) -> Any:  # noqa: ARG002 - Django's signature
        return self._view, (), {}


def route_webhooks(everything: Application) -> Application:
    """Return an application that serves the webhooks' paths without middleware and passes others to `everything`."""
    webhooks = WebhooksHandler()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        handler = webhooks if environ["PATH_INFO"].startswith(PATHS) else everything
        return handler(environ, start_response)

    return application
