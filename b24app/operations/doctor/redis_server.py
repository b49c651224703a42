"""Checks of Redis and of the queues in it: what is lost there costs seconds, if somebody sweeps."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings

from b24app.celery import app
from b24app.core.redis import redis_client
from b24app.messaging import enqueue
from b24app.operations.doctor.clock import compare_clocks
from b24app.operations.doctor.findings import Finding, count_of, error, ok, warning

MIN_VERSION = (6, 2)
QUEUES = {"dispatch": "worker", "push": "pusher", "slow": "pusher", "care": "pusher"}
LONG_QUEUE = 10_000
SWEEP_OVERDUE = 60.0  # seconds
PROBE = "doctor:probe"


def check_server() -> Iterator[Finding]:
    """Find a Redis that is away, too old, a replica, or that takes no writes."""
    said = _read_info()
    version = str(said["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < MIN_VERSION:
        yield error(f"Redis is version {version}.", "Upgrade it to 6.2 or later.")
    else:
        yield ok(f"Redis {version} answers.")
    if said.get("role") == "slave":
        yield error("Redis is a replica that takes no writes.", "Point REDIS_URL at the primary.")
        return
    try:
        redis_client().set(PROBE, b"1", ex=5)
    except redis.ResponseError:
        yield error("Redis takes no writes.", "Look into its log: its disk or its memory may be full.")


def check_memory() -> Iterator[Finding]:
    """Find a Redis that would drop queues when its memory is full, or that is about to be."""
    said = _read_info()
    policy, most, used = str(said.get("maxmemory_policy")), int(said.get("maxmemory", 0)), int(said["used_memory"])
    if policy.startswith("allkeys"):
        yield warning(
            f"Redis has maxmemory-policy {policy}, so it drops whole queues when it is full.",
            "Set maxmemory-policy noeviction.",
        )
    else:
        yield ok(f"Redis has maxmemory-policy {policy}.")
    if most and used > 0.9 * most:
        yield error(f"Redis uses {100 * used / most:.0f} % of its memory.", "Raise maxmemory.")


def check_persistence() -> Iterator[Finding]:
    """Find that Redis could not save: it refuses writes then. What it holds may be lost at any time."""
    said = _read_info()
    if said.get("rdb_last_bgsave_status", "ok") != "ok" or said.get("aof_last_write_status", "ok") != "ok":
        yield error("Redis could not write to its disk, and takes no writes then.", "Free its disk.")
    else:
        yield ok("Redis holds nothing that may not be lost, and has no trouble with its disk.")


def check_password() -> Iterator[Finding]:
    """Find a Redis that lets anybody in who reaches it."""
    if urlsplit(settings.REDIS_URL).scheme == "unix":
        return  # a socket, where the system says who asks
    url = urlsplit(settings.REDIS_URL)
    place = url.netloc.rpartition("@")[2]
    stranger = redis.Redis.from_url(url._replace(netloc=place).geturl(), socket_timeout=1, socket_connect_timeout=1)
    try:
        stranger.ping()
    except (redis.AuthenticationError, redis.ResponseError):
        yield ok("Redis asks for a password.")
    else:
        yield warning("Redis lets anybody in who reaches it.", "Set requirepass, and write it into REDIS_URL.")
    finally:
        stranger.close()


def check_clock() -> Iterator[Finding]:
    """Find a clock that differs from Redis'."""
    redis_client().ping()
    before = time.time()
    seconds, microseconds = redis_client().time()
    yield compare_clocks("Redis", seconds + microseconds / 1e6, before, time.time())


def check_broker() -> Iterator[Finding]:
    """Find that Celery cannot use Redis, or that tasks pile up."""
    with app.connection_for_write() as connecting:
        connecting.ensure_connection(max_retries=1, timeout=2)
    for queue, process in QUEUES.items():
        depth = int(redis_client().llen(queue))
        if depth > LONG_QUEUE:
            yield warning(f"The queue {queue} holds {depth} tasks.", f"Start another {process}.")
    yield ok("Celery reaches its broker.")


def check_consumers() -> Iterator[Finding]:
    """Find queues that no process consumes."""
    answers = app.control.inspect(timeout=1).active_queues() or {}
    consumed = {queue["name"] for queues in answers.values() for queue in queues}
    for queue, process in QUEUES.items():
        if queue not in consumed:
            yield error(f"No process consumes the queue {queue}.", f"Start {process}.")
    if consumed >= QUEUES.keys():
        yield ok(f"Every queue is consumed, by {count_of(len(answers), 'worker')}.")


def check_sweep() -> Iterator[Finding]:
    """Find that nobody looks for what is due."""
    swept_at = redis_client().get(enqueue.SWEPT_AT)
    if not isinstance(swept_at, bytes):
        yield error("Nobody has swept since Redis was started.", "Start beat.")
        return
    age = max(0.0, time.time() - float(swept_at))
    if age > SWEEP_OVERDUE:
        yield error(f"The last sweep was {age:.0f} s ago.", "Start beat, or look into its log.")
    else:
        yield ok(f"The last sweep was {age:.0f} s ago.")


def _read_info() -> dict[str, Any]:
    return dict(redis_client().info())
