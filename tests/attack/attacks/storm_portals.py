"""The portals of the storm: boxes that are off, portals that dawdle, and healthy ones that only want their statuses."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode, urljoin

from b24app.operations.local import visitor
from b24app.operations.local.journey import Journey
from tests.attack.deployment import ALICE, connect_account
from tests.attack.rows import multiply, portal_id
from tests.attack.scene import Scene, fields_of, other_portal
from tests.attack.victim import post
from tests.faults.house import GATEWAY, House

STATUSES = 20  # that each box was not told
REFUSING_EVERY, SILENT = 4, 25.0  # every fourth box hangs up, the others are silent for so many seconds
# What of a portal's rows a day passes over. Leases are held by running processes, which live in our time.
AGED = {
    "portals_portal": ("id", ("push_after", "rest_after", "suspended_since", "suspended_until", "silent_since")),
    "messaging_message": ("portal_id", ("received_at", "push_at")),
    "messaging_maintenancejob": ("portal_id", ("due_at", "done_at")),
}


def raise_portals(scene: Scene, prefix: str, count: int) -> list[House]:
    """Return so many portals of the sandbox, made where they are not there yet, all of which answer."""
    address = urljoin(scene.alpha.run.portal, "/_/portals")
    known = {one["key"]: one["url"] for one in visitor.fetch_page("GET", address).json()["portals"]}
    keys = [f"{prefix}-{number}" for number in range(count)]
    urls = [known.get(key) or visitor.call_control(address, key=key)["url"] for key in keys]
    houses = [other_portal(scene.alpha, url) for url in urls]
    for house in houses:
        house.ask("switches", down=False, slow=0.0)
    return houses


def open_first(house: House) -> None:
    """Open the application for the first time, which makes the portal's row and stores its administrator's tokens."""
    action, fields = fields_of(house, ALICE)
    assert post(action, urlencode(fields).encode(), visitor.TIMEOUT_SECONDS) == 200


@dataclass
class Boxes:
    """Portals that are off: each has statuses that it was never told."""

    houses: Sequence[House]

    @cached_property
    def ids(self) -> list[int]:
        """Return the keys of the portals' rows."""
        return [portal_id(house) for house in self.houses]

    @property
    def house(self) -> House:
        return self.houses[0]

    def fill(self, pattern: int) -> None:
        """Give each an account, a sender and statuses, like those of the message with this key."""
        sql, ids = self.house.sql, f"(ARRAY{self.ids})"
        sql("UPDATE portals_portal SET installed_at = now() WHERE id = ANY(%s)", self.ids)
        [(connection, sender)] = sql("SELECT connection_id, sender_id FROM messaging_message WHERE id = %s", pattern)
        own = {"uuid": "gen_random_uuid()", "portal_id": f"{ids}[g]"}
        account = "(SELECT min(id) FROM messaging_connection WHERE portal_id = {0})"
        line = "(SELECT min(id) FROM messaging_sender WHERE portal_id = {0})"
        multiply(self.house, "messaging_connection", connection, len(self.ids), **own)
        own |= {"connection_id": account.format(own["portal_id"])}
        multiply(self.house, "messaging_sender", sender, len(self.ids), **own, registered_as="''")
        whose = f"{ids}[1 + g %% {len(self.ids)}]"
        multiply(
            self.house,
            "messaging_message",
            pattern,
            STATUSES * len(self.ids),
            reference="gen_random_uuid()",
            portal_id=whose,
            connection_id=account.format(whose),
            sender_id=line.format(whose),
            message_id="'storm-' || g",
            received_at="now()",
            pushed="'sent'",
            push_at="now() + interval '1 hour'",
        )

    def switch_off(self) -> None:
        """Let all be off, and their statuses be due."""
        for number, house in enumerate(self.houses):
            house.ask("switches", **({"down": True} if number % REFUSING_EVERY == 0 else {"slow": SILENT}))
        self.house.sql("UPDATE messaging_message SET push_at = now() WHERE portal_id = ANY(%s)", self.ids)

    def pass_time(self, hours: float) -> None:
        """Let hours pass over them: what is to be tried later comes nearer, and every access token has expired."""
        for table, (key, columns) in AGED.items():
            earlier = ", ".join(f"{column} = {column} - make_interval(secs => %s)" for column in columns)
            query = f"UPDATE {table} SET {earlier} WHERE {key} = ANY(%s)"  # noqa: S608 - written here
            self.house.sql(query, *[hours * 3600] * len(columns), self.ids)
        self.house.sql("UPDATE portals_portaltoken SET expires_at = now() WHERE portal_id = ANY(%s)", self.ids)

    def tries(self) -> int:
        """Return how often they were asked anything, by our own record."""
        query = "SELECT count(*) FROM journal_exchange WHERE portal_id = ANY(%s) AND peer = 'bitrix24'"
        return int(self.house.sql(query, self.ids)[0][0])

    def waiting(self) -> int:
        """Return how many of their statuses are still to be told."""
        query = "SELECT count(*) FROM messaging_message WHERE portal_id = ANY(%s) AND push_at IS NOT NULL"
        return int(self.house.sql(query, self.ids)[0][0])


@dataclass
class Healthy:
    """A portal with nothing wrong, which sends a text now and then."""

    house: House
    code: str

    @classmethod
    def settle(cls, house: House) -> "Healthy":
        """Install and connect a gateway."""
        Journey(house.run, lambda *_: None).install_app()
        account = {name.removeprefix("account-"): value for name, value in GATEWAY.items()}
        return cls(house, connect_account(house, "http", {**account, "url": f"{house.run.sms}/gateway/send"}))

    def send(self, number: int) -> None:
        """Write a text, which arrives after a moment."""
        self.house.send(f"+1202555{number % 90 + 100:04d}", self.code, f"Parcel {number} is here.")
