"""Reconnect: an administrator lets us in again, in a window of the portal's own."""

from django.http import HttpResponse
from django.urls import path

from b24app.console.frame.screen import FramedRequest, admin_only, render_screen
from b24app.portals.reconnect import authorize_url


@admin_only
def reconnect(request: FramedRequest) -> HttpResponse:
    """Show the way out; the link in it works once and for ten minutes, so it is made when somebody looks."""
    return render_screen(request, "console/reconnect.html", {"href": authorize_url(request.portal)})


urlpatterns = [path("reconnect/", reconnect, name="reconnect")]
