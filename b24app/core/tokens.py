"""Tokens for addresses: a payload for one purpose, encrypted and dated, that nobody else can make, read or change.

They need no row: what they allow stands in them. Fernet dates each, so its age is checked where it is opened.
"""

import json
from typing import Any

from b24app.core import sealing


class BadToken(Exception):
    """The token was not made here, for another purpose, or too long ago."""


def seal_token(purpose: str, payload: Any) -> str:
    """Return a token of URL-safe characters that holds `payload`, which JSON must be able to write."""
    return sealing.seal(json.dumps([purpose, payload]).encode()).decode()


def unseal_token(purpose: str, token: str, ttl: int) -> Any:
    """Return the payload of a token that was sealed for this purpose at most `ttl` seconds ago; raise BadToken."""
    try:
        opened = json.loads(sealing.unseal(token.encode(), ttl=ttl))
    except (sealing.CannotOpen, ValueError):
        raise BadToken from None
    match opened:
        case [sealed_for, payload] if sealed_for == purpose:
            return payload
        case _:
            raise BadToken
