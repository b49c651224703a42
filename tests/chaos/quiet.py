"""Waiting for quiet, and moving the clocks that would make it long: nothing else of the application is touched."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.tenants import Tenants

OPEN = """
SELECT count(*) FILTER (WHERE phase IN ('waiting', 'on_wire')), count(*) FILTER (WHERE push_at IS NOT NULL),
       (SELECT count(*) FROM messaging_deliveryreport WHERE due_at IS NOT NULL)
FROM messaging_message
"""
# As if the time had come for everything that only waits for its time. Earlier than 45 seconds after receipt the portal
# writes its own word over ours, so what confirms it is left alone.
HASTEN = (
    "UPDATE messaging_message SET due_at = now() WHERE phase = 'waiting' AND due_at > now()",
    "UPDATE messaging_message SET push_at = now() WHERE push_at > now() AND received_at < now() - interval '45 s'",
    "UPDATE messaging_connection SET throttled_until = NULL WHERE throttled_until > now()",
    "UPDATE messaging_connection SET breaker_until = now() WHERE breaker_until > now()",
    "UPDATE portals_portal SET rest_after = NULL WHERE rest_after > now()",
    "UPDATE portals_portal SET suspended_until = now() WHERE suspended_until > now()",
    "UPDATE messaging_deliveryreport SET due_at = now() WHERE due_at > now()",
)
ASK = "UPDATE messaging_message SET poll_at = now() WHERE status = 'sent' AND phase = 'done' AND poll_at IS NOT NULL"
# Leases of processes that were killed: who holds one alive renews it, or is done long before.
HELD = {
    "SELECT id, lease_until FROM messaging_message WHERE phase = 'on_wire'": (
        "UPDATE messaging_message SET lease_until = now() - interval '1 second' WHERE id = %s AND lease_until = %s"
    ),
    "SELECT id, lease_until FROM messaging_connection WHERE lease_until IS NOT NULL": (
        "UPDATE messaging_connection SET lease_until = now() - interval '1 second' WHERE id = %s AND lease_until = %s"
    ),
    "SELECT id, push_lease_until FROM portals_portal WHERE push_lease_until IS NOT NULL": (
        "UPDATE portals_portal SET push_lease_until = now() - interval '1 second' WHERE id = %s"
        " AND push_lease_until = %s"
    ),
    "SELECT id, lease_until FROM portals_portaltoken WHERE lease_until IS NOT NULL": (
        "UPDATE portals_portaltoken SET lease_until = now() - interval '1 second' WHERE id = %s AND lease_until = %s"
    ),
}


@dataclass(frozen=True)
class Patience:
    """Seconds: how long nothing is moved, how long a lease may stand still, and how long nothing at all may change."""

    natural: float
    lease: float
    limit: float


class Quiet:
    """Looks until nothing is open any more."""

    def __init__(self, tenants: Tenants, patience: Patience, say: Callable[[str], None]) -> None:
        self._tenants = tenants
        self._house = tenants.house
        self._patience = patience
        self._say = say
        self._spool = self._house.folder / "app" / "spool"
        self._seen: dict[tuple[str, object, object], float] = {}
        self._moved_at = time.monotonic()
        self.reopened = 0  # portals whose administrator had to open the application

    def wait(self) -> bool:
        """Return once all is quiet, then have the services asked, and again; False when it takes too long."""
        self._say("waiting for quiet")
        began = told = time.monotonic()
        asked = False
        last, changed = self.open(), began
        while time.monotonic() < changed + self._patience.limit:
            now_open = self.open()
            if now_open != last:
                last, changed = now_open, time.monotonic()
            if not any(now_open.values()) and self._ledger_is_done():
                if asked:
                    return True
                asked = True
                self._house.sql(ASK)  # as if half an hour had passed
                self._settled_after_asking()
                continue
            if time.monotonic() > told + 15.0:
                told = time.monotonic()
                self._say(f"after {told - began:.0f} s open: {self.open()}")
            if time.monotonic() > began + self._patience.natural:
                self._hasten()
            self._free_leases()
            time.sleep(0.5)
        self._say(f"nothing changes any more for {self._patience.limit:.0f} s: {self.open()}")
        return False

    def open(self) -> dict[str, int]:
        """How much of each is open."""
        [(waiting, untold, reports)] = self._house.sql(OPEN)
        return {"waiting": waiting, "untold": untold, "reports": reports, "spooled": len(spooled(self._spool))}

    def poisoned(self) -> int:
        """How many records were set aside."""
        return len(spooled(self._spool / "poison"))

    def _ledger_is_done(self) -> bool:
        """Has the service said its last word about everything? Numbers that end in 95 are never reported on."""
        return all(entry["status"] not in {"queued", "sent"} or entry["to"].endswith("95") for entry in self._ledger())

    def _ledger(self) -> list[dict[str, str]]:
        return self._house.ledger()

    def _settled_after_asking(self) -> None:
        """Until no question is due; what comes of them is waited for as anything else."""
        due = "SELECT count(*) FROM messaging_message WHERE poll_at <= now()"
        end = time.monotonic() + self._patience.limit / 2
        while self._house.sql(due) != [(0,)] and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(1.0)

    def _hasten(self) -> None:
        if time.monotonic() < self._moved_at + 3.0:
            return
        self._moved_at = time.monotonic()
        for statement in HASTEN:
            self._house.sql(statement)
        # A refresh token that was lost with a killed process is mended by an administrator who opens the application.
        for house in self._tenants.houses.values():
            member = house.state()["member_id"]
            if house.sql("SELECT 1 FROM portals_portal WHERE no_token_since IS NOT NULL AND member_id = %s", member):
                house.open()
                self.reopened += 1

    def _free_leases(self) -> None:
        now = time.monotonic()
        still: dict[tuple[str, object, object], float] = {}
        for query, end in HELD.items():
            for key, until in self._house.sql(query):
                since = self._seen.get((query, key, until), now)
                still[query, key, until] = since
                if now - since > self._patience.lease:
                    self._house.sql(end, key, until)
        self._seen = still


def spooled(folder: Path) -> list[Path]:
    """Return the records that wait for the database, without those set aside."""
    return [path for path in folder.glob("*") if path.is_file() and not path.name.startswith(".")]
