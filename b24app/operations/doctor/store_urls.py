"""Checks of the stores' addresses, as they are configured: nobody else may reach what they hold."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from django.conf import settings

from b24app.operations.doctor.findings import Finding, error, ok, warning

REDIS_SCHEMES = ("redis", "rediss", "unix")
ENCRYPTED = {"require", "verify-ca", "verify-full"}


def check_database_url() -> Iterator[Finding]:
    """Find a PostgreSQL that the world could reach, or that is reached readably."""
    database = settings.DATABASES["default"]
    host = str(database.get("HOST") or "")
    if not is_public(host):
        yield ok(f"DATABASE_URL leads to {_describe(host)}.")
        return
    if not database.get("PASSWORD"):
        yield error(
            f"DATABASE_URL leads to the public address {host} without a password.",
            "Give the role a password, and keep PostgreSQL in a private network.",
        )
    elif str(database.get("OPTIONS", {}).get("sslmode", "")) not in ENCRYPTED:
        yield error(
            f"DATABASE_URL leads to the public address {host} without TLS.",
            "Add ?sslmode=verify-full, or keep PostgreSQL in a private network.",
        )
    else:
        yield warning(f"DATABASE_URL leads to the public address {host}.", "Keep PostgreSQL in a private network.")


def check_redis_url() -> Iterator[Finding]:
    """Find a Redis that the world could reach, or an address that is none of Redis."""
    url = urlsplit(str(settings.REDIS_URL))
    host = url.hostname or ""
    if url.scheme not in REDIS_SCHEMES:
        yield error("REDIS_URL is not an address of Redis.", "Write it as redis://:password@host:6379/0.")
    elif not is_public(host):
        yield ok(f"REDIS_URL leads to {_describe(host)}.")
    elif not has_redis_password():
        yield error(
            f"REDIS_URL leads to the public address {host} without a password.",
            "Set requirepass in Redis, and keep it in a private network.",
        )
    elif url.scheme != "rediss":
        yield error(
            f"REDIS_URL leads to the public address {host} without TLS.",
            "Write rediss://, or keep Redis in a private network.",
        )
    else:
        yield warning(f"REDIS_URL leads to the public address {host}.", "Keep Redis in a private network.")


def has_redis_password() -> bool:
    """Return whether REDIS_URL holds a password."""
    url = urlsplit(str(settings.REDIS_URL))
    return bool(url.password or parse_qs(url.query).get("password"))


def is_public(host: str) -> bool:
    """Return whether a host is written as an address that the world can reach."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return False


def _describe(host: str) -> str:
    return host if host and not Path(host).is_absolute() else "a socket of this machine"
