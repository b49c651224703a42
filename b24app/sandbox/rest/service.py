"""The REST entry point of a portal: host, limits, token, then the method (docs/bitrix24.md B.3, B.4, C)."""

import json
import time
from typing import Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from b24app.sandbox import phpform
from b24app.sandbox.rest import limits
from b24app.sandbox.rest.errors import RestError, access_denied
from b24app.sandbox.rest.run import Runner
from b24app.sandbox.runtime.web import ConnectionDropped, json_response
from b24app.sandbox.state import PortalState, RestCall, Token, User
from b24app.sandbox.world import World

_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "origin, content-type, accept, authorization",
}
_AUTH_NAMES = ("auth", "access_token")


def serve_rest(world: World, portal: PortalState, request: Request, path: str) -> Response:
    """Serve `/rest/<path>` of a portal."""
    if request.method == "OPTIONS":
        return Response(status=200, headers=_CORS)
    if request.host.rpartition(":")[0] in portal.former_hosts:
        return redirect(f"https://{portal.host}:{world.tls_port}{request.full_path.rstrip('?')}", 302)
    deadline = limits.Deadline(time.monotonic() + portal.switches.longest_request)
    try:
        deadline.wait(portal.switches.slow)
        return _answer_request(world, portal, request, path, deadline)
    except limits.RequestCutOff:
        return Response("<html><body><h1>504 Gateway Time-out</h1></body></html>", 504, content_type="text/html")


def _answer_request(
    world: World, portal: PortalState, request: Request, path: str, deadline: limits.Deadline
) -> Response:
    switches = portal.switches
    if switches.down:
        raise ConnectionDropped
    if switches.non_json:
        return Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, content_type="text/html")
    method = path.strip("/").lower().removesuffix(".json")
    try:
        answer = _encodable(_run_request(world, portal, request, method, deadline))
        return json_response(phpform.spell_numbers(answer) if switches.php_text else answer, 200, _CORS)
    except RestError as error:
        return json_response(error.to_json(), error.status, _CORS)


def _run_request(
    world: World, portal: PortalState, request: Request, method: str, deadline: limits.Deadline
) -> dict[str, Any]:
    params = _read_params(request)
    with world.lock:
        try:
            _check_portal(world, portal)
            token, user = _authorise_request(portal, request, params)
        except RestError as error:
            call = RestCall(time.time(), method, {}, error.code, error.status, 0, 0.0)
            world.running[portal.key].rest_log.append(call)
            world.touch()
            raise
        if "token" in params:
            raise access_denied("Link check failed")
    runner = Runner(world, portal, token, user, deadline)
    return runner.run_batch(params) if method == "batch" else runner.run_method(method, params)


def _encodable(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer, or an error with HTTP 200 where it holds text that no encoding has (C.2)."""
    try:
        json.dumps(answer, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return {"error": "WRONG_ENCODING", "error_description": "Wrong request encoding"}
    return answer


def _read_params(request: Request) -> dict[str, object]:
    """Return query and form; a JSON body counts only with its own content type and without form fields."""
    pairs = [*request.args.items(multi=True), *request.form.items(multi=True)]
    params = phpform.nest_pairs(pairs)
    if request.mimetype == "application/json" and not request.form:
        body = request.get_json(silent=True)
        params |= body if isinstance(body, dict) else {}
    return params


def _check_portal(world: World, portal: PortalState) -> None:
    if portal.switches.deleted:
        raise RestError("PORTAL_DELETED", "Portal was deleted", portal.switches.deleted_status)
    if portal.switches.overload:
        raise RestError("OVERLOAD_LIMIT", "REST API is blocked due to overload.", 503)
    limits.count_request(portal, world.running[portal.key], time.time())


def _authorise_request(portal: PortalState, request: Request, params: dict[str, object]) -> tuple[Token, User]:
    access = next((str(params[name]) for name in _AUTH_NAMES if params.get(name)), "")
    header = request.headers.get("Authorization", "")
    access = access or (header.removeprefix("Bearer ") if header.startswith("Bearer ") else "")
    if not access:
        raise RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)
    token = portal.tokens.get(access)
    if token is None:
        raise RestError("invalid_token", "Unable to get application by token", 401)
    if token.client_id in portal.removed_clients:
        raise RestError("ERROR_OAUTH", "Application not installed", 401)
    if token.expires <= time.time():
        raise RestError("expired_token", "The access token provided has expired", 401)
    _check_application(portal)
    user = portal.users.get(token.user_id)
    if user is None or not user.active:
        raise RestError("authorization_error", "Unable to authorize user", 401)
    if user.barred or portal.switches.user_access_error:
        raise RestError("user_access_error", "The user does not have access to the application.", 403)
    return token, user


def _check_application(portal: PortalState) -> None:
    if portal.switches.not_installed:
        raise RestError("ERROR_OAUTH", "Application not installed", 401)
    if not portal.app.present:
        raise RestError("APPLICATION_NOT_FOUND", "Application not found", 401)
    if portal.switches.payment_required:
        raise RestError("PAYMENT_REQUIRED", "Subscription has been ended", 401)
    if portal.switches.lapsed_plan:
        raise RestError("ACCESS_DENIED", "REST is available only on commercial plans.", 403)
