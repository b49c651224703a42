"""Everything the running application keeps and prints, by the place where it lies."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from psycopg import sql
from redis import Redis

from tests.faults.house import House
from tests.faults.leaks import SHOWN, Kind

CHILDREN = ("web", "worker", "smpp", "beat", "migrate")
MEANT: dict[str, frozenset[Kind]] = {
    "messaging_message.raw_to": SHOWN,
    "messaging_message.to": SHOWN,
    "messaging_message.text": SHOWN,
    "messaging_deliveryreport.recipient": SHOWN,
    "messaging_stoppednumber.number": SHOWN,
}
"""The columns that are there to hold numbers and texts."""


class Kept:
    """Collects, from time to time, what lies anywhere; what is overwritten later stays found."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.places: dict[str, set[bytes]] = {}
        self.pages: dict[str, str] = {}

    def keep(self, place: str, *found: bytes) -> None:
        self.places.setdefault(place, set()).update(found)

    def all_of_it(self) -> None:
        """Look everywhere; only where the stores are up."""
        self.logs()
        self.spool()
        self.tables()
        self.redis()

    def logs(self) -> None:
        """Add the children's own output, and that of the stores. A restarted child's file is a new one."""
        supervisor = self._house.run.supervisor
        for path in (*map(supervisor.log_file, CHILDREN), *(self._house.folder / "stores").glob("*.log")):
            self.keep(f"log of {path.stem}", path.read_bytes())

    def spool(self) -> int:
        """Add the records that wait for the database, with their names; return how many."""
        waiting = [path for path in (self._house.folder / "app" / "spool").rglob("*") if path.is_file()]
        for path in waiting:
            self._spooled(path)
        return len(waiting)

    def _spooled(self, path: Path) -> None:
        with suppress(FileNotFoundError):  # replayed at this moment
            self.keep("spool", path.name.encode(), path.read_bytes())

    def tables(self) -> None:
        """Every column of every table, as text."""
        columns = self._house.sql(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
        for table, column in columns:
            values = self._house.sql(
                sql.SQL("SELECT DISTINCT {}::text FROM {}").format(sql.Identifier(column), sql.Identifier(table))
            )
            self.keep(f"{table}.{column}", *(value.encode() for (value,) in values if value))

    def redis(self) -> None:
        """All keys of all databases, with what they hold."""
        for number in range(2):
            with Redis.from_url(self._house.redis.url.replace("db=0", f"db={number}")) as client:
                for key in client.scan_iter():
                    self.keep("redis", key, *_values(client, key))

    def page(self, name: str, text: str) -> None:
        """Add what a visitor was shown; the same screen may be added several times."""
        self.pages[name] = self.pages.get(name, "") + text


READ: dict[bytes, tuple[tuple[str | int, ...], ...]] = {
    b"string": (("GET",),),
    b"list": (("LRANGE", 0, -1),),
    b"set": (("SMEMBERS",),),
    b"zset": (("ZRANGE", 0, -1),),
    b"hash": (("HKEYS",), ("HVALS",)),
}


def _values(client: "Redis", key: bytes) -> Iterator[bytes]:
    ask: Callable[..., Any] = client.execute_command
    for command, *limits in READ.get(ask("TYPE", key), ()):  # none where the key has run out meanwhile
        found = ask(command, key, *limits)
        yield from [found] if isinstance(found, bytes) else found or ()


def mac(address: str) -> str:
    """Return the signature in one of our addresses; fail where there is none."""
    found = re.search(r"/([A-Za-z0-9_-]{22})/?$", address)
    assert found, address
    return found[1]
