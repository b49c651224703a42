"""Application tokens that handler calls bring while none is known (docs/bitrix24.md J22): old boxes tell them late.

A candidate is kept, sealed and in Redis alone, until a worker has found out from whom the call came. The handler's
address proves that somebody knows a secret of the portal's administrators; the OAuth server has to confirm, besides,
that the access token in the same call is one of ours at this portal. One that is known is replaced by no candidate.
"""

import json

import structlog
from redis import RedisError

from b24app.core import sealing
from b24app.core.redis import redis_client
from b24app.core.ttl_cache import TtlCache
from b24app.portals.errors import InDoubt
from b24app.portals.models import Portal
from b24app.portals.rest import exchange_records, portal_address
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect

log = structlog.get_logger(__name__)

KEPT_AGAIN_AFTER = 600.0  # seconds
KEPT_FOR = 3600  # seconds, the life of the access token that proves it
MAX_KEPT = 10_000

_kept_lately = TtlCache[tuple[int, str], bool](KEPT_AGAIN_AFTER, MAX_KEPT)


def keep_candidate(portal_id: int, application_token: str, access: str) -> bool:
    """Keep a call's application_token with its access token; return whether it was not kept a moment ago."""
    if not application_token or not access or _kept_lately.get((portal_id, application_token)):
        return False
    _kept_lately.put((portal_id, application_token), value=True)
    sealed = sealing.seal(json.dumps([application_token, access]).encode())
    try:
        redis_client().set(_key(portal_id), sealed, ex=KEPT_FOR)
    except RedisError:
        log.warning("redis_unavailable", kind="token_candidate")
        return False
    return True


def adopt_candidate(portal: Portal) -> bool:
    """Store the kept application_token of a portal that has none, if it is proved; return whether it is stored.

    Raise InDoubt where the OAuth server does not answer. What it refuses is dropped: the next message brings another.
    """
    candidate = _find_candidate(portal) if _knows_none(portal) else None
    if candidate is None:
        return False
    application_token, access = candidate
    try:
        owner = portal_address.find_address(portal, access, exchange_records.exchange_recorder(portal))
    except (NoResponse, Redirect):
        raise InDoubt("OAUTH_SILENT") from None
    except ErrorResponse as response:
        log.info("application_token_not_proved", portal=portal.pk, code=response.code)
        owner = None
    forget_candidate(portal)
    if owner is None:
        return False
    unknown = Portal.objects.installed().filter(pk=portal.pk, generation=portal.generation, application_token="")
    is_stored = unknown.update(application_token=application_token) == 1
    log.info("application_token_adopted", portal=portal.pk, is_stored=is_stored)
    return is_stored


def forget_candidate(portal: Portal) -> None:
    """Drop what is kept for a portal: it is settled, or the application is uninstalled."""
    try:
        redis_client().delete(_key(portal.pk))
    except RedisError:
        log.warning("redis_unavailable", kind="token_candidate")


def _knows_none(portal: Portal) -> bool:
    return Portal.objects.installed().filter(pk=portal.pk, application_token="").exists()


def _find_candidate(portal: Portal) -> tuple[str, str] | None:
    try:
        sealed = redis_client().get(_key(portal.pk))
    except RedisError:
        log.warning("redis_unavailable", kind="token_candidate")
        return None
    if not isinstance(sealed, bytes):
        return None
    try:
        application_token, access = json.loads(sealing.unseal(sealed))
    except (sealing.CannotOpen, ValueError):  # the keys have been changed
        return None
    return application_token, access


def _key(portal_id: int) -> str:
    return f"candidate:{portal_id}"
