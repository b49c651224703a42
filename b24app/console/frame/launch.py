"""The entry points: the application's main and installer URLs, the CRM tab, ticket renewal, and the return from OAuth.

Nothing that arrives here is signed. The OAuth server says who a caller is (`portals.identity`).
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

from b24app.audit.actor import acting_as
from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.console.frame import card_tokens, launch_retry
from b24app.console.frame.errors import RETRY_AFTER, mark_busy
from b24app.console.frame.last_section import last_section
from b24app.console.frame.linked_view import find_linked_view
from b24app.console.frame.long_requests import hold_launch
from b24app.console.frame.page import render_shell
from b24app.console.frame.screen import address
from b24app.console.models import Preference
from b24app.console.wording.launch_errors import explain_launch_error
from b24app.core.concurrency_limit import Busy
from b24app.messaging import enqueue
from b24app.messaging.app_events import applier as app_events
from b24app.messaging.maintenance.requests import request_check, retry_failed
from b24app.portals import installation
from b24app.portals.callers import portal_copies
from b24app.portals.crm import cards
from b24app.portals.crm_names import visitor_tokens
from b24app.portals.errors import Busy as PortalBusy
from b24app.portals.errors import NotOurs, PortalError, PortalRefused
from b24app.portals.identity import Launch, verify_launch
from b24app.portals.installation import InstallationChange
from b24app.portals.languages import to_django
from b24app.portals.page_tickets import LIFETIME, mint_ticket
from b24app.portals.reconnect import complete_reconnect
from b24app.portals.rest.launch_record import LaunchRecord

RenderLaunch = Callable[[Mapping[str, str], LaunchRecord], HttpResponse]

HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def open_app(request: HttpRequest) -> HttpResponse:
    """Open the application from the portal's menu; at its installer where the installation was never finished."""
    return _open_start_screen(request, at_installer=False)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def open_installer(request: HttpRequest) -> HttpResponse:
    """Open the application before its installation is finished."""
    return _open_start_screen(request, at_installer=True)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def open_card(request: HttpRequest) -> HttpResponse:
    """Open the tab on a CRM card.

    Which card is the browser's claim: the portal is asked for it with the visitor's own token.
    """

    def show_card(posted: Mapping[str, str], record: LaunchRecord) -> HttpResponse:
        try:
            launch = record.verify(request.GET, posted)
            _record_opening(launch, at_installer=False)
            token = posted.get("AUTH_ID", "")
            entity = cards.find_card(launch.portal, token, launch.placement, launch.placement_options)
        except PortalRefused:
            return _render_notice(request, "console/launch/entity.html")
        signed = card_tokens.seal_card_token(entity, launch.portal, launch.user_id)
        # A portal that draws the composer itself keeps our page hidden; any other opens the tab's page in a slider.
        is_drawn = launch.placement_options.get("useBuiltInInterface") == "Y"
        screen = "card-composer" if is_drawn else "card"
        return _show_shell(request, launch, address(launch.portal, screen, signed=signed))

    return _answer_launch(request, show_card)


def _open_start_screen(request: HttpRequest, *, at_installer: bool) -> HttpResponse:
    def show_start(posted: Mapping[str, str], record: LaunchRecord) -> HttpResponse:
        launch = record.verify(request.GET, posted, at_installer=at_installer)
        _keep_access(launch, posted)
        start = address(launch.portal, "install") if at_installer or launch.first_time else _start_path(launch)
        # The installer tells employees that they need an administrator, and begins nothing for them.
        _record_opening(launch, at_installer=at_installer and launch.is_admin)
        return _show_shell(request, launch, start)

    return _answer_launch(request, show_start)


def _keep_access(launch: Launch, posted: Mapping[str, str]) -> None:
    """Keep an employee's token for as long as the page lives: names in the CRM are asked for with it."""
    if not launch.is_admin:
        visitor_tokens.keep_token(launch.portal, launch.user_id, posted.get("AUTH_ID", ""))


def _answer_launch(request: HttpRequest, render_launch: RenderLaunch) -> HttpResponse:
    """Respond with what `render_launch` makes of the posted fields, or explain why not; record how it was answered."""
    if request.method != "POST":
        return _render_notice(request, "console/launch/outside.html")
    posted, record, error = launch_retry.read_posted(request), LaunchRecord(request.path), ""
    try:
        with hold_launch(_claimed_portal(posted)):
            for applied in app_events.apply_departures(_claimed_portal(posted)):
                app_events.enqueue_applied(applied)
            response = render_launch(posted, record)
    except (Busy, PortalBusy):
        response, error = _render_busy(request, **launch_retry.retry_context(posted)), "BUSY"
    except NotOurs as refusal:
        response, error = _render_notice(request, "console/launch/refused.html", words=refusal.message), refusal.code
    except PortalError as failure:
        why = explain_launch_error(failure)
        template = "console/launch/unanswered.html" if why is None else "console/launch/not_working.html"
        response, error = _render_notice(request, template, why=why), failure.code
    record.save(response.status_code, error)
    return response


