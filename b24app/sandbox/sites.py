"""Routing: pages and control on the plain port, REST and OAuth on the TLS port."""

import time
from pathlib import Path

from werkzeug.security import safe_join
from werkzeug.utils import redirect, send_file
from werkzeug.wrappers import Request, Response

from b24app.sandbox import oauth
from b24app.sandbox.control import site as control
from b24app.sandbox.crm import KINDS
from b24app.sandbox.rest import service
from b24app.sandbox.runtime.web import ConnectionDropped, json_response
from b24app.sandbox.world import World

STATIC = Path(__file__).resolve().parents[2] / "static" / "sandbox"
_PAGES = {
    "/": "home.html",
    "/market/": "market.html",
    "/app/": "app.html",
    "/switches/": "switches.html",
    "/notifications/": "notifications.html",
}
_CARDS = (*(f"/crm/{kind}/details/" for kind in KINDS), "/crm/type/")


def serve_http(world: World, request: Request) -> Response:
    """Serve the portal's pages and `/_/…` over http, and refuse REST there."""
    if request.path.startswith("/rest/"):
        return json_response({"error": "INVALID_REQUEST", "error_description": "Https required"}, 400)
    return _serve_site(world, request)


def _serve_site(world: World, request: Request) -> Response:
    path = request.path
    if path.startswith("/_/"):
        return control.serve_control(world, request, path.removeprefix("/_/").strip("/"))
    if path.startswith("/static/sandbox/"):
        return serve_static(request, path.removeprefix("/static/sandbox/"))
    return _serve_page(world, request)


def _serve_page(world: World, request: Request) -> Response:
    path = request.path
    host, _, port = request.host.rpartition(":")
    portal = world.find_by_host(host)
    if portal is None:
        return redirect(f"{request.scheme}://localhost:{port}/")
    if host != portal.host:
        return redirect(f"{request.scheme}://{portal.host}:{port}{request.full_path.rstrip('?')}")
    if path == "/oauth/authorize/":
        return oauth.redirect_with_code(world, portal, request)
    if path.strip("/") == f"marketplace/app/{world.client_of(portal)}":
        return redirect(f"/app/?{request.query_string.decode()}".rstrip("?"))
    page = "card.html" if path.startswith(_CARDS) else _PAGES.get(path)
    return serve_static(request, page) if page else Response("There is no such page.", 404)


def serve_https(world: World, request: Request) -> Response:
    """Serve the OAuth servers and each portal's REST on hosts of their own, over https; pages where they are there."""
    path = request.path
    if world.on_request:
        world.on_request(request)
    if request.host in world.oauth_hosts:
        return _serve_oauth(world, request)
    portal = world.find_by_host(request.host.rpartition(":")[0])
    if portal and path.startswith("/rest/"):
        return service.serve_rest(world, portal, request, path.removeprefix("/rest/"))
    if portal and path == "/oauth/authorize/":
        return oauth.redirect_with_code(world, portal, request)
    if portal and portal.switches.https_pages:
        return _serve_site(world, request)
    return json_response({"error": "NOT_FOUND", "error_description": "Not found"}, 404)


def serve_static(request: Request, name: str) -> Response:
    """Serve a file of static/sandbox/."""
    found = safe_join(str(STATIC), name)
    if found is None or not Path(found).is_file():
        return Response("There is no such file.", 404)
    return send_file(found, request.environ, max_age=0)


def _serve_oauth(world: World, request: Request) -> Response:
    path = request.path.rstrip("/")
    time.sleep(world.oauth_delay)
    if request.host in world.oauth_down:
        raise ConnectionDropped
    if path == "/oauth/token":
        return oauth.serve_token(world, request)
    if path in {"/rest/app.info", "/rest/app.info.json"}:
        return oauth.serve_app_info(world, request)
    if path == "/oauth/authorize":
        named = world.find_by_host(request.args.get("domain", "").rpartition(":")[0])
        return oauth.redirect_with_code(world, named or next(iter(world.portals.values())), request)
    return json_response({"error": "NOT_FOUND", "error_description": "Not found"}, 404)
