"""Redis with short timeouts: it only wakes workers and caches, so nothing may hang on it."""

from functools import cache

import redis
from django.conf import settings


@cache
def redis_client() -> redis.Redis:
    """Return the process's client, whose waits are a second at most."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, health_check_interval=30
    )
