"""URLs whose only view raises, with the URL in the message of its error."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError(request.path)


urlpatterns = [path("h/4711/", broken)]
