"""How far the writing of a file is, in Redis."""

import json
from dataclasses import asdict, dataclass

import redis

from b24app.console.frame.file_downloads import LEASE_SECONDS
from b24app.core.redis import redis_client
from b24app.portals.models import Portal


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of rows written; `over` when no more come, `whole` if those are all."""

    rows: int
    over: bool = False
    whole: bool = False


def write_progress(portal: Portal, job: str, progress: Progress) -> None:
    """Record how far a file is. Only people read it, so nothing depends on Redis."""
    try:
        redis_client().set(_progress_key(portal, job), json.dumps(asdict(progress)), ex=LEASE_SECONDS)
    except redis.RedisError:
        return


def read_progress(portal: Portal, job: str) -> Progress | None:
    """Return how far a file is; None where nobody writes it, or Redis is away."""
    try:
        value = redis_client().get(_progress_key(portal, job))
    except redis.RedisError:
        return None
    return Progress(**json.loads(value)) if isinstance(value, bytes) else None


def _progress_key(portal: Portal, job: str) -> str:
    return f"export:{portal.uuid.hex}:{job}"
