"""The OAuth servers: authorization codes, tokens that rotate, and its own app.info (docs/bitrix24.md A.5, B.1, B.2)."""

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from b24app.sandbox import phpform, tokens
from b24app.sandbox.runtime.web import json_body, json_response
from b24app.sandbox.state import OAuthCall, PortalState, Token
from b24app.sandbox.world import World

_Grant = tuple[PortalState, dict[str, Any]]


class OAuthError(Exception):
    """An error from the table in docs/bitrix24.md B.2."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.text = text
        self.status = status


def redirect_with_code(world: World, portal: PortalState, request: Request) -> Response:
    """Redirect the browser to the application with a code; `user` is who consents, an administrator by default."""
    chosen = request.args.get("user", type=int)
    user_id = chosen or next(user.id for user in portal.users.values() if user.admin and user.active)
    target = request.args.get("redirect_uri", "")
    if not target.startswith(world.app_url + "/"):
        target = f"{world.app_url}/app/"
    query = {
        "code": tokens.issue_code(world, portal, user_id, request.args.get("client_id", "")),
        "state": request.args.get("state", ""),
        "domain": world.domain(portal),
        "member_id": portal.member_id,
        "scope": ",".join(portal.app.scope),
        "server_domain": urlsplit(world.server_endpoint_of(portal)).netloc,
    }
    return redirect(f"{target}{'&' if '?' in target else '?'}{urlencode(query)}")


def serve_token(world: World, request: Request) -> Response:
    """Serve `/oauth/token/`, by GET or POST."""
    params = request.values.to_dict()
    kind, client_id = params.get("grant_type", ""), params.get("client_id", "")
    try:
        portal, fields = _grant_token(world, request.host, params)
        _log_call(world, kind, "ok", portal, fields["user_id"], client_id)
        return json_response(_spell(portal, fields))
    except OAuthError as error:
        _log_call(world, kind, error.code, client_id=client_id)
        return _refuse(error)


def serve_app_info(world: World, request: Request) -> Response:
    """Serve the OAuth server's `app.info`: whose token it is (docs/bitrix24.md A.5)."""
    access = request.values.get("auth") or request.values.get("access_token") or json_body(request).get("auth", "")
    try:
        portal, held = _find_owner(world, request.host, str(access))
    except OAuthError as error:
        _log_call(world, "app.info", error.code)
        return _refuse(error)
    _log_call(world, "app.info", "ok", portal, held.user_id)
    return json_response({"result": _spell(portal, _describe_token(world, portal, held))})


def _find_owner(world: World, host: str, access: str) -> tuple[PortalState, Token]:
    found = tokens.find_access(world, access)
    if not access:
        raise OAuthError("NO_AUTH_FOUND", "Wrong authorization data", 401)
    is_there = found is not None and found[0].app.present and found[1].client_id not in found[0].removed_clients
    if found is None or not (is_there and world.is_known_to(host, found[0])):
        raise OAuthError("invalid_client", "Invalid client")
    if found[1].expires <= time.time():
        raise OAuthError("expired_token", "The access token provided has expired", 401)
    if found[0].switches.payment_required:
        raise OAuthError("PAYMENT_REQUIRED", "Subscription has been ended", 401)
    return found


def _log_call(
    world: World, kind: str, outcome: str, portal: PortalState | None = None, user_id: int = 0, client_id: str = ""
) -> None:
    key = portal.key if portal else ""
    world.oauth_log.append(OAuthCall(time.time(), kind, outcome, key, user_id, client_id))


def _refuse(error: OAuthError) -> Response:
    return json_response({"error": error.code, "error_description": error.text}, error.status)


def _spell(portal: PortalState, fields: dict[str, Any]) -> object:
    return phpform.spell_numbers(fields) if portal.switches.php_text else fields


def _describe_token(world: World, portal: PortalState, held: Token) -> dict[str, Any]:
    registered = world.as_registered(portal)
    domain = registered.host if portal.switches.oauth_without_port else world.domain(registered)
    return {
        "client_id": held.client_id,
        "scope": ",".join(portal.app.scope),
        "expires": datetime.fromtimestamp(held.expires, UTC).isoformat(timespec="seconds"),
        "user_id": held.user_id,
        "install": {
            "installed": portal.app.installed,
            "version": portal.app.version,
            "status": portal.app.status,
            "scope": ",".join(portal.app.scope),
            "domain": domain,
            "uri": f"{urlsplit(world.page_url(registered)).scheme}://{domain}",
            "client_endpoint": world.client_endpoint(registered),
            "member_id": portal.member_id,
            "member_type": "user",
        },
    }