def _claimed_portal(posted: Mapping[str, str]) -> str:
    """Return the portal that a caller names; nobody has confirmed it yet."""
    return posted.get("member_id", "")[:64]


def _render_busy(request: HttpRequest, **context: str) -> HttpResponse:
    response = _render_notice(request, "console/launch/busy.html", **context)
    response.status_code = 503
    response["Cache-Control"] = "no-store"
    return mark_busy(request, response)


def _record_opening(launch: Launch, *, at_installer: bool) -> None:
    opening = installation.record_opening(launch, at_installer=at_installer)
    if opening == InstallationChange.RESUMED:
        record_change(Action.RECONNECTED, Subject(launch.portal.pk, Kind.PORTAL, launch.portal.pk))
    if opening.wants_check:
        request_check(launch.portal.pk)
    elif launch.is_admin:
        retry_failed(launch.portal.pk)
    if portal_copies.make_confirmed_due(launch.portal):
        enqueue.check_copies(launch.portal.pk)


def _start_path(launch: Launch) -> str:
    """Return the list of messages that a link names, or the section somebody looked at last."""
    view = find_linked_view(launch)
    if view is not None:
        return f"{address(launch.portal, 'journal')}?{view.query}"
    return address(launch.portal, last_section(launch.portal, launch.user_id, is_admin=launch.is_admin))


def _show_shell(request: HttpRequest, launch: Launch, start: str) -> HttpResponse:
    request.frame_origins = (launch.portal.origin, launch.origin)  # type: ignore[attr-defined]  # read by FramePolicy
    preference = Preference.for_visitor(launch.portal, launch.user_id)
    return render_shell(
        launch.portal,
        start,
        ticket=_mint_ticket(launch),
        language=preference.language or to_django(launch.language),
        theme=preference.theme,
        origin=launch.origin,
    )


def _render_notice(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    """Render a page for a caller we do not know. It shows only text, so the portal that it claims may frame it.

    The status is 200: Chromium logs every 4xx to the console, where the market's moderators count errors.
    """
    host = request.GET.get("DOMAIN", "")
    if HOST.fullmatch(host):
        scheme = "http" if request.GET.get("PROTOCOL") == "0" else "https"
        request.frame_origins = (f"{scheme}://{host}",)  # type: ignore[attr-defined]  # read by FramePolicy
    return render(request, template, context)


@csrf_exempt
@require_POST
def renew_ticket(request: HttpRequest) -> JsonResponse:
    """Return a new page ticket for the user that the frame bridge names, `{"ticket": ""}` where it is refused.

    503 asks to come again a little later. No cookie is read and the tokens are in the body, so another site cannot ride
    on it.
    """
    try:
        with hold_launch(_claimed_portal(request.POST)):
            launch = verify_launch(request.POST, request.POST)
            _keep_access(launch, request.POST)
    except (Busy, PortalBusy):
        return mark_busy(request, JsonResponse({"ticket": "", "seconds": 0}, status=503))
    except (NotOurs, PortalError):
        return JsonResponse({"ticket": "", "seconds": 0})
    return JsonResponse({"ticket": _mint_ticket(launch), "seconds": int(LIFETIME.total_seconds())})


def _mint_ticket(launch: Launch) -> str:
    return mint_ticket(launch.portal, launch.user_id, launch.is_admin, launch.language)


def finish_reconnect(request: HttpRequest) -> HttpResponse:
    """Take the administrator back from the OAuth server after Reconnect, in a window of its own."""
    state = request.GET.get("state", "")
    try:
        # Its first part names the portal, so a state that is not ours is refused before anything is waited for.
        with hold_launch(state.partition(":")[0][:200]):
            portal, user_id = complete_reconnect(request.GET.get("code", ""), state)
    except Busy:  # before the link was used: the same address is good a moment later
        response = _render_busy(request, seconds=str(RETRY_AFTER))
        response["Refresh"] = str(RETRY_AFTER)
        return response
    except PortalError as refusal:
        return render(request, "console/install/reconnect_failed.html", {"words": refusal.message})
    with acting_as(user_id):
        record_change(Action.RECONNECTED, Subject(portal.pk, Kind.PORTAL, portal.pk))
    request_check(portal.pk)
    enqueue.push(portal.pk)
    with translation.override(to_django(portal.language)):
        return render(request, "console/install/reconnected.html", {"portal": portal})


urlpatterns = [
    path("app/", open_app, name="main"),
    path("card/", open_card, name="card-tab"),
    path("session/", renew_ticket, name="session"),
    path("oauth/", never_cache(finish_reconnect), name="oauth"),  # a code stands in the address
]
