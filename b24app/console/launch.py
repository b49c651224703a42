"""The ways in: the application's main and installer URLs, the renewal of a page ticket, the way back from OAuth.

Nothing that arrives here is signed. Who a caller is, the OAuth server says (`portals.identity`).
"""

import re

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from b24app.console import cards
from b24app.console.framed import address
from b24app.console.languages import to_django
from b24app.console.models import Preference
from b24app.console.shell import shell
from b24app.messaging import bell
from b24app.portals import entities, installation
from b24app.portals.errors import NotOurs, PortalError, Refused
from b24app.portals.identity import Launch, verify_launch
from b24app.portals.tickets import LIFETIME, mint

HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def main(request: HttpRequest) -> HttpResponse:
    """The application opened from the portal's menu; the installer's steps first where they were never finished."""
    return _enter(request, at_installer=False)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def installer(request: HttpRequest) -> HttpResponse:
    """The application opened before its installation is finished."""
    return _enter(request, at_installer=True)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def card(request: HttpRequest) -> HttpResponse:
    """The tab on a CRM card. Which one is the browser's claim: the portal is asked, with the visitor's own token."""
    if request.method != "POST":
        return _page(request, "console/launch_outside.html")
    try:
        launch = verify_launch(request.GET, request.POST)
        _begin(launch, at_installer=False)
        entity = entities.look(
            launch.portal, request.POST.get("AUTH_ID", ""), launch.placement, launch.placement_options
        )
    except NotOurs as refusal:
        return _page(request, "console/launch_refused.html", words=refusal.words)
    except Refused:
        return _page(request, "console/launch_entity.html")
    except PortalError:
        return _page(request, "console/launch_unanswered.html")
    signed = cards.sign(entity, launch.portal, launch.user_id)
    return _shell(request, launch, address(launch.portal, "card", signed=signed))


def _enter(request: HttpRequest, *, at_installer: bool) -> HttpResponse:
    if request.method != "POST":
        return _page(request, "console/launch_outside.html")
    try:
        launch = verify_launch(request.GET, request.POST)
    except NotOurs as refusal:
        return _page(request, "console/launch_refused.html", words=refusal.words)
    except PortalError:
        return _page(request, "console/launch_unanswered.html")
    start = "install" if at_installer or launch.first_time else "home"
    # Whoever is not an administrator reads so at the installer; nothing is begun for them.
    _begin(launch, at_installer=at_installer and launch.is_admin)
    return _shell(request, launch, address(launch.portal, start))


def _begin(launch: Launch, *, at_installer: bool) -> None:
    change = installation.opened(launch, at_installer=at_installer)
    if change.wants_reconcile:
        bell.reconcile(launch.portal.pk)


def _shell(request: HttpRequest, launch: Launch, start: str) -> HttpResponse:
    request.frame_origin = launch.portal.origin  # type: ignore[attr-defined]  # read by FramePolicy
    preference = Preference.of(launch.portal, launch.user_id)
    return shell(
        launch.portal,
        start,
        ticket=_ticket(launch),
        language=preference.language or to_django(launch.language),
        theme=preference.theme,
    )


def _page(request: HttpRequest, template: str, **context: str) -> HttpResponse:
    """A page for a caller we do not know. It is nothing but words, so whoever claims to be its portal may frame it.

    The status is 200: Chromium writes every 4xx into the console, where the market's moderators count errors.
    """
    host = request.GET.get("DOMAIN", "")
    if HOST.fullmatch(host):
        scheme = "http" if request.GET.get("PROTOCOL") == "0" else "https"
        request.frame_origin = f"{scheme}://{host}"  # type: ignore[attr-defined]  # read by FramePolicy
    return render(request, template, context)


@csrf_exempt
@require_POST
def session(request: HttpRequest) -> JsonResponse:
    """A new page ticket for what the frame bridge knows of its user; `{"ticket": ""}` when that is no longer good.

    No cookie is read and the tokens are in the body, so there is nothing another site could ride on.
    """
    try:
        launch = verify_launch(request.POST, request.POST)
    except (NotOurs, PortalError):
        return JsonResponse({"ticket": "", "seconds": 0})
    return JsonResponse({"ticket": _ticket(launch), "seconds": int(LIFETIME.total_seconds())})


def _ticket(launch: Launch) -> str:
    return mint(launch.portal, launch.user_id, launch.is_admin, launch.language)


def reconnected(request: HttpRequest) -> HttpResponse:
    """Where the OAuth server sends an administrator back after Reconnect; opens in a window of its own."""
    try:
        portal = installation.reconnected(request.GET.get("code", ""), request.GET.get("state", ""))
    except PortalError as refusal:
        return render(request, "console/reconnect_failed.html", {"words": refusal.words})
    bell.reconcile(portal.pk)
    bell.push(portal.pk)
    with translation.override(to_django(portal.language)):
        return render(request, "console/reconnected.html", {"portal": portal})


urlpatterns = [
    path("app/", main, name="main"),
    path("card/", card, name="card-tab"),
    path("session/", session, name="session"),
    path("oauth/", never_cache(reconnected), name="oauth"),  # a code stands in the address
]
