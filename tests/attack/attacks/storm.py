"""Everything that portals and strangers can bring at once: slow openings, forged posts, and boxes that are off."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from tests.attack.attacks.anonymous import FAR
from tests.attack.attacks.storm_costs import DAY, Costs
from tests.attack.attacks.storm_portals import Boxes, Healthy, open_first, raise_portals
from tests.attack.rows import member
from tests.attack.scene import Outcome, Scene, fields_of
from tests.attack.victim import post
from tests.faults.house import House

OPENINGS, SLOW_PORTALS, SLOW = 24, 4, 12.0  # at any time; besides alpha; seconds until they answer
FORGED, FORGED_BRIEFLY = 5_000, 800
BOXES, BOXES_BRIEFLY = 50, 24
HEALTHY, TEXT_EVERY = 3, 28.0  # seconds: with less between them a status would wait for the next, to share a batch
LANES = 16
STEP = 2.5  # seconds, in which some hours pass over the boxes
REPEATED_AFTER = 5.0  # seconds: who was told that we are busy comes again


def everything(scene: Scene) -> Outcome:
    """Open slow portals, forge posts to the installer and leave boxes with untold statuses off, all at once."""
    storm = _prepare(scene)
    scene.oauth_delay(FAR)
    scene.ready()
    storm.begin()
    try:
        seen = storm.rage()
    finally:
        scene.oauth_delay(0)
        storm.calm()
    return storm.costs.judge(seen)


def _prepare(scene: Scene) -> "Storm":
    code = scene.own_gateway()
    pattern = scene.alpha.send("+12025550142", code, "A pattern")
    query = "SELECT id FROM messaging_message WHERE message_id = %s AND status = 'delivered'"
    scene.wait(lambda: bool(scene.alpha.sql(query, pattern)), 30)
    slow = [scene.alpha, *raise_portals(scene, "slow", SLOW_PORTALS)]
    for house in slow[1:]:
        open_first(house)
    boxes = Boxes(raise_portals(scene, "box", BOXES_BRIEFLY if scene.brief else BOXES))
    for house in boxes.houses:
        open_first(house)
    boxes.fill(int(scene.alpha.sql(query, pattern)[0][0]))
    healthy = [Healthy.settle(house) for house in raise_portals(scene, "healthy", HEALTHY)]
    return Storm(scene, slow, boxes, healthy, Costs(scene, boxes, healthy))


class Pace:
    """Hands out so many turns, spread evenly over so many seconds from the first on."""

    def __init__(self, count: int, seconds: float) -> None:
        self._count, self._seconds = count, seconds
        self._lock = threading.Lock()
        self._taken, self._began = 0, 0.0

    def take(self) -> bool:
        """Return whether a turn is due, and take it."""
        with self._lock:
            self._began = self._began or time.monotonic()
            due = self._count * (time.monotonic() - self._began) / self._seconds
            if self._taken >= min(due, self._count):
                return False
            self._taken += 1
            return True


@dataclass
class Storm:
    """What goes on at once, and what it cost."""

    scene: Scene
    slow: Sequence[House]
    boxes: Boxes
    healthy: Sequence[Healthy]
    costs: Costs
    launches: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def begin(self) -> None:
        """Note how everything was, and let it break."""
        self.launches = [fields_of(house, 1) for house in self.slow]
        for house in self.slow:
            house.ask("switches", slow=SLOW)
        self.boxes.switch_off()
        self.costs.begin()

    def rage(self) -> Mapping[str, Counter[str]]:
        """Do all of it until the time is over; return what came of each kind."""
        count = FORGED_BRIEFLY if self.scene.brief else FORGED
        pace = Pace(count, 0.85 * self.scene.seconds)
        lanes: list[tuple[str, Callable[[random.Random], object]]] = []
        lanes += [("openings", self._open) for _ in range(OPENINGS)]
        lanes += [("forged", lambda rng: self._forge(rng) if pace.take() else None) for _ in range(LANES)]
        lanes += [("days", lambda _: self._pass_time()), ("texts", self._texts())]
        found: dict[str, Counter[str]] = {name: Counter() for name, _act in lanes}
        threads = [
            threading.Thread(target=self._go_on, args=(act, found[name], self.scene.rng.random()), daemon=True)
            for name, act in lanes
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + self.scene.left() + 2
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        return found

    def calm(self) -> None:
        """Let the slow portals answer again; the boxes stay off."""
        for house in self.slow:
            house.ask("switches", slow=0.0)

    def _go_on(self, act: Callable[[random.Random], object], counts: Counter[str], seed: float) -> None:
        rng = random.Random(seed)
        while self.scene.left():
            try:
                came = act(rng)
            except Exception as error:  # noqa: BLE001 - what comes back is a figure
                came = type(error).__name__
            if came is not None:
                counts[str(came)] += 1
            else:
                time.sleep(0.02)

    def _open(self, rng: random.Random) -> object:
        action, fields = rng.choice(self.launches)
        came = post(action, urlencode(fields).encode(), self.scene.left() + 1)
        if came != 200:
            time.sleep(min(REPEATED_AFTER, self.scene.left()))
        return came

    def _forge(self, rng: random.Random) -> object:
        token = rng.randbytes(35).hex()
        victim = rng.choice([self.scene.beta, self.boxes.house, *self.slow])
        name = member(victim) if rng.random() < 0.5 else rng.randbytes(16).hex()
        url = f"{self.scene.app}/install/"
        limit = self.scene.left() + 1
        if rng.random() < 0.3:
            event = rng.choice(["ONAPPINSTALL", "ONAPPUNINSTALL", "ONAPPUPDATE", "ONAPPUSERREADY"])
            auth = {"auth[member_id]": name, "auth[application_token]": token, "auth[access_token]": token}
            return post(url, urlencode({"event": event, "data[CLEAN]": "1", **auth}).encode(), limit)
        domain = urlsplit(victim.run.portal).netloc
        fields = {"AUTH_ID": token, "REFRESH_ID": token, "AUTH_EXPIRES": "3600", "member_id": name}
        return post(
            f"{url}?{urlencode({'DOMAIN': domain, 'PROTOCOL': '0', 'LANG': 'en'})}", urlencode(fields).encode(), limit
        )

    def _pass_time(self) -> str:
        time.sleep(min(STEP, self.scene.left()))
        self.boxes.pass_time(DAY * STEP / self.scene.seconds)
        self.costs.count_events()
        return "step"

    def _texts(self) -> Callable[[random.Random], object]:
        numbers = iter(range(1_000_000))

        def send(_rng: random.Random) -> str:
            for one in self.healthy:
                one.send(next(numbers))
            time.sleep(min(TEXT_EVERY, self.scene.left()))
            return "sent"

        return send
