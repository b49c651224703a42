"""A cache in Redis, shared by all processes, for the login tokens of services; losing it costs one more login."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis

from b24app.core.redis import redis_client
from b24app.core.sealing import CannotOpen, seal, unseal

LOCK_SECONDS = 40  # seconds a lock lives when its holder dies


class RedisTokenCache:
    """The `Memo` of one connection; values are encrypted."""

    def __init__(self, connection: str) -> None:
        self._prefix = f"memo:{connection}:"

    def get(self, key: str) -> str | None:
        with suppress(redis.RedisError, CannotOpen):
            value = redis_client().get(self._prefix + key)
            if isinstance(value, bytes):
                return unseal(value).decode()
        return None

    def put(self, key: str, value: str, seconds: float) -> None:
        with suppress(redis.RedisError):
            redis_client().set(self._prefix + key, seal(value.encode()), px=max(1, int(seconds * 1000)))

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        lock = redis_client().lock(self._prefix + key + ":lock", timeout=LOCK_SECONDS, blocking_timeout=LOCK_SECONDS)
        held = False
        with suppress(redis.RedisError):
            held = lock.acquire()
        try:
            yield
        finally:
            if held:
                with suppress(redis.RedisError):
                    lock.release()