def _grant_token(world: World, host: str, params: dict[str, str]) -> _Grant:
    if not (params.get("client_id") and params.get("client_secret")):
        raise OAuthError("invalid_request", "Required parameters are missing")
    secret = world.secret_of(params["client_id"])
    if secret is None:
        raise OAuthError("wrong_client", "Wrong client", 200)
    if params["client_secret"] != secret:
        raise OAuthError("invalid_client", "Invalid client")
    if params.get("grant_type") == "refresh_token":
        return _redeem_refresh_token(world, host, params)
    if params.get("grant_type") == "authorization_code":
        return _redeem_code(world, host, params)
    raise OAuthError("invalid_request", "Invalid grant_type parameter or parameter missing")


def _redeem_refresh_token(world: World, host: str, params: dict[str, str]) -> _Grant:
    refresh = params.get("refresh_token", "")
    if not refresh:
        raise OAuthError("invalid_request", "Missing parameter: refresh_token")
    with world.lock:
        found = tokens.find_refresh(world, refresh)
        if found is None or found[1].refresh_expires <= time.time() or not world.is_known_to(host, found[0]):
            raise OAuthError("invalid_grant", "Invalid refresh token")
        portal, held = found
        if held.client_id != params["client_id"]:
            raise OAuthError("invalid_grant", "Invalid refresh token")
        _check_portal(portal, params.get("scope", ""))
        if held.client_id in portal.removed_clients:
            raise OAuthError("NOT_INSTALLED", "Application not installed", 401)
        if portal.switches.refuse_fired and not portal.users[held.user_id].active:
            raise OAuthError("invalid_grant", "Invalid refresh token")
        tokens.spend_refresh(world, refresh)
        new_token = tokens.issue_token(world, portal, held.user_id, client_id=held.client_id)
    return portal, _token_fields(world, portal, new_token)


def _redeem_code(world: World, host: str, params: dict[str, str]) -> _Grant:
    code = params.get("code", "")
    if not code:
        raise OAuthError("invalid_request", "Missing parameter: code")
    with world.lock:
        portal = next((item for item in world.portals.values() if code in item.codes), None)
        if portal is None or portal.codes[code].expires <= time.time() or not world.is_known_to(host, portal):
            raise OAuthError("invalid_grant", "Authorization code is invalid or has expired")
        if portal.codes[code].client_id != params["client_id"]:
            raise OAuthError("invalid_grant", "Authorization code is invalid or has expired")
        _check_portal(portal, params.get("scope", ""))
        user_id = portal.codes.pop(code).user_id
        new_token = tokens.issue_token(world, portal, user_id, client_id=params["client_id"])
    return portal, _token_fields(world, portal, new_token)


def _check_portal(portal: PortalState, scope: str) -> None:
    forced = portal.switches.forced_error("oauth.token")
    if forced:
        raise OAuthError(forced.error, forced.description, forced.status)
    if portal.switches.not_installed or not portal.app.present:
        raise OAuthError("NOT_INSTALLED", "Application not installed", 401)
    if portal.switches.payment_required:
        raise OAuthError("PAYMENT_REQUIRED", "Subscription has been ended", 401)
    if not set(filter(None, scope.split(","))) <= set(portal.app.scope):
        raise OAuthError("invalid_scope", "Requested scope exceeds the scope of the application", 403)


def _token_fields(world: World, portal: PortalState, new_token: Token) -> dict[str, Any]:
    # `domain` is the OAuth server's own here, not the portal's (docs/bitrix24.md J14).
    return {
        "access_token": new_token.access,
        "refresh_token": new_token.refresh,
        "expires": int(new_token.expires),
        "expires_in": round(new_token.expires - time.time()),
        "client_endpoint": world.client_endpoint(world.as_registered(portal)),
        "server_endpoint": world.server_endpoint_of(portal),
        "domain": urlsplit(world.server_endpoint_of(portal)).netloc,
        "member_id": portal.member_id,
        "scope": ",".join(portal.app.scope),
        "status": portal.app.status,
        "user_id": new_token.user_id,
    }
