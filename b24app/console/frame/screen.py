"""What every screen is written with: the request as the middleware leaves it, and the responses a screen may give."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import HttpResponseLocation, trigger_client_event
from django_htmx.middleware import HtmxDetails

from b24app.console.frame.last_section import remember_section
from b24app.console.models import Preference
from b24app.portals.models import Portal
from b24app.portals.page_tickets import Visitor

Arguments = ParamSpec("Arguments")

FRAME = "app"  # id of the element that holds bar, screen and foot; asked for as a whole when a page begins
SCREEN = "content"  # id of the element that holds the screen alone


class FramedRequest(HttpRequest):
    """A request below `/p/<key>/` whose ticket is good; querysets start from `portal`."""

    portal: Portal
    visitor: Visitor
    preference: Preference
    htmx: HtmxDetails


@dataclass(frozen=True, slots=True)
class ToastAction:
    """The one button of a toast. With `fields` it posts them to `path`, as a form that is gone once it was sent;
    without, it is a link to that screen."""

    label: str
    path: str
    fields: Mapping[str, str] | None = None


def render_screen(
    request: FramedRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    toast: str = "",
    action: ToastAction | None = None,
) -> HttpResponse:
    """Render a screen: with its frame when the page asks for it as a whole, alone when one screen follows another.

    The template says `{% extends layout %}` and fills the blocks `title` and `content`.
    """
    layout = "console/frame.html" if request.htmx.target == FRAME else "console/screen.html"
    if request.method == "GET" and request.htmx.target in {FRAME, SCREEN}:
        remember_section(request.portal, request.visitor.user_id, request.path)
    response = render(request, template, {**(context or {}), "layout": layout})
    return with_toast(response, toast, action) if toast else response


def redirect(
    request: FramedRequest,
    name: str,
    *,
    toast: str = "",
    action: ToastAction | None = None,
    whole: bool = False,
    **arguments: Any,
) -> HttpResponse:
    """Send the page to another screen after a POST, with a toast if there is one to show.

    `whole` renews the frame too, for when its language or look may have changed.
    """
    response: HttpResponse = HttpResponseLocation(
        address(request.portal, name, **arguments), target=f"#{FRAME if whole else SCREEN}", swap="innerHTML"
    )
    return with_toast(response, toast, action) if toast else response


def with_toast(response: HttpResponse, text: str, action: ToastAction | None = None) -> HttpResponse:
    """Add a notice of what a click did, perhaps with a button; it shows for a few seconds and is read aloud."""
    detail: dict[str, object] = {"words": str(text)}
    if action is not None:
        detail |= {"label": str(action.label), "path": action.path}
        if action.fields is not None:
            detail["fields"] = dict(action.fields)
    return trigger_client_event(response, "toast", detail)


def address(portal: Portal, name: str, **arguments: Any) -> str:
    """Return the path of a screen within a portal's frame."""
    return reverse(name, kwargs={"key": portal.uuid.hex, **arguments})


def admin_only(
    view: Callable[Concatenate[FramedRequest, Arguments], HttpResponse],
) -> Callable[Concatenate[FramedRequest, Arguments], HttpResponse]:
    """Let only administrators of the portal through; others read why, and nothing happens."""

    @wraps(view)
    def guarded_view(request: FramedRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponse:
        if request.visitor.is_admin:
            return view(request, *args, **kwargs)
        response = render_screen(request, "console/admins_only.html")
        response.status_code = 403
        return response

    return guarded_view
