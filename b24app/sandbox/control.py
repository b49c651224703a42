"""`/_/…` of the portal port: everything a test can do in-process, over HTTP with JSON; the pages live on it too."""

import dataclasses
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Request, Response

from b24app.sandbox import frames, view
from b24app.sandbox.portal import Portal
from b24app.sandbox.state import PortalState, User
from b24app.sandbox.web import answer, json_body
from b24app.sandbox.world import World

Body = dict[str, Any]


def serve(world: World, request: Request, name: str) -> Response:
    """Answer `/_/<name>`: 400 with `{"error"}` for what cannot be done, 404 for an unknown name."""
    body = {**request.args.to_dict(), **json_body(request)}
    if name == "oauth":
        world.oauth_delay = float(body["delay"])
        return answer({"delay": world.oauth_delay})
    if name == "portals":
        return answer(_add_portal(world, body) if request.method == "POST" else view.portals(world))
    action = _ACTIONS.get(name)
    state = world.portals.get(str(body.pop("portal", ""))) or world.by_host(request.host.rpartition(":")[0])
    if action is None or state is None:
        return answer({"error": f"no such address or portal: {name}"}, 404)
    try:
        return answer(action(Portal(world, state), body))
    except (KeyError, TypeError, ValueError, LookupError) as error:
        return answer({"error": f"{type(error).__name__}: {error}"}, 400)


def _add_portal(world: World, body: Body) -> Body:
    taken = {portal.host for portal in world.portals.values()}
    free = next(host for host in (f"127.0.0.{number}" for number in range(3, 21)) if host not in taken)
    key = str(body["key"])
    owner = User(1, str(body.get("admin", "Erin")), "Evans", admin=True)
    world.add(PortalState(key, str(body.get("title", key.title())), str(body.get("host", free)), "en", {1: owner}))
    return view.portal(world, world.portals[key])


def _send(portal: Portal, body: Body) -> Body:
    message = portal.send_sms(
        str(body["to"]),
        str(body["text"]),
        str(body["code"]),
        int(body.get("author", 1)),
        body.get("module", "crm"),
        **body.get("overrides", {}),
    )
    return view.message(message)


def _write(portal: Portal, body: Body) -> Body:
    message, handler, form = portal.write_sms(
        str(body["to"]), str(body["text"]), str(body["code"]), int(body.get("author", 1))
    )
    return {"message_id": message.message_id, "handler": handler, "form": form}


def _repeat(portal: Portal, body: Body) -> Body:
    message = portal.message(str(body["message_id"]))
    if message is None:
        raise LookupError("no such message")
    portal.deliver(message)
    return view.message(message)


def _campaign(portal: Portal, body: Body) -> Body:
    texts = [portal.send_sms(str(to), str(body["text"]), str(body["code"]), 1, "sender") for to in body["to"]]
    return {"messages": [view.message(message) for message in texts]}


def _frame(portal: Portal, body: Body) -> Body:
    """The frame, or `{"refused": …}`: what the portal tells the person instead is no error of the address."""
    user, placement = int(body.get("user", 1)), str(body.get("placement", "DEFAULT"))
    try:
        return portal.frame(user, placement, body.get("options"), install=body.get("install"))
    except frames.Refused as refusal:
        return {"refused": str(refusal)}


def _install(portal: Portal, _body: Body) -> Body:
    portal.install()
    return view.portal(portal.world, portal.state)


def _install_finish(portal: Portal, body: Body) -> Body:
    portal.install_finish(int(body.get("user", 1)))
    return view.portal(portal.world, portal.state)


def _update(portal: Portal, _body: Body) -> Body:
    portal.update()
    return view.portal(portal.world, portal.state)


def _uninstall(portal: Portal, body: Body) -> Body:
    portal.uninstall(clean=bool(body.get("clean")))
    return view.portal(portal.world, portal.state)


def _reinstall(portal: Portal, _body: Body) -> Body:
    portal.reinstall()
    return view.portal(portal.world, portal.state)


def _fire(portal: Portal, body: Body) -> Body:
    return {"handlers": portal.fire(str(body["event"]).upper(), body.get("data", {}), int(body.get("user", 0)))}


def _code(portal: Portal, body: Body) -> Body:
    return {"code": portal.issue_code(int(body.get("user", 1)))}


def _access_refresh(portal: Portal, body: Body) -> Body:
    return frames.renew(portal.world, portal.state, int(body["user"]))


def _option(portal: Portal, body: Body) -> Body:
    """setAppOption (administrators only) and setUserOption of the frame."""
    user_id, name, value = int(body["user"]), str(body["name"]), str(body["value"])
    if body.get("scope") == "app":
        if not portal.users[user_id].admin:
            raise ValueError("administrators only")
        portal.state.app_options[name] = value
    else:
        portal.state.user_options[f"{user_id}:{name}"] = value
    portal.world.touch()
    return {name: value}


def _first_run(portal: Portal, body: Body) -> Body:
    portal.state.first_runs.append(f"{int(body['user'])}:{portal.state.app.version}")
    portal.world.touch()
    return {"install": True}


def _switches(portal: Portal, body: Body) -> Body:
    """Lasting switches by their names, and the deeds of `_DEEDS`; all names are in README.md."""
    for name, value in body.items():
        deed = _DEEDS.get(name)
        if deed:
            deed(portal, value)
        else:
            portal.switches.set(name, value)
    portal.world.touch()
    return dataclasses.asdict(portal.switches)


def _rest_log(portal: Portal, body: Body) -> Body:
    """All of it, or the latest `last`."""
    return {"rest_log": [dataclasses.asdict(item) for item in portal.rest_log[-int(body.get("last", 0)) :]]}


def _scope(portal: Portal, value: Any) -> None:
    portal.state.app.scope = [str(item) for item in value]


_DEEDS: dict[str, Callable[[Portal, Any], None]] = {
    "expire_tokens": lambda portal, _value: portal.expire_tokens(),
    "revoke_refresh": lambda portal, _value: portal.revoke_refresh(),
    "rename": lambda portal, value: portal.rename(str(value)),
    "fire": lambda portal, value: portal.set_user(int(value), active=False),
    "hire": lambda portal, value: portal.set_user(int(value), active=True),
    "demote": lambda portal, value: portal.set_user(int(value), admin=False),
    "promote": lambda portal, value: portal.set_user(int(value), admin=True),
    "language": lambda portal, value: portal.set_user(int(value["user"]), language=str(value["language"])),
    "empty_bucket": lambda portal, _value: portal.empty_bucket(),
    "scope": _scope,
}

_ACTIONS: dict[str, Callable[[Portal, Body], Body]] = {
    "state": lambda portal, _body: view.full(portal),
    "messages": lambda portal, _body: {"messages": [view.message(item) for item in portal.messages]},
    "rest_log": _rest_log,
    "send": _send,
    "write": _write,
    "repeat": _repeat,
    "campaign": _campaign,
    "frame": _frame,
    "install": _install,
    "install_finish": _install_finish,
    "update": _update,
    "uninstall": _uninstall,
    "reinstall": _reinstall,
    "fire": _fire,
    "code": _code,
    "access_refresh": _access_refresh,
    "option": _option,
    "first_run": _first_run,
    "switches": _switches,
}
