"""The addresses of the outside doors; none of them may appear in a log."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from b24app.webhooks import delivery_reports, portal_events, portal_messages

urlpatterns = [
    path("h/<str:sender>/<int:generation>/<str:mac>/", portal_messages.handler),
    path("r/<str:connection>/<str:reference>/<str:mac>/", delivery_reports.report),
    path("e/<str:portal>/<int:generation>/<str:mac>/", portal_events.event),
]


def not_found(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django names it
    """Machines read no pages."""
    return HttpResponse(status=404)


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Likewise."""
    return HttpResponse(status=400)


def broken(_request: HttpRequest) -> HttpResponse:
    """Likewise; nothing is needed that may be what is broken."""
    return HttpResponse(status=500)


handler404, handler400, handler500 = not_found, bad_request, broken
