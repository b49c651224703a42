"""Launches of the application from a sandbox portal, and what the portal saw of it."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from b24app.portals import identity
from b24app.portals.identity import Launch
from b24app.sandbox import Portal as There
from b24app.sandbox.state import Token

ALICE, DANA, BOB = 1, 2, 7  # Alice and Dana administrate alpha, Bob works there


def posted(frame: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Query and form of what a portal page posts into our frame."""
    return dict(parse_qsl(urlsplit(frame["action"]).query)), dict(frame["fields"])


def launch(there: There, user: int = ALICE, **fields: str) -> Launch:
    """Open the application as this user; `fields` replace what the page posts."""
    query, form = posted(there.frame(user, install=False))
    return identity.verify_launch(query | {k: v for k, v in fields.items() if k in query}, form | fields)


def asked(there: There, method: str) -> list[str]:
    """Return the outcomes of the calls of a method, in their order."""
    return [call.outcome for call in there.rest_log if call.method == method]


def move(there: There, host: str) -> None:
    """Move a portal to another name; the old one does not say where it is."""
    with there.world.lock:
        there.state.host = host


def refreshed(there: There) -> list[Token]:
    """Tokens whose refresh token was used."""
    return [token for token in there.tokens.values() if not token.refresh]
