"""Checking the signature of an address at the door, and counting by which key it was: so an old one can be retired.

Counted in memory and written by the thread that replays the spool: a call waits for nothing.
"""

import threading
import time
import uuid

import structlog
from django.db import DatabaseError
from django.utils import timezone

from b24app.core import signed_urls
from b24app.messaging.maintenance.address_uses import KeyUses, store_uses
from b24app.messaging.models.maintenance import AddressKind

log = structlog.get_logger(__name__)

STORE_EVERY = 10.0  # seconds
MAX_ACCOUNTS = 5_000  # remembered between two writes
KINDS = {"handler": AddressKind.HANDLER, "events": AddressKind.EVENTS, "report": AddressKind.REPORT}
WHOLE_ACCOUNT = "-"  # the reference in an address for all reports of an account


class _Counts:
    """The calls since the last write."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.uses = KeyUses()
        self.store_at = 0.0


_counts = _Counts()


def admit_call(mac: str, kind: str, first: str, second: str) -> bool:
    """Return whether any of our keys signed this address, and count which."""
    key = signed_urls.find_key(mac, kind, first, second)
    if key is None:
        return False
    is_account = kind == "report" and second == WHOLE_ACCOUNT
    with _counts.lock:
        _counts.uses.count((key, AddressKind.ACCOUNT if is_account else KINDS[kind]), timezone.now())
        if is_account and len(_counts.uses.accounts) < MAX_ACCOUNTS:
            _counts.uses.accounts[uuid.UUID(first)] = key
    return True


def store_due_uses() -> None:
    """Write what was counted, every few seconds; where the database is away, later."""
    if time.monotonic() >= _counts.store_at:
        _counts.store_at = time.monotonic() + STORE_EVERY
        try:
            store_counted()
        except DatabaseError as error:
            log.warning("address_keys_not_counted", error=type(error).__name__)


def store_counted() -> None:
    """Write what was counted since the last time. Raise DatabaseError; then it is written the next time."""
    with _counts.lock:
        uses, _counts.uses = _counts.uses, KeyUses()
    try:
        store_uses(uses)
    except DatabaseError:
        with _counts.lock:
            _counts.uses.add(uses)
        raise
