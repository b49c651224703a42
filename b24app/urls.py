"""Every address: outside doors, the console in its frame, and what the hosting team looks at."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

from b24app.console.frame import launch
from b24app.console.urls import urlpatterns as console
from b24app.webhooks import portal_events
from b24app.webhooks.urls import urlpatterns as doors


@csrf_exempt
def installer(request: HttpRequest) -> HttpResponse:
    """Bitrix24 sends two kinds of POST to one address: the launch in its frame, and events from its servers."""
    return portal_events.take_event(request) if portal_events.is_event(request) else launch.installer(request)


urlpatterns: list[URLPattern | URLResolver] = [
    path("install/", installer, name="installer"),
    *doors,
    *console,
]

handler404 = "b24app.console.frame.errors.not_found"
handler500 = "b24app.console.frame.errors.broken"
