"""All URLs: the installer, the webhooks, the console in its frame, and the pages of law that anybody may read."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

from b24app.console.frame import launch
from b24app.console.legal.views import urlpatterns as legal
from b24app.console.urls import urlpatterns as console
from b24app.webhooks import portal_events
from b24app.webhooks.urls import urlpatterns as webhooks


@csrf_exempt
def installer(request: HttpRequest) -> HttpResponse:
    """Bitrix24 sends two kinds of POST to one address: the launch in its frame, and events from its servers."""
    return (
        portal_events.receive_installer_event(request)
        if portal_events.is_event(request)
        else launch.open_installer(request)
    )


urlpatterns: list[URLPattern | URLResolver] = [
    path("install/", installer, name="installer"),
    *webhooks,
    *console,
    *legal,
]

handler404 = "b24app.console.frame.errors.show_not_found"
handler500 = "b24app.console.frame.errors.show_server_error"
