"""Doing the faults and healing them. Processes are started by the thread that calls, for they die with it."""

import time
from collections.abc import Callable, Mapping

from b24app.operations.local.visitor import call_control
from tests.chaos.components import Components
from tests.chaos.event_log import Event
from tests.chaos.schedule import PORTALS, TIMES_OUT, WORKERS
from tests.chaos.tenants import Tenants

DELAY = 1.5  # seconds until the service's last word, in peace
ACCEPTED_BUT = {
    "service closes": "close",
    "service answers nonsense": "nonsense",
    "service answers 502": "server_error_after",
    "service answers 503": "server_error",
}
REPORTS: Mapping[str, tuple[dict[str, object], dict[str, object]]] = {
    "reports dropped": ({"drop_reports": True}, {"drop_reports": False}),
    "reports doubled": ({"repeat_reports": True}, {"repeat_reports": False}),
    "reports reordered": ({"reorder_reports": True}, {"reorder_reports": False}),
    "reports forged": ({"wrong_signature": True}, {"wrong_signature": False}),
}
PORTAL: Mapping[str, str] = {
    "portal answers 503": "unavailable",
    "portal answers 429": "operation_limit",
    "portal drops connections": "down",
    "portal answers HTML": "non_json",
}
REFUSES_AT_MOST = 60.0  # seconds
Heal = Callable[[], object]


class FaultInjector:
    """`begin` does a fault and answers how it is healed, None where it needs no healing or was impossible."""

    def __init__(self, tenants: Tenants, components: Components) -> None:
        self._tenants = tenants
        self._house = tenants.house
        self._components = components
        self._hosts = dict.fromkeys(PORTALS, 0)

    def begin(self, event: Event) -> Heal | None:
        """Do it; `event.facts` says so when it could not be done."""
        room = event.kind.partition(" ")[0]
        doers: Mapping[str, Callable[[Event], Heal | None]] = {
            "worker": self._worker,
            "both": self._both,
            "pusher": self._part,
            "web": self._part,
            "beat": self._part,
            "redis": self._redis,
            "postgresql": self._postgresql,
            "service": self._service,
            "reports": self._reports,
            "portal": self._portal,
        }
        holds = int(event.params.get("holds", 0))
        if holds:
            self._keep_busy(event, holds)
        heal = doers[room](event)
        return (lambda: self._no_longer_busy(heal)) if holds else heal

    def _tell_service(self, **switches: object) -> None:
        """Set its switches; while it refuses connections, those of its control address are among them."""
        end = time.monotonic() + REFUSES_AT_MOST
        while True:
            try:
                return self._house.service(**switches)
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.5)

    def _no_longer_busy(self, heal: Heal | None) -> None:
        self._tell_service(hold=0)
        if heal is not None:
            heal()

    def _keep_busy(self, event: Event, holds: int) -> None:
        """Have the service hold sends, and wait for some: so that something is on the wire when it happens."""
        self._tell_service(hold=holds, hold_seconds=float(event.params["hold"]))
        time.sleep(1.5)
        event.facts["done at"] = time.time()

    def peace(self) -> None:
        """All switches as they are in peace, whatever was left."""
        wires = dict.fromkeys(("throttle", "server_error", "hang", "hold", *ACCEPTED_BUT.values()), 0)
        lies = {name: value for _, off in REPORTS.values() for name, value in off.items()}
        self._tell_service(**wires, **lies, delay=DELAY)
        for house in self._tenants.houses.values():
            house.ask("switches", **dict.fromkeys(PORTAL.values(), False), slow=0.0)

    # -- processes --

    def _worker(self, event: Event) -> Heal | None:
        return self._end(event, str(event.params["worker"]), kill=event.kind.endswith("killed"))

    def _both(self, event: Event) -> Heal | None:
        heals = [self._end(event, name, kill=True) for name in WORKERS]
        return lambda: [heal() for heal in heals if heal]

    def _part(self, event: Event) -> Heal | None:
        return self._end(event, event.kind.partition(" ")[0], kill=event.kind.endswith("killed"))

    def _end(self, event: Event, name: str, *, kill: bool) -> Heal | None:
        if not self._components.up(name):
            event.facts["impossible"] = f"{name} was down"
            return None
        if kill:
            self._components.kill(name)
            return lambda: self._components.start(name)
        self._components.stop(name, event)
        return lambda: self._components.start_when_ended(name)

    # -- stores --

    def _redis(self, event: Event) -> Heal | None:
        if not self._components.redis_up:
            event.facts["impossible"] = "redis was down"
            return None
        if event.kind == "redis flushed":
            self._house.flush()
            return None
        self._components.redis_up = False
        self._house.redis.crash()
        return self._components.start_redis

    def _postgresql(self, event: Event) -> Heal | None:
        if not self._components.database_up:
            event.facts["impossible"] = "postgresql was down"
            return None
        self._components.database_up = False
        if event.kind == "postgresql killed":
            self._house.database.kill()
        else:
            self._house.database.stop()
        return self._components.start_database

    # -- the services --

    def _service(self, event: Event) -> Heal | None:
        sends = int(event.params.get("sends", 0))
        if event.kind == "service refuses connections":
            call_control(f"{self._house.run.sms}/_/refuse", seconds=event.params["refuse"])
            event.facts["until"] = time.time() + float(event.params["refuse"])
            return None
        if event.kind in ACCEPTED_BUT:
            return self._switched(ACCEPTED_BUT[event.kind], sends)
        if event.kind == "service throttles":
            return self._switched("throttle", sends, retry_after=float(event.params["after"]))
        if event.kind == "service hangs":
            return self._switched("hang", sends, hang_seconds=float(event.params["hang"]))
        return self._switched("hold", sends, hold_seconds=float(event.params.get("hold", TIMES_OUT)))

    def _switched(self, name: str, sends: int, **more: float) -> Heal:
        self._tell_service(**{name: sends}, **more)
        return lambda: self._tell_service(**{name: 0})

    def _reports(self, event: Event) -> Heal:
        if event.kind == "reports delayed":
            self._tell_service(delay=float(event.params["delay"]))
            return lambda: self._tell_service(delay=DELAY)
        on, off = REPORTS[event.kind]
        self._tell_service(**on)
        return lambda: self._tell_service(**off)

    # -- the portals --

    def _portal(self, event: Event) -> Heal | None:
        name = str(event.params["portal"])
        house = self._tenants.houses[name]
        if event.kind == "portal renamed":
            self._hosts[name] += 1
            # Each has names of its own: 4 to 8, 9 to 13, 14 to 18.
            host = f"127.0.0.{4 + 5 * PORTALS.index(name) + self._hosts[name] % 5}"
            event.facts["host"] = host
            house.ask("switches", rename=host)
            return None
        if event.kind == "portal expires tokens":
            house.ask("switches", expire_tokens=True)
            return None
        if event.kind == "portal hangs":
            house.ask("switches", slow=float(event.params["slow"]))
            return lambda: house.ask("switches", slow=0.0)
        house.ask("switches", **{PORTAL[event.kind]: True})
        return lambda: house.ask("switches", **{PORTAL[event.kind]: False})
