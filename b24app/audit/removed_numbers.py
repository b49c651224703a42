"""The opt-outs that were removed within the last hour, so that a removal can be undone: sealed, in Redis alone.

The record of a removal has the masked number only. Without Redis there is no undo.
"""

import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any

import redis

from b24app.audit.models import NUMBER_UNDO_PERIOD
from b24app.core import sealing
from b24app.core.redis import redis_client


def keep_number(change: uuid.UUID, stored: Mapping[str, object]) -> None:
    """Keep what a change removed for an hour."""
    try:
        redis_client().set(_key(change), sealing.seal(json.dumps(dict(stored)).encode()), ex=NUMBER_UNDO_PERIOD)
    except redis.RedisError:
        return


def read_number(change: uuid.UUID) -> dict[str, Any] | None:
    """Return what a change removed, None where it is not known any more."""
    try:
        value = redis_client().get(_key(change))
    except redis.RedisError:
        return None
    if not isinstance(value, bytes):
        return None
    try:
        stored: dict[str, Any] = json.loads(sealing.unseal(value))
    except sealing.CannotOpen:
        return None
    return stored


def forget_numbers(changes: Collection[uuid.UUID]) -> None:
    """Forget what these changes removed: it was restored, or erased for good."""
    if not changes:
        return
    try:
        redis_client().delete(*map(_key, changes))
    except redis.RedisError:
        return


def _key(change: uuid.UUID) -> str:
    return f"undo:{change.hex}"
