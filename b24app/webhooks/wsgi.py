"""The doors' own way in: a view and nothing around it, for servers have no use for what pages need of middleware."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

PATHS = ("/h/", "/r/", "/e/")
NEVER_REPEATED = ("/h/", "/r/")  # and taken without waiting for anybody outside, as an event may


class BareHandler(WSGIHandler):
    """Django's handler with an empty chain, whatever MIDDLEWARE says."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - Django's signature
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        response = super().get_response(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        if isinstance(response, HttpResponse):  # without a length the server would answer in chunks
            response.headers["Content-Length"] = str(len(response.content))
        return response


class WebhooksHandler(BareHandler):
    """The doors' addresses and no others."""

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        request.urlconf = "b24app.webhooks.urls"  # Django looks for it
        return super().get_response(request)


class SingleViewHandler(WebhooksHandler):
    """One view at every address."""

    def __init__(self, view: Callable[[HttpRequest], HttpResponse]) -> None:
        super().__init__()
        self._view = view

    def resolve_request(self, request: HttpRequest) -> Any:  # noqa: ARG002 - Django's signature
        return self._view, (), {}


def route_webhooks(everything: Application) -> Application:
    """The application that answers the doors' paths by themselves and leaves all others to `everything`."""
    doors = WebhooksHandler()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answering = doors if environ["PATH_INFO"].startswith(PATHS) else everything
        return answering(environ, start_response)

    return application
