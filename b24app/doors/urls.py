"""The addresses of the outside doors; none of them may appear in a log."""

from django.urls import path

from b24app.doors import events, from_portal, from_service

urlpatterns = [
    path("h/<str:sender>/<int:generation>/<str:mac>/", from_portal.handler),
    path("r/<str:connection>/<str:reference>/<str:mac>/", from_service.report),
    path("e/<str:portal>/<int:generation>/<str:mac>/", events.event),
]
