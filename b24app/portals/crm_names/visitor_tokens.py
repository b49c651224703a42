"""Access tokens of employees who have a page open: sealed, in Redis alone, for as long as their page ticket lasts.

Names of CRM items are asked for with them in the background. They are never renewed and used for nothing else; an
administrator's token is stored with the portal anyway.
"""

import structlog
from redis import RedisError

from b24app.core import sealing
from b24app.core.redis import redis_client
from b24app.portals.errors import NoToken
from b24app.portals.models import Portal
from b24app.portals.page_tickets import LIFETIME

log = structlog.get_logger(__name__)


def keep_token(portal: Portal, user_id: int, access: str) -> None:
    """Keep a token that the OAuth server has just confirmed as this user's."""
    try:
        redis_client().set(_key(portal, user_id), sealing.seal(access.encode()), ex=int(LIFETIME.total_seconds()))
    except RedisError:
        log.warning("redis_unavailable", kind="visitor_token")


def find_token(portal: Portal, user_id: int) -> str:
    """Return the user's access token; raise NoToken where none is kept."""
    try:
        kept = redis_client().get(_key(portal, user_id))
        if isinstance(kept, bytes):
            return sealing.unseal(kept).decode()
    except RedisError:
        log.warning("redis_unavailable", kind="visitor_token")
    except sealing.CannotOpen:  # the keys have been changed
        pass
    raise NoToken("NO_TOKEN")


def _key(portal: Portal, user_id: int) -> str:
    return f"visitor:{portal.pk}:{user_id}"
