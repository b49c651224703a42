"""Events of the application's life: which handlers hear of them, and what they carry (docs/bitrix24.md F)."""

import time

from b24app.sandbox import phpform, tokens
from b24app.sandbox.events.event_server import Delivery, accept_delivery
from b24app.sandbox.state import EventHandler, PortalState
from b24app.sandbox.world import World

_BASE_KEYS_ONLY = {"ONAPPUNINSTALL"}
_WITH_REFRESH = {"ONAPPINSTALL", "ONAPPUPDATE", "ONSUBSCRIPTIONRENEW", "ONOFFLINEEVENT"}


def sends_events(portal: PortalState) -> bool:
    """Return whether the portal sends any: none before installFinish, nor after the payment ran out (F.4).

    Whether a portal on a lapsed plan does is open (`lapsed_silent`).
    """
    switches = portal.switches
    is_off = switches.payment_required or (switches.lapsed_plan and switches.lapsed_silent)
    return portal.app.present and portal.app.installed and not is_off


def fire_event(world: World, portal: PortalState, event: str, data: dict[str, object], user_id: int = 0) -> int:
    """Send an event to its handlers; return how many there are."""
    if not sends_events(portal):
        return 0
    return queue_event(world, portal, list(portal.handlers), event, data, user_id)


def queue_event(
    world: World, portal: PortalState, bound: list[EventHandler], event: str, data: dict[str, object], user_id: int
) -> int:
    """Send an event to those of `bound` that listen to it, whatever the portal's state; return how many do."""
    listening = [handler for handler in bound if handler.event == event and not handler.owner]
    for handler in listening:
        auth = event_auth(world, portal, event, handler.auth_type or user_id)
        post_event(world, portal, handler, data, auth)
    return len(listening)


def post_event(
    world: World, portal: PortalState, handler: EventHandler, data: dict[str, object], auth: dict[str, object]
) -> None:
    """Send one event to one handler, with the time it has now."""
    fields = {
        "event": handler.event,
        "event_handler_id": handler.id,
        "data": data,
        "ts": int(time.time()),
        "auth": auth,
    }
    body = phpform.encode_form(fields)
    accept_delivery(world, Delivery(portal, "event", handler.handler, body, handler.calls.append))


def event_auth(world: World, portal: PortalState, event: str, user_id: int) -> dict[str, object]:
    """Return an event's `auth`: the base keys, and a token of the user where there is one."""
    base: dict[str, object] = {
        "domain": world.domain(portal),
        "server_endpoint": world.server_endpoint_of(portal),
        "client_endpoint": world.client_endpoint(portal),
        "member_id": portal.member_id,
        "application_token": portal.app.token,
    }
    if event == "ONAPPPAYMENT" and portal.switches.bare_payment:
        del base["application_token"]
    if event in _BASE_KEYS_ONLY or not user_id:
        return base
    return base | token_fields(world, portal, user_id, with_refresh=event in _WITH_REFRESH)


def token_fields(world: World, portal: PortalState, user_id: int, *, with_refresh: bool) -> dict[str, object]:
    """Return a new token of the user as events spell it."""
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
