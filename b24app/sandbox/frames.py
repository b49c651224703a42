"""What a portal page posts into the application's frame (docs/bitrix24.md A.3, A.4; docs/frame.md 1)."""

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from b24app.sandbox import lifecycle, tokens
from b24app.sandbox.state import PortalState, Token
from b24app.sandbox.world import World


class FrameRefused(Exception):
    """The portal shows its own page instead of the frame; the message is the text on it."""


@dataclass
class FrameRequest:
    """Who opens which page; `install` forces the installer (True) or the main page (False), None leaves it open."""

    user_id: int
    placement: str = "DEFAULT"
    options: dict[str, Any] | None = None
    install: bool | None = None


def open_frame(world: World, portal: PortalState, request: FrameRequest) -> dict[str, Any]:
    """Return a frame's `{action, fields, name, sid, init, portal_origin}`; an administrator's first opening installs.

    `action` carries the query, `init` is what getInitData returns. Raise FrameRefused.
    """
    user = portal.users.get(request.user_id)
    if user is None or not user.active:
        raise FrameRefused("There is no such employee.")
    if user.barred:
        raise FrameRefused("You have no access to this application.")
    if not portal.app.present:
        if not user.admin:
            raise FrameRefused("The application is not installed.")
        lifecycle.install_app(world, portal)
    installing = request.install if request.install is not None else not portal.app.installed
    if installing and not user.admin:
        raise FrameRefused("The application is not fully installed yet. Please ask an administrator.")
    token = tokens.issue_token(world, portal, user.id)
    if portal.switches.expire_next:
        token.expires = time.time() - 1
        portal.switches.expire_next = False
    sid = secrets.token_hex(16)
    protocol = int(portal.switches.https_pages)
    query = {"DOMAIN": world.domain(portal), "PROTOCOL": protocol, "LANG": user.language, "APP_SID": sid}
    url = _frame_url(world, portal, request.placement, installing=installing)
    return {
        "action": f"{url}{'&' if '?' in url else '?'}{urlencode(query)}",
        "fields": _launch_fields(world, portal, token, request),
        "name": f"{world.domain(portal)}|{protocol}|{sid}",
        "sid": sid,
        "portal_origin": world.origin(portal),
        "init": _init_data(world, portal, token, request, installing=installing),
    }


def renew_auth(world: World, portal: PortalState, user_id: int) -> dict[str, Any]:
    """Return the answer to refreshAuth."""
    return _auth_data(tokens.issue_token(world, portal, user_id))


def _frame_url(world: World, portal: PortalState, placement: str, *, installing: bool) -> str:
    if installing:
        return f"{world.app_url}/install/"
    if placement == "DEFAULT":
        return f"{world.app_url}/app/"
    bound = next((item for item in portal.placements if item.placement == placement and not item.owner), None)
    if bound is None:
        raise FrameRefused("The application has no widget here.")
    return bound.handler


def _launch_fields(world: World, portal: PortalState, token: Token, request: FrameRequest) -> dict[str, str]:
    fields = {
        "AUTH_ID": token.access,
        "AUTH_EXPIRES": str(max(0, round(token.expires - time.time()))),
        "REFRESH_ID": token.refresh,
        "member_id": portal.member_id,
        "status": portal.app.status,
        "PLACEMENT": request.placement,
        "PLACEMENT_OPTIONS": json.dumps(request.options or []),
    }
    if portal.switches.widget_without_token and request.placement != "DEFAULT":
        for name in ("AUTH_ID", "AUTH_EXPIRES", "REFRESH_ID", "status"):
            del fields[name]
    if portal.switches.modern:
        fields |= {
            "SERVER_ENDPOINT": world.server_endpoint_of(portal),
            "APPLICATION_TOKEN": portal.app.token,
            "APPLICATION_SCOPE": ",".join(portal.app.scope),
        }
    return fields


def _auth_data(token: Token) -> dict[str, Any]:
    return {"AUTH_ID": token.access, "AUTH_EXPIRES": 3600, "REFRESH_ID": token.refresh}


def _init_data(
    world: World, portal: PortalState, token: Token, request: FrameRequest, *, installing: bool
) -> dict[str, Any]:
    user = portal.users[request.user_id]
    return _auth_data(token) | {
        "LANG": user.language,
        "DOMAIN": world.domain(portal),
        "PROTOCOL": str(int(portal.switches.https_pages)),
        "PATH": "/rest",
        "MEMBER_ID": portal.member_id,
        "FIRST_RUN": f"{user.id}:{portal.app.version}" not in portal.first_runs,
        "IS_ADMIN": user.admin,
        "INSTALL": installing,
        "USER_OPTIONS": _user_options(portal, user.id),
        "APP_OPTIONS": dict(portal.app_options),
        "PLACEMENT": request.placement,
        "PLACEMENT_OPTIONS": request.options or {},
    }


def _user_options(portal: PortalState, user_id: int) -> dict[str, str]:
    own = f"{user_id}:"
    return {name.removeprefix(own): value for name, value in portal.user_options.items() if name.startswith(own)}
