"""The ways in: the application's main and installer URLs, the renewal of a page ticket, the way back from OAuth.

Nothing that arrives here is signed. Who a caller is, the OAuth server says (`portals.identity`).
"""

import re
from collections.abc import Callable, Mapping

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from b24app.console.frame import card_tokens, launch_retry
from b24app.console.frame.errors import RETRY_AFTER, mark_busy
from b24app.console.frame.long_requests import hold_launch
from b24app.console.frame.page import shell
from b24app.console.frame.screen import address
from b24app.console.models import Preference
from b24app.core.concurrency_limit import Busy
from b24app.messaging import enqueue
from b24app.portals import crm_cards, installation
from b24app.portals.errors import Busy as NobodyAsked
from b24app.portals.errors import NotOurs, PortalError, PortalRefused
from b24app.portals.identity import Launch, verify_launch
from b24app.portals.languages import to_django
from b24app.portals.page_tickets import LIFETIME, mint_ticket
from b24app.portals.reconnect import complete_reconnect

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

    def show_card(posted: Mapping[str, str]) -> HttpResponse:
        try:
            launch = verify_launch(request.GET, posted)
            _begin(launch, at_installer=False)
            token = posted.get("AUTH_ID", "")
            entity = crm_cards.find_card(launch.portal, token, launch.placement, launch.placement_options)
        except PortalRefused:
            return _page(request, "console/launch_entity.html")
        signed = card_tokens.sign(entity, launch.portal, launch.user_id)
        return _shell(request, launch, address(launch.portal, "card", signed=signed))

    return _admit(request, show_card)


def _enter(request: HttpRequest, *, at_installer: bool) -> HttpResponse:
    def show_start(posted: Mapping[str, str]) -> HttpResponse:
        launch = verify_launch(request.GET, posted)
        start = "install" if at_installer or launch.first_time else "home"
        # Whoever is not an administrator reads so at the installer; nothing is begun for them.
        _begin(launch, at_installer=at_installer and launch.is_admin)
        return _shell(request, launch, address(launch.portal, start))

    return _admit(request, show_start)


def _admit(request: HttpRequest, show: Callable[[Mapping[str, str]], HttpResponse]) -> HttpResponse:
    """Answer a launch with what `show` makes of the posted fields, or say why not."""
    if request.method != "POST":
        return _page(request, "console/launch_outside.html")
    posted = launch_retry.read_posted(request)
    try:
        with hold_launch(_claimed(posted)):
            return show(posted)
    except (Busy, NobodyAsked):
        return _busy(request, **launch_retry.context_of(posted))
    except NotOurs as refusal:
        return _page(request, "console/launch_refused.html", words=refusal.message)
    except PortalError:
        return _page(request, "console/launch_unanswered.html")


def _claimed(posted: Mapping[str, str]) -> str:
    """The portal that a caller names; nobody has confirmed it yet."""
    return posted.get("member_id", "")[:64]


def _busy(request: HttpRequest, **context: str) -> HttpResponse:
    response = _page(request, "console/launch_busy.html", **context)
    response.status_code = 503
    response["Cache-Control"] = "no-store"
    return mark_busy(request, response)


def _begin(launch: Launch, *, at_installer: bool) -> None:
    change = installation.record_opening(launch, at_installer=at_installer)
    if change.wants_reconcile:
        enqueue.reconcile(launch.portal.pk)


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

    503 asks to come again a little later. No cookie is read and the tokens are in the body, so there is nothing another
    site could ride on.
    """
    try:
        with hold_launch(_claimed(request.POST)):
            launch = verify_launch(request.POST, request.POST)
    except (Busy, NobodyAsked):
        return mark_busy(request, JsonResponse({"ticket": "", "seconds": 0}, status=503))
    except (NotOurs, PortalError):
        return JsonResponse({"ticket": "", "seconds": 0})
    return JsonResponse({"ticket": _ticket(launch), "seconds": int(LIFETIME.total_seconds())})


def _ticket(launch: Launch) -> str:
    return mint_ticket(launch.portal, launch.user_id, launch.is_admin, launch.language)


def reconnected(request: HttpRequest) -> HttpResponse:
    """Where the OAuth server sends an administrator back after Reconnect; opens in a window of its own."""
    state = request.GET.get("state", "")
    try:
        # Its first part names the portal; one that is not ours is refused before anybody is waited for.
        with hold_launch(state.partition(":")[0][:200]):
            portal = complete_reconnect(request.GET.get("code", ""), state)
    except Busy:  # before the link was used: the same address is good a moment later
        response = _busy(request, seconds=str(RETRY_AFTER))
        response["Refresh"] = str(RETRY_AFTER)
        return response
    except PortalError as refusal:
        return render(request, "console/reconnect_failed.html", {"words": refusal.message})
    enqueue.reconcile(portal.pk)
    enqueue.push(portal.pk)
    with translation.override(to_django(portal.language)):
        return render(request, "console/reconnected.html", {"portal": portal})


urlpatterns = [
    path("app/", main, name="main"),
    path("card/", card, name="card-tab"),
    path("session/", session, name="session"),
    path("oauth/", never_cache(reconnected), name="oauth"),  # a code stands in the address
]
