"""The page around the screens: it holds no data, only the address of the first screen and, after a launch, a ticket."""

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import translation

from b24app.console.models import Theme
from b24app.portals.languages import to_django
from b24app.portals.models import Portal
from b24app.portals.page_tickets import LIFETIME


def render_shell(
    portal: Portal, start: str, *, ticket: str = "", language: str = "", theme: str = Theme.LIGHT, origin: str = ""
) -> HttpResponse:
    """Render the page that fetches `start` (a path below `/p/<key>/`) as its first screen.

    `language` is Django's code; without it the portal's own is used until the first screen is there. `origin` is that
    of the page around it, by default the portal's.
    """
    with translation.override(language or to_django(portal.language)):
        context = {
            "origin": origin or portal.origin,
            "start": start,
            "ticket": ticket,
            "seconds": int(LIFETIME.total_seconds()),
            "theme": theme,
        }
        # No request in the context: what it carries (tokens of a launch) must not find its way into the page.
        return HttpResponse(render_to_string("console/shell.html", context))
