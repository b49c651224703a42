"""Access tokens of messages' authors, as handler calls bring them: sealed, in Redis alone, for an hour.

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
KEPT_FOR = 3600  # seconds, the life of such a token
MAX_AUTHORS = 10_000
MAX_FOUND = 200

_kept_lately = TtlCache[tuple[int, int], bool](KEPT_AGAIN_AFTER, MAX_AUTHORS)


@dataclass(frozen=True, slots=True)
class AuthorToken:
    """An access token that cannot be renewed."""

    access: str = field(repr=False)
    expires_at: datetime


def keep_token(portal_id: int, user_id: int, token: AuthorToken) -> None:
    """Keep an author's token, one every ten minutes; a portal's are dropped an hour after the last of them came."""
    if token.expires_at <= timezone.now() or _kept_lately.get((portal_id, user_id)):
        return
    _kept_lately.put((portal_id, user_id), value=True)
    sealed = sealing.seal(json.dumps([token.access, int(token.expires_at.timestamp())]).encode())
    try:
        with redis_client().pipeline() as pipeline:
            pipeline.hset(_key(portal_id), str(user_id), sealed)
            pipeline.expire(_key(portal_id), KEPT_FOR)
            pipeline.execute()
    except RedisError:
        log.warning("redis_unavailable", kind="author_token")


def find_tokens(portal: Portal, user_ids: Sequence[int]) -> dict[int, AuthorToken]:
    """Return the kept tokens of these users that have not expired, by user."""
    wanted = list(user_ids)[:MAX_FOUND]
    if not wanted:
        return {}
    try:
        kept = redis_client().hmget(_key(portal.pk), [str(user_id) for user_id in wanted])
    except RedisError:
        log.warning("redis_unavailable", kind="author_token")
        return {}
    found = {user_id: _unseal(sealed) for user_id, sealed in zip(wanted, kept, strict=True)}
    return {user_id: token for user_id, token in found.items() if token and token.expires_at > timezone.now()}


def forget_tokens(portal: Portal) -> None:
    """Drop the tokens of a portal's authors: it has uninstalled the application."""
    try:
        redis_client().delete(_key(portal.pk))
    except RedisError:
        log.warning("redis_unavailable", kind="author_token")


def _unseal(sealed: bytes | str | None) -> AuthorToken | None:
    if not isinstance(sealed, bytes):
        return None
    try:
        access, expires = json.loads(sealing.unseal(sealed))
    except (sealing.CannotOpen, ValueError, TypeError):  # the keys have been changed
        return None
    return AuthorToken(access, datetime.fromtimestamp(expires, UTC))


def _key(portal_id: int) -> str:
    return f"authors:{portal_id}"
