"""Carry the keys of a pasted command through its form: sealed, so that no page shows them."""

from collections.abc import Mapping

from b24app.console.frame.screen import FramedRequest
from b24app.core import tokens

FIELD = "pasted"
LIFETIME = 3600  # seconds to look through the form; after that the key is asked for as if none had been pasted

_PURPOSE = "pasted-secrets"


def seal_secrets(request: FramedRequest, secrets: Mapping[str, str] | None) -> str:
    """Return a token of secrets by field name, good for this visitor of this portal, "" without any."""
    return tokens.seal_token(_PURPOSE, [*_owner(request), dict(secrets)]) if secrets else ""


def unseal_secrets(request: FramedRequest) -> dict[str, str] | None:
    """Return the secrets that came with the form, None where they are too old or somebody else's."""
    token = request.POST.get(FIELD, "")
    if not token:
        return {}
    try:
        *owner, secrets = tokens.unseal_token(_PURPOSE, token, LIFETIME)
    except tokens.BadToken:
        return None
    return secrets if owner == _owner(request) else None


def _owner(request: FramedRequest) -> list[object]:
    return [request.portal.uuid.hex, request.visitor.user_id]
