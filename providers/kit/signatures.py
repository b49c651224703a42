"""What signed calls of many services share: same bytes in constant time, freshness, JSON Web Tokens.

Freshness is measured from the coming of a call, not from now: it may have waited on disk for the database.
"""

import hmac
import re
from collections.abc import Sequence
from typing import Any

import jwt

from providers.kit.errors import Forged


def is_same(expected: str, given: str) -> bool:
    """Compare in constant time; whatever came in a header or a form has bytes."""
    return hmac.compare_digest(expected.encode("utf-8", "replace"), given.encode("utf-8", "replace"))


def is_fresh(timestamp: str, at: float, within: float) -> bool:
    """Whether a Unix timestamp in whole seconds lies at most `within` seconds from `at`."""
    return bool(re.fullmatch("[0-9]{1,12}", timestamp)) and abs(at - int(timestamp)) <= within


def read_jwt(
    token: str, key: str, algorithms: Sequence[str], required: Sequence[str], *, at: float, leeway: float = 60.0
) -> dict[str, Any]:
    """Return the claims of a token that was good at `at`, give or take `leeway` seconds; raise `Forged`.

    `exp` and `nbf` count where the token has them; what has to be there is named in `required`.
    """
    options: Any = {"require": list(required), "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        claims = jwt.decode(token.encode("utf-8", "replace"), key, algorithms=list(algorithms), options=options)
        late = at > float(claims.get("exp", at)) + leeway
        early = at < float(claims.get("nbf", at)) - leeway
    except (jwt.PyJWTError, TypeError, ValueError):
        raise Forged from None
    if late or early:
        raise Forged
    return claims
