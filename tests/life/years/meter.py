"""Every call to portals and OAuth servers: whose token it carries, and how many there are on a day of which kind."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request

from b24app.sandbox import tokens
from b24app.sandbox.state import PortalState
from b24app.sandbox.world import World
from tests.life.years.seat import Seat

COLUMNS = {"rest": "REST", "refresh": "refreshes", "refresh one": "of one token", "oauth": "other OAuth"}
# What a portal costs on one day at most, as docs/bitrix24.md says (J35): REST requests, refreshes of one person's token
# (refused ones too), other questions to OAuth. A day on which something happens has an installer's calls among it.
LIMITS: dict[str, tuple[int, int, int]] = {
    "not installed yet": (0, 0, 0),
    "uninstalled": (0, 0, 0),
    "uninstalled, unheard": (12, 12, 10),
    "off": (40, 8, 10),
    "lapsed": (12, 3, 6),
    "without an administrator": (30, 8, 10),
    "quiet": (30, 2, 6),
    "busy": (60, 8, 10),
    "eventful": (120, 12, 40),
}


@dataclass
class Row:
    """One kind of day."""

    days: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)


class Meter:
    """Is shown each request before it is answered."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.foreign: list[str] = []
        self.over: list[str] = []
        self.table: dict[str, Row] = defaultdict(Row)
        self.unknown = 0  # tokens that nobody has any more: refused
        self.totals: Counter[str] = Counter()
        self._today: dict[str, Counter[str]] = defaultdict(Counter)
        self._refreshed: Counter[tuple[str, int]] = Counter()

    def see(self, request: Request) -> None:
        values = request.values.to_dict() | (request.get_json(silent=True) or {})
        path = request.path.rstrip("/")
        if request.host not in self._world.oauth_hosts:
            portal = self._world.find_by_host(request.host.rpartition(":")[0])
            if portal is not None:
                self._see_rest(portal, str(values.get("auth", "")))
        elif path == "/oauth/token":
            self._see_refresh(str(values.get("refresh_token", "")), str(values.get("client_id", "")))
        else:
            found = tokens.find_access(self._world, str(values.get("auth", "")))
            self._count(found[0] if found else None, "oauth")

    def _see_rest(self, portal: PortalState, access: str) -> None:
        self._count(portal, "rest")
        found = tokens.find_access(self._world, access)
        if found is None:
            return
        owner, token = found
        if owner.member_id != portal.member_id or token.client_id != self._world.client_id:
            self.foreign.append(f"a token of {owner.key} for {token.client_id} was used at {portal.key}")

    def _see_refresh(self, refresh: str, client_id: str) -> None:
        found = tokens.find_refresh(self._world, refresh) if refresh else None
        self._count(found[0] if found else None, "refresh" if refresh else "oauth")
        if found:
            self._refreshed[self._name(found[0]), found[1].user_id] += 1
        if client_id != self._world.client_id:
            self.foreign.append(f"client {client_id} asked the OAuth server")

    def _count(self, portal: PortalState | None, kind: str) -> None:
        self.totals[kind] += 1
        if portal is None:
            self.unknown += 1
        else:
            self._today[self._name(portal)][kind] += 1

    @staticmethod
    def _name(portal: PortalState) -> str:
        return portal.clone_of or portal.key

    def end_day(self, seats: list[Seat], day: int) -> None:
        """Add this day to the table, and note what was too much."""
        for seat in seats:
            key, kind = seat.there.state.key, _kind_of_day(seat.today)
            seat.today = set()
            if not kind:
                continue
            counted, row = self._today[key], self.table[kind]
            counted["refresh one"] = max((n for (name, _), n in self._refreshed.items() if name == key), default=0)
            row.days += 1
            row.sums += counted
            row.most |= counted
            found = (counted["rest"], counted["refresh one"], counted["oauth"])
            if any(one > most for one, most in zip(found, LIMITS[kind], strict=True)):
                self.over.append(f"day {day}: {key} ({kind}): {found}, {LIMITS[kind]} at most")
        self._today.clear()
        self._refreshed.clear()

    def lines(self) -> list[str]:
        """Return the table."""
        columns = "".join(f"{name:>15}" for name in COLUMNS.values())
        head = f"{'calls of a portal and day':26}{'days':>8}{columns}"
        return [head, *(_line(kind, self.table[kind]) for kind in LIMITS if kind in self.table)]


def _line(kind: str, row: Row) -> str:
    cells = "".join(f"{row.sums[name] / row.days:9.2f} ≤{row.most[name]:4d}" for name in COLUMNS)
    return f"{kind:26}{row.days:8d}{cells}"


def _kind_of_day(states: set[str]) -> str:
    """Return what kind of day it was: one on which something happened, or what the portal was from its beginning on."""
    places: set[Any] = states - {"busy", "eventful"}
    if "eventful" in states or len(places) > 1:
        return "eventful"
    if places == {"in use"}:
        return "busy" if "busy" in states else "quiet"
    return next(iter(places), "")
