"""Access tokens of portal users, issued to pages, events, handler calls and OAuth clients."""

import secrets
import time

from b24app.sandbox.state import ACCESS_SECONDS, REFRESH_SECONDS, Code, PortalState, Token
from b24app.sandbox.world import World

_MAX_TOKENS = 2000
_CODE_SECONDS = 30
_REUSE_SECONDS = 3000


def issue_token(
    world: World, portal: PortalState, user_id: int, *, client_id: str = "", with_refresh: bool = True
) -> Token:
    """Return a new token of this user for the application that is used here, or for another `client_id`."""
    now = time.time()
    refresh = secrets.token_hex(35) if with_refresh else ""
    token = Token(
        secrets.token_hex(35),
        refresh,
        user_id,
        client_id or world.client_of(portal),
        now + ACCESS_SECONDS,
        now + REFRESH_SECONDS,
    )
    with world.lock:
        portal.tokens[token.access] = token
        while len(portal.tokens) > _MAX_TOKENS:
            del portal.tokens[next(iter(portal.tokens))]
    world.touch()
    return token


def author_token(world: World, portal: PortalState, user_id: int) -> Token:
    """Return the token a handler call carries: the author's, without a refresh token; a fresh one is reused."""
    edge = time.time() + _REUSE_SECONDS
    with world.lock:
        for token in reversed(portal.tokens.values()):
            if token.user_id == user_id and not token.refresh and token.expires > edge:
                return token
    return issue_token(world, portal, user_id, with_refresh=False)


def issue_code(world: World, portal: PortalState, user_id: int, client_id: str = "") -> str:
    """Return a new authorization code for this user, for the application that is used here or for another."""
    code = secrets.token_hex(35)
    with world.lock:
        portal.codes[code] = Code(user_id, time.time() + _CODE_SECONDS, client_id or world.client_of(portal))
    world.touch()
    return code


def find_access(world: World, access: str) -> tuple[PortalState, Token] | None:
    """Return the portal and token of an access token, in any portal."""
    with world.lock:
        return next(((p, p.tokens[access]) for p in world.portals.values() if access in p.tokens), None)


def find_refresh(world: World, refresh: str) -> tuple[PortalState, Token] | None:
    """Return the portal and token of an unused refresh token, in any portal."""
    with world.lock:
        pairs = ((p, token) for p in world.portals.values() for token in p.tokens.values())
        return next((pair for pair in pairs if refresh and pair[1].refresh == refresh), None)


def spend_refresh(world: World, refresh: str) -> None:
    """Make a refresh token useless in every portal that has it: a box and its copy share theirs."""
    for portal in world.portals.values():
        for token in portal.tokens.values():
            if token.refresh == refresh:
                token.refresh = ""
