"""An application's lifecycle in a portal: install, finish, update, uninstall, and events (docs/bitrix24.md A, F)."""

import secrets
import time
from functools import partial

from b24app.sandbox import phpform, tokens
from b24app.sandbox.runtime.http_post import post_form
from b24app.sandbox.state import EventHandler, PortalState, User
from b24app.sandbox.world import World

_BASE_KEYS_ONLY = {"ONAPPUNINSTALL"}
_WITH_REFRESH = {"ONAPPINSTALL", "ONAPPUPDATE", "ONSUBSCRIPTIONRENEW", "ONOFFLINEEVENT"}


def install_app(world: World, portal: PortalState) -> None:
    """Press Install: the application is present but not yet installed, old tokens are revoked, its token is new."""
    with world.lock:
        portal.tokens.clear()
        portal.app.present = True
        portal.app.installed = False
        portal.app.token = secrets.token_hex(16)
    world.touch()


def finish_install(world: World, portal: PortalState, installer: int) -> None:
    """Run installFinish: activate events and placements, send ONAPPUSERREADY where the portal has system users."""
    with world.lock:
        portal.app.installed = True
    world.touch()
    data: dict[str, object] = {
        "VERSION": portal.app.version,
        "ACTIVE": "Y",
        "INSTALLED": "Y",
        "LANGUAGE_ID": portal.language,
    }
    fire_event(world, portal, "ONAPPINSTALL", data, installer)
    if portal.switches.system_user:
        _announce_system_user(world, portal, installer)


def update_app(world: World, portal: PortalState) -> None:
    """Install a new version: not finished, handlers and placements gone, senders too where `update_wipes` is on."""
    with world.lock:
        bound, before = list(portal.handlers), portal.app.version
        portal.handlers.clear()
        portal.placements.clear()
        portal.app.version += 1
        portal.app.token = secrets.token_hex(16)
        portal.app.installed = False
        if portal.switches.update_wipes:
            portal.senders.clear()
        data: dict[str, object] = {
            "VERSION": portal.app.version,
            "PREVIOUS_VERSION": before,
            "LANGUAGE_ID": portal.language,
        }
        if not portal.switches.update_silent:
            _queue_event(world, portal, bound, "ONAPPUPDATE", data, _first_admin(portal))
    world.touch()


def uninstall_app(world: World, portal: PortalState, *, clean: bool) -> None:
    """Remove the application: senders, then ONAPPUNINSTALL, then handlers and placements; tokens stop working."""
    with world.lock:
        portal.senders.clear()
        data: dict[str, object] = {"LANGUAGE_ID": portal.language, "CLEAN": int(clean)}
        _queue_event(world, portal, list(portal.handlers), "ONAPPUNINSTALL", data, 0)
        portal.handlers.clear()
        portal.placements.clear()
        if clean:
            portal.app_options.clear()
            portal.user_options.clear()
        portal.app.present = portal.app.installed = False
    world.touch()


def fire_event(world: World, portal: PortalState, event: str, data: dict[str, object], user_id: int = 0) -> int:
    """Send an event to its handlers; return how many: none before installFinish or after the payment lapsed."""
    if not (portal.app.present and portal.app.installed) or portal.switches.payment_required:
        return 0
    bound = [handler for handler in portal.handlers if handler.event == event]
    _queue_event(world, portal, bound, event, data, user_id)
    return len(bound)


def _queue_event(
    world: World, portal: PortalState, bound: list[EventHandler], event: str, data: dict[str, object], user_id: int
) -> None:
    for handler in (item for item in bound if item.event == event):
        fields = {
            "event": event,
            "event_handler_id": handler.id,
            "data": data,
            "ts": int(time.time()),
            "auth": _event_auth(world, portal, event, handler.auth_type or user_id),
        }
        world.background.run_soon(partial(_post_event, world, handler, phpform.encode_form(fields)))


def _post_event(world: World, handler: EventHandler, body: str) -> None:
    outcome = post_form(handler.handler, body, world.ca_file)
    with world.lock:
        handler.calls.append(outcome)
    world.touch()


def _event_auth(world: World, portal: PortalState, event: str, user_id: int) -> dict[str, object]:
    base: dict[str, object] = {
        "domain": world.domain(portal),
        "server_endpoint": world.server_endpoint,
        "client_endpoint": world.client_endpoint(portal),
        "member_id": portal.member_id,
        "application_token": portal.app.token,
    }
    if event in _BASE_KEYS_ONLY or not user_id:
        return base
    return base | _token_fields(world, portal, user_id, with_refresh=event in _WITH_REFRESH)


def _token_fields(world: World, portal: PortalState, user_id: int, *, with_refresh: bool) -> dict[str, object]:
    token = tokens.issue_token(world, portal, user_id, with_refresh=with_refresh)
    return {
        "access_token": token.access,
        "refresh_token": token.refresh or None,
        "expires": int(token.expires),
        "expires_in": round(token.expires - time.time()),
        "scope": ",".join(portal.app.scope),
        "status": portal.app.status,
        "user_id": user_id,
    }


def _announce_system_user(world: World, portal: PortalState, installer: int) -> None:
    """Send ONAPPUSERREADY to the installer's address, which needs no binding (docs/bitrix24.md A.4, F.7)."""
    with world.lock:
        user = next((item for item in portal.users.values() if item.system), None)
        if user is None:
            user = User(max(portal.users) + 1000, portal.app.title, "", admin=True, system=True)
            portal.users[user.id] = user
        handler = EventHandler(portal.next_id(), "ONAPPUSERREADY", f"{world.app_url}/install/")
    data = _token_fields(world, portal, user.id, with_refresh=True) | {
        "domain": world.oauth_host,
        "server_endpoint": world.server_endpoint,
        "client_endpoint": world.client_endpoint(portal),
        "member_id": portal.member_id,
        "client_id": world.client_id,
        "LANGUAGE_ID": portal.language,
    }
    fields = {
        "event": handler.event,
        "event_handler_id": handler.id,
        "data": data,
        "ts": int(time.time()),
        "auth": _event_auth(world, portal, "ONAPPINSTALL", installer),
    }
    world.background.run_soon(partial(_post_event, world, handler, phpform.encode_form(fields)))


def _first_admin(portal: PortalState) -> int:
    return next((user.id for user in portal.users.values() if user.admin and user.active), 0)
