"""Signed URLs of our own, so that a stranger is refused before anything is read from disk or database."""

import hmac
import json
from base64 import urlsafe_b64encode
from hashlib import sha256

from django.conf import settings

HOST_ID_LENGTH = 8


def _compute_mac(key: str, kind: str, parts: tuple[str, ...]) -> str:
    digest = hmac.digest(key.encode(), json.dumps((kind, *parts)).encode(), sha256)
    return urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def sign_address(kind: str, *parts: str, key: int = 0) -> str:
    """Return an address's signature with the first key, or the one in that place: 22 URL-safe characters."""
    return _compute_mac(settings.ADDRESS_KEYS[key], kind, parts)


def sign_with_all(kind: str, *parts: str) -> set[str]:
    """Return the signatures of an address with each of our keys."""
    return {_compute_mac(key, kind, parts) for key in settings.ADDRESS_KEYS}


def find_key(mac: str, kind: str, *parts: str) -> int | None:
    """Return the place of the key that signed this address, None where none of ours did; compared in constant time."""
    given = mac.encode()
    matches = [hmac.compare_digest(given, _compute_mac(key, kind, parts).encode()) for key in settings.ADDRESS_KEYS]
    return matches.index(True) if any(matches) else None


def is_signed_by_us(mac: str, kind: str, *parts: str) -> bool:
    """Return whether any of our keys signed this address."""
    return find_key(mac, kind, *parts) is not None


def address_id(key: int = 0) -> str:
    """Return what stands for PUBLIC_URL and a key, and tells nothing of the key: where our addresses lead, and by what.

    The first half changes with PUBLIC_URL alone.
    """
    host = sha256(settings.PUBLIC_URL.encode()).hexdigest()[:HOST_ID_LENGTH]
    return host + hmac.digest(settings.ADDRESS_KEYS[key].encode(), b"address id", sha256).hex()[:HOST_ID_LENGTH]


def public_url(path: str) -> str:
    """Return the public URL of a path."""
    return str(settings.PUBLIC_URL) + path


def handler_url(sender: str, generation: int, *, key: int = 0) -> str:
    """Return the URL to which Bitrix24 sends the messages of one sender (uuid in hex)."""
    return public_url(f"/h/{sender}/{generation}/{sign_address('handler', sender, str(generation), key=key)}/")


def events_url(portal: str, generation: int) -> str:
    """Return the URL to which Bitrix24 sends the events of one portal (uuid in hex)."""
    return public_url(f"/e/{portal}/{generation}/{sign_address('events', portal, str(generation))}/")


def report_url(connection: str, reference: str = "-") -> str:
    """Return the URL for a service's reports, on a whole account (`-`) or on one message (our reference)."""
    return public_url(f"/r/{connection}/{reference}/{sign_address('report', connection, reference)}/")


def probe_url(moment: int) -> str:
    """Return the URL of a handler call that stores nothing, good for a minute from `moment` (Unix time)."""
    return public_url(f"/h/probe/{moment}/{sign_address('probe', str(moment))}/")
