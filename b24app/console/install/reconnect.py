"""Reconnect: an administrator renews our access, in a window of the portal's own."""

from django.http import HttpResponse
from django.urls import path

from b24app.console.frame.screen import FramedRequest, admin_only, render_screen
from b24app.portals.reconnect import authorize_url


@admin_only
def show_reconnect(request: FramedRequest) -> HttpResponse:
    """Render the link to Bitrix24; it works once and for ten minutes, so it is made when the page is opened."""
    return render_screen(request, "console/install/reconnect.html", {"href": authorize_url(request.portal)})


urlpatterns = [path("reconnect/", show_reconnect, name="reconnect")]
