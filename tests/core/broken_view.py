"""Addresses whose only view breaks, with the address in the words of its error."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError(request.path)


urlpatterns = [path("h/4711/", broken)]
