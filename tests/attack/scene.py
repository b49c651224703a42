"""What an attack has in its hands: two portals, a seed, and so many seconds. It runs in a process of its own."""

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from b24app.operations.local import visitor
from b24app.operations.local.embedded import Postgres, RedisServer
from b24app.operations.local.stack import ROOT, Stack
from b24app.operations.local.supervisor import Supervisor
from tests.attack.deployment import ALICE, Deployment, connect_account, find_handler, open_as
from tests.attack.victim import post
from tests.faults.house import GATEWAY, House

READY_SECONDS = 120.0
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Outcome:
    """What an attack did, in figures, and in words what it was not refused though it should have been."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    said: Sequence[str] = ()


@dataclass(frozen=True)
class Place:
    """Where the deployment is, as one process tells another."""

    folder: str
    app: str
    sms: str
    portals: Mapping[str, str]
    spool: str

    @classmethod
    def of(cls, deployment: Deployment) -> "Place":
        run, portals = deployment.alpha.run, {name: house.run.portal for name, house in deployment.houses.items()}
        return cls(str(deployment.alpha.folder), run.app, run.sms, portals, str(deployment.spool))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Place":
        return cls(**json.loads(path.read_text()))

    def house(self, portal: str) -> House:
        """Return a portal as a house, on servers that another process started."""
        folder = Path(self.folder)
        stores = folder / "stores"
        supervisor = Supervisor(logs=folder / "logs", cwd=ROOT, env={})
        stack = Stack(self.app, self.portals[portal], self.sms, supervisor)
        return House(stack, Postgres(stores), RedisServer(stores), folder)


@dataclass
class Scene:
    """An attack's view: it prepares, says `ready`, and from then on has `seconds`."""

    place: Place
    seconds: float
    seed: int
    brief: bool
    signal: Path  # `.ready` and `.go` beside it
    count: int = 0  # of a fuzz's requests; 0: its own
    ends: float = 0.0

    def __post_init__(self) -> None:
        self.alpha = self.place.house("alpha")
        self.beta = self.place.house("beta")
        self.rng = random.Random(self.seed)

    @property
    def app(self) -> str:
        return self.place.app

    @property
    def hosts(self) -> Sequence[tuple[str, int]]:
        """Every place where the application answers: its pages, and what machines call where that is apart."""
        found = [(parts.hostname or "", parts.port or 80) for parts in map(urlsplit, (self.app, self.machines))]
        return list(dict.fromkeys(found))

    @property
    def machines(self) -> str:
        """Where machines call the application."""
        parts = urlsplit(str(self.beta.state()["senders"][0]["handler"]))
        return f"{parts.scheme}://{parts.netloc}"

    def ready(self) -> None:
        """Say that all is prepared, and wait for the word to begin."""
        self.signal.with_suffix(".ready").touch()
        end = time.monotonic() + READY_SECONDS
        while not self.signal.with_suffix(".go").exists():
            if time.monotonic() > end:
                raise TimeoutError("nobody gave the word")
            time.sleep(0.02)
        self.ends = time.monotonic() + self.seconds

    def left(self) -> float:
        """Return how many seconds remain, never less than 0."""
        return max(0.0, self.ends - time.monotonic())

    def rest(self) -> None:
        """Wait until the time is over."""
        time.sleep(self.left())

    def wait(self, happened: Callable[[], bool], seconds: float) -> None:
        """Wait until something has happened, while preparing; raises TimeoutError."""
        end = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > end:
                raise TimeoutError(f"not after {seconds:.0f} s")
            time.sleep(0.1)

    def own_gateway(self) -> str:
        """Connect a gateway of alpha's at the sandbox; return the code of its sender."""
        account = {name.removeprefix("account-"): value for name, value in GATEWAY.items()}
        return connect_account(self.alpha, "http", {**account, "url": f"{self.place.sms}/gateway/send"})

    def handler(self, code: str) -> str:
        """Return the address of one of alpha's senders."""
        return find_handler(self.alpha, code)

    def hammer(self, lanes: int, act: Callable[[random.Random], object], most: int = 1_000_000) -> dict[str, int]:
        """Repeat `act` in so many threads until the time is over or `most` were begun; count what came of each."""
        seen: Counter[str] = Counter()
        begun = iter(range(most))
        lock = threading.Lock()

        def go_on(rng: random.Random) -> None:
            while self.left():
                with lock:
                    if next(begun, None) is None:
                        return
                came = _tried(act, rng)
                with lock:
                    seen[came] += 1

        threads = [
            threading.Thread(target=go_on, args=(random.Random(self.rng.random()),), daemon=True) for _ in range(lanes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.1, self.left() + 0.5))
        with lock:
            return dict(sorted(seen.items()))

    def console(self, house: House, user: int = ALICE) -> "Console":
        """Open the application as one of a portal's people."""
        browser, home = open_as(house, user)
        return Console(home.url, browser.headers())

    def wire(self, host: tuple[str, int]) -> socket.socket:
        """Return a connection whose every step may take as long as the attack."""
        wire = socket.create_connection(host, timeout=max(0.1, self.left()))
        wire.settimeout(max(0.1, self.left()))
        return wire

    def portal_switches(self, **switches: object) -> None:
        """Turn switches of alpha's portal, which is the attacker's own server."""
        self.alpha.ask("switches", **switches)

    def oauth_delay(self, seconds: float) -> None:
        """Put the OAuth server so far away as the internet would."""
        self.alpha.ask("oauth", delay=seconds)


@dataclass(frozen=True)
class Console:
    """An open console without its screens: requests that carry the ticket and have a limit of time."""

    home: str
    headers: Mapping[str, str]

    def post(self, path: str, fields: Mapping[str, str], limit: float) -> int | None:
        """Return the status of a form post to a screen; None where nothing came in time."""
        return self.send(path, urlencode(fields).encode(), FORM, limit)

    def send(self, path: str, body: bytes, kind: str, limit: float) -> int | None:
        """Return the status of a post of any kind."""
        return post(urljoin(self.home, path), body, limit, {**self.headers, "Content-Type": kind})


def _tried(act: Callable[[random.Random], object], rng: random.Random) -> str:
    try:
        return str(act(rng))
    except Exception as error:  # noqa: BLE001 - what the application or the network does to an attacker is a figure
        return type(error).__name__


def other_portal(house: House, url: str) -> House:
    """Return another portal on the same servers."""
    return replace(house, run=replace(house.run, portal=url))


def fields_of(house: House, user: int) -> tuple[str, dict[str, str]]:
    """Return where a portal's page posts its launch, and the form."""
    frame = visitor.call_control(f"{house.run.portal}/_/frame", user=user)
    return str(frame["action"]), {str(name): str(value) for name, value in frame["fields"].items()}
