"""How far the writing of a file is, in Redis."""

import json
from dataclasses import asdict, dataclass

import redis

from b24app.console.frame.file_downloads import LEASE_SECONDS
from b24app.core.redis import redis_client
from b24app.portals.models import Portal


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows are written; `over` when no more come, `whole` if that are all."""

    rows: int
    over: bool = False
    whole: bool = False


def tell(portal: Portal, job: str, progress: Progress) -> None:
    """Write down how far a file is. It is only told to people, so nothing depends on Redis."""
    try:
        redis_client().set(_key(portal, job), json.dumps(asdict(progress)), ex=LEASE_SECONDS)
    except redis.RedisError:
        return


def told(portal: Portal, job: str) -> Progress | None:
    """How far a file is; None where nobody writes it, or nobody knows."""
    try:
        value = redis_client().get(_key(portal, job))
    except redis.RedisError:
        return None
    return Progress(**json.loads(value)) if isinstance(value, bytes) else None


def _key(portal: Portal, job: str) -> str:
    return f"export:{portal.uuid.hex}:{job}"
