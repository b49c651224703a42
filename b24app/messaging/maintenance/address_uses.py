"""Which keys the addresses are signed with that are called: written down, so that nobody has to guess."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection as database

from b24app.core import signed_urls
from b24app.core.ttl_cache import TtlCache
from b24app.messaging.models.maintenance import AddressKind

WRITTEN_FOR, MAX_WRITTEN = 600.0, 20_000  # seconds, accounts: until then nothing is written of them again

# In one order, so that two processes do not deadlock.
ADD_USES = """
INSERT INTO messaging_addresskeyuse AS u (address_id, kind, calls, first_at, last_at)
SELECT * FROM unnest(%(ids)s::text[], %(kinds)s::text[], %(calls)s::bigint[], %(firsts)s::timestamptz[],
    %(lasts)s::timestamptz[]) AS v(address_id, kind, calls, first_at, last_at) ORDER BY 1, 2
ON CONFLICT (address_id, kind) DO UPDATE SET calls = u.calls + excluded.calls,
    last_at = greatest(u.last_at, excluded.last_at)
"""
# One that is locked is written after its next report.
STORE_REPORT_ADDRESSES = """
UPDATE messaging_connection c SET report_address = v.address_id
FROM (
    SELECT m.id, w.address_id FROM unnest(%(accounts)s::uuid[], %(ids)s::text[]) AS w(uuid, address_id)
    JOIN messaging_connection m ON m.uuid = w.uuid AND m.report_address <> w.address_id
    ORDER BY m.id FOR NO KEY UPDATE OF m SKIP LOCKED
) v
WHERE c.id = v.id
"""

KeyAndKind = tuple[int, AddressKind]
_written = TtlCache[uuid.UUID, str](WRITTEN_FOR, MAX_WRITTEN)


@dataclass(slots=True)
class Calls:
    """Calls of one kind with one key."""

    number: int
    first_at: datetime
    last_at: datetime


@dataclass(slots=True)
class KeyUses:
    """Calls by the place of the key and kind, and the key that each account's report URL was last called with."""

    calls: dict[KeyAndKind, Calls] = field(default_factory=dict)
    accounts: dict[uuid.UUID, int] = field(default_factory=dict)

    def count(self, what: KeyAndKind, at: datetime, *, number: int = 1) -> None:
        """Count calls, the last of them at this moment."""
        found = self.calls.get(what)
        if found is None:
            self.calls[what] = Calls(number, at, at)
        else:
            found.number += number
            found.last_at = max(found.last_at, at)

    def add(self, earlier: "KeyUses") -> None:
        """Count what another has counted before."""
        for what, calls in earlier.calls.items():
            self.count(what, calls.last_at, number=calls.number)
            self.calls[what].first_at = min(self.calls[what].first_at, calls.first_at)
        self.accounts = earlier.accounts | self.accounts


def store_uses(uses: KeyUses) -> None:
    """Write down the calls, and which accounts' report URLs are signed with which key."""
    if uses.calls:
        columns: Sequence[tuple[object, ...]] = [
            (signed_urls.address_id(key), kind.value, calls.number, calls.first_at, calls.last_at)
            for (key, kind), calls in uses.calls.items()
        ]
        names = ("ids", "kinds", "calls", "firsts", "lasts")
        with database.cursor() as cursor:
            cursor.execute(ADD_USES, dict(zip(names, map(list, zip(*columns, strict=True)), strict=True)))
    called = {account: signed_urls.address_id(key) for account, key in uses.accounts.items()}
    new = {account: address for account, address in called.items() if _written.get(account) != address}
    if new:
        with database.cursor() as cursor:
            cursor.execute(STORE_REPORT_ADDRESSES, {"accounts": list(new), "ids": list(new.values())})
        for account, address in new.items():
            _written.put(account, address)
