"""The console's addresses: the ways in, and the screens in the portal's frame."""

from django.urls import URLPattern, URLResolver, include, path

from b24app.console import launch
from b24app.console.screens import (
    connect,
    counting,
    home,
    install,
    journal,
    limits,
    message,
    reconnect,
    senders,
    settings,
    stoplist,
    testing,
)

SCREENS: list[URLPattern | URLResolver] = [
    *home.urlpatterns,
    *install.urlpatterns,
    *connect.urlpatterns,
    *senders.urlpatterns,
    *testing.urlpatterns,
    *counting.urlpatterns,
    *journal.urlpatterns,
    *message.urlpatterns,
    *settings.urlpatterns,
    *limits.urlpatterns,
    *stoplist.urlpatterns,
    *reconnect.urlpatterns,
]

urlpatterns: list[URLPattern | URLResolver] = [
    *launch.urlpatterns,
    *stoplist.downloads,
    path("p/<str:key>/", include(SCREENS)),
]
