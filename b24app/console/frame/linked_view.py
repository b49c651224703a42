"""Links to saved views: which list of messages the application begins with where the portal's address names a view."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from b24app.console.models import SavedView
from b24app.portals.application_link import application_url
from b24app.portals.identity import Launch
from b24app.portals.models import Portal

_PARAM = "view"


def view_url(portal: Portal, view: SavedView) -> str:
    """Return the address that opens a view inside Bitrix24, for whoever may see the view."""
    return application_url(portal, **{_PARAM: view.uuid.hex})


def find_linked_view(launch: Launch) -> SavedView | None:
    """Return the view that the opened address names, None without one or where the visitor may not see it."""
    try:
        named = uuid.UUID(_read_param(launch.placement_options))
    except ValueError:
        return None
    mine = SavedView.visible_to(launch.portal, launch.user_id, is_admin=launch.is_admin)
    return mine.filter(uuid=named).first()


def _read_param(options: Mapping[str, Any]) -> str:
    """Return the parameter, which portals pass by its name and newer ones also within the page's URI."""
    if _PARAM in options:
        return str(options[_PARAM])
    try:
        query = urlsplit(str(options.get("URI", ""))).query
    except ValueError:
        return ""
    return parse_qs(query).get(_PARAM, [""])[0]
