"""URLs of the webhooks; none of them may appear in a log, because they carry signatures."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from b24app.webhooks import delivery_reports, portal_events, portal_messages, probe

urlpatterns = [
    path("h/probe/<int:moment>/<str:mac>/", probe.answer_probe),
    path("h/<str:sender>/<int:generation>/<str:mac>/", portal_messages.receive_message),
    path("r/<str:connection>/<str:reference>/<str:mac>/", delivery_reports.receive_report),
    path("e/<str:portal>/<int:generation>/<str:mac>/", portal_events.receive_event),
]


def not_found(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it by name
    """Respond 404 without a page: only machines call here."""
    return HttpResponse(status=404)


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Respond 400 without a page."""
    return HttpResponse(status=400)


def server_error(_request: HttpRequest) -> HttpResponse:
    """Respond 500 without a page, and without anything that may be what failed."""
    return HttpResponse(status=500)


handler404, handler400, handler500 = not_found, bad_request, server_error
