"""Access tokens of messages' authors, as handler calls bring them: sealed, in Redis alone, until they expire.

They are used only where it turns out that no administrator's token works any more (docs/bitrix24.md J9, J12); until
then nobody knows whether they are needed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from django.utils import timezone
from redis import RedisError

from b24app.core import sealing
from b24app.core.redis import redis_client
from b24app.core.ttl_cache import TtlCache
from b24app.portals.models import Portal

log = structlog.get_logger(__name__)

KEPT_AGAIN_AFTER = 600.0  # seconds; of an author's many calls most cost nothing
MAX_AUTHORS = 10_000
MAX_FOUND = 200

_kept_lately = TtlCache[tuple[int, int], bool](KEPT_AGAIN_AFTER, MAX_AUTHORS)


@dataclass(frozen=True, slots=True)
class AuthorToken:
    """An access token that cannot be renewed."""

    access: str = field(repr=False)
    expires_at: datetime


def keep_token(portal_id: int, user_id: int, token: AuthorToken) -> None:
    """Keep an author's token until it expires, one every ten minutes."""
    seconds = int((token.expires_at - timezone.now()).total_seconds())
    if seconds <= 0 or _kept_lately.get((portal_id, user_id)):
        return
    _kept_lately.put((portal_id, user_id), value=True)
    sealed = sealing.seal(json.dumps([token.access, int(token.expires_at.timestamp())]).encode())
    try:
        redis_client().set(_key(portal_id, user_id), sealed, ex=seconds)
    except RedisError:
        log.warning("redis_unavailable", kind="author_token")


def find_tokens(portal: Portal, user_ids: Sequence[int]) -> dict[int, AuthorToken]:
    """Return the kept tokens of these users, by user."""
    wanted = list(user_ids)[:MAX_FOUND]
    if not wanted:
        return {}
    try:
        kept = redis_client().mget([_key(portal.pk, user_id) for user_id in wanted])
    except RedisError:
        log.warning("redis_unavailable", kind="author_token")
        return {}
    found = {user_id: _unseal(sealed) for user_id, sealed in zip(wanted, kept, strict=True)}
    return {user_id: token for user_id, token in found.items() if token}


def _unseal(sealed: bytes | str | None) -> AuthorToken | None:
    if not isinstance(sealed, bytes):
        return None
    try:
        access, expires = json.loads(sealing.unseal(sealed))
    except (sealing.CannotOpen, ValueError, TypeError):  # the keys have been changed
        return None
    return AuthorToken(access, datetime.fromtimestamp(expires, UTC))


def _key(portal_id: int, user_id: int) -> str:
    return f"author:{portal_id}:{user_id}"
