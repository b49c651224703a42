"""The addresses `/_/…`: one function for each, and the portals themselves."""

import dataclasses
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Request, Response

from b24app.sandbox import frames, view
from b24app.sandbox.control.one_off import ONE_OFF_SWITCHES
from b24app.sandbox.portal import Portal
from b24app.sandbox.runtime.web import json_body, json_response
from b24app.sandbox.state import PortalState, User
from b24app.sandbox.world import SECOND_OAUTH, World

Body = dict[str, Any]


def serve_control(world: World, request: Request, name: str) -> Response:
    """Serve `/_/<name>`: 400 with `{"error"}` for what cannot be done, 404 for an unknown name."""
    body = {**request.args.to_dict(), **json_body(request)}
    if name == "oauth":
        return json_response(_set_oauth(world, body))
    if name == "oauth_log":
        return json_response({"oauth_log": [dataclasses.asdict(item) for item in list(world.oauth_log)]})
    if name == "portals":
        return json_response(_add_portal(world, body) if request.method == "POST" else view.describe_portals(world))
    action = _ACTIONS.get(name)
    state = world.portals.get(str(body.pop("portal", ""))) or world.find_by_host(request.host.rpartition(":")[0])
    if action is None or state is None:
        return json_response({"error": f"no such address or portal: {name}"}, 404)
    try:
        return json_response(action(Portal(world, state), body))
    except (KeyError, TypeError, ValueError, LookupError) as error:
        return json_response({"error": f"{type(error).__name__}: {error}"}, 400)


def _set_oauth(world: World, body: Body) -> Body:
    """Set how late the OAuth servers are, and which of them (0, 1) are down."""
    world.oauth_delay = float(body.get("delay", world.oauth_delay))
    if "down" in body:
        world.oauth_down = {world.oauth_hosts[int(number)] for number in body["down"]}
    return {"delay": world.oauth_delay, "down": sorted(world.oauth_down)}


def _add_portal(world: World, body: Body) -> Body:
    used = {host for portal in world.portals.values() for host in (portal.host, *portal.former_hosts, SECOND_OAUTH)}
    free = next(host for host in (f"127.0.0.{number}" for number in range(3, 61)) if host not in used)
    key = str(body["key"])
    if "clone_of" in body:
        Portal(world, world.portals[str(body["clone_of"])]).clone(key, str(body.get("host", free)))
        return view.describe_portal(world, world.portals[key])
    owner = User(1, str(body.get("admin", "Erin")), "Evans", admin=True)
    world.add_portal(
        PortalState(key, str(body.get("title", key.title())), str(body.get("host", free)), "en", {1: owner})
    )
    return view.describe_portal(world, world.portals[key])


def _send_message(portal: Portal, body: Body) -> Body:
    message = portal.send_sms(
        str(body["to"]),
        str(body["text"]),
        str(body["code"]),
        int(body.get("author", 1)),
        body.get("module", "crm"),
        **body.get("overrides", {}),
    )
    return view.describe_message(message)


def _write_message(portal: Portal, body: Body) -> Body:
    message, handler, form = portal.write_sms(
        str(body["to"]), str(body["text"]), str(body["code"]), int(body.get("author", 1))
    )
    return {"message_id": message.message_id, "handler": handler, "form": form}


def _repeat_call(portal: Portal, body: Body) -> Body:
    message = portal.message(str(body["message_id"]))
    if message is None:
        raise LookupError("no such message")
    portal.deliver(message)
    return view.describe_message(message)


def _send_campaign(portal: Portal, body: Body) -> Body:
    texts = [portal.send_sms(str(to), str(body["text"]), str(body["code"]), 1, "sender") for to in body["to"]]
    return {"messages": [view.describe_message(message) for message in texts]}


def _open_frame(portal: Portal, body: Body) -> Body:
    """Return the frame, or `{"refused": …}`: a portal that shows its own page instead is not an error of this call."""
    user, placement = int(body.get("user", 1)), str(body.get("placement", "DEFAULT"))
    try:
        return portal.frame(user, placement, body.get("options"), install=body.get("install"))
    except frames.FrameRefused as refusal:
        return {"refused": str(refusal)}


def _install_app(portal: Portal, _body: Body) -> Body:
    portal.install()
    return view.describe_portal(portal.world, portal.state)


def _finish_install(portal: Portal, body: Body) -> Body:
    portal.install_finish(int(body.get("user", 1)))
    return view.describe_portal(portal.world, portal.state)


def _update_app(portal: Portal, _body: Body) -> Body:
    portal.update()
    return view.describe_portal(portal.world, portal.state)


def _uninstall_app(portal: Portal, body: Body) -> Body:
    portal.uninstall(clean=bool(body.get("clean")))
    return view.describe_portal(portal.world, portal.state)


def _reinstall_app(portal: Portal, _body: Body) -> Body:
    portal.reinstall()
    return view.describe_portal(portal.world, portal.state)


def _fire_event(portal: Portal, body: Body) -> Body:
    return {"handlers": portal.fire(str(body["event"]).upper(), body.get("data", {}), int(body.get("user", 0)))}


def _issue_code(portal: Portal, body: Body) -> Body:
    return {"code": portal.issue_code(int(body.get("user", 1)))}


def _refresh_access(portal: Portal, body: Body) -> Body:
    return frames.renew_auth(portal.world, portal.state, int(body["user"]))


def _set_option(portal: Portal, body: Body) -> Body:
    """Handle the frame's setAppOption (administrators only) and setUserOption."""
    user_id, name, value = int(body["user"]), str(body["name"]), str(body["value"])
    if body.get("scope") == "app":
        if not portal.users[user_id].admin:
            raise ValueError("administrators only")
        portal.state.app_options[name] = value
    else:
        portal.state.user_options[f"{user_id}:{name}"] = value
    portal.world.touch()
    return {name: value}


def _record_first_run(portal: Portal, body: Body) -> Body:
    portal.state.first_runs.append(f"{int(body['user'])}:{portal.state.app.version}")
    portal.world.touch()
    return {"install": True}


def _set_switches(portal: Portal, body: Body) -> Body:
    """Set lasting switches by name, and run those of `ONE_OFF_SWITCHES`; README.md lists all names."""
    for name, value in body.items():
        action = ONE_OFF_SWITCHES.get(name)
        if action:
            action(portal, value)
        else:
            portal.switches.set(name, value)
    portal.world.touch()
    return dataclasses.asdict(portal.switches)


def _read_rest_log(portal: Portal, body: Body) -> Body:
    """Return the whole log, or the latest `last` calls."""
    return {"rest_log": [dataclasses.asdict(item) for item in portal.rest_log[-int(body.get("last", 0)) :]]}


_ACTIONS: dict[str, Callable[[Portal, Body], Body]] = {
    "state": lambda portal, _body: view.describe_all(portal),
    "messages": lambda portal, _body: {"messages": [view.describe_message(item) for item in portal.messages]},
    "rest_log": _read_rest_log,
    "send": _send_message,
    "write": _write_message,
    "repeat": _repeat_call,
    "campaign": _send_campaign,
    "frame": _open_frame,
    "install": _install_app,
    "install_finish": _finish_install,
    "update": _update_app,
    "uninstall": _uninstall_app,
    "reinstall": _reinstall_app,
    "fire": _fire_event,
    "code": _issue_code,
    "access_refresh": _refresh_access,
    "option": _set_option,
    "first_run": _record_first_run,
    "switches": _set_switches,
}
