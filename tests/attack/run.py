"""Rounds: an idle time is measured, the attacks begin, the victim goes on, all is waited for, judged and healed."""

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from subprocess import Popen
from typing import Any

from b24app.operations.local import processes
from b24app.operations.local.stack import ROOT
from b24app.operations.local.visitor import TIMEOUT_SECONDS
from tests.attack import healing
from tests.attack.deployment import Deployment, ProcfileGroup
from tests.attack.ledger import books
from tests.attack.measures import TOLD, Left, Round, Times, Window, percentile
from tests.attack.registry import ATTACKS
from tests.attack.scene import READY_SECONDS, Outcome, Place
from tests.attack.statuses import wait_told
from tests.attack.victim import LIMIT, Called, Centre, Victim

OVERTIME = 8.0  # seconds that an attack may go on after its time, before it is ended
LOOK_EVERY = 0.5
OVERDUE = 15.0  # seconds: a report that nobody rang for is found by a sweep, which comes every ten
DELIVERED_IN = 1.5  # seconds, at idle times, and some more
SHORTEST = 3.0  # seconds that are looked at, however soon an attack is over
FUZZ_SECONDS, SLOWEST_FUZZ = 30.0, 40  # at most, or as long as so many requests a second take


@dataclass(frozen=True)
class Form:
    """How long: seconds of idle time, of patience after an attack, and of each attack (None: its own)."""

    brief: bool
    idle: float
    patience: float
    attack: float | None = None
    fuzz: int = 0  # requests; 0: the attack's own number

    def seconds(self, name: str) -> float:
        """Return how long an attack goes on, at most."""
        one = ATTACKS[name]
        if one.counted:
            return max(FUZZ_SECONDS, self.fuzz / SLOWEST_FUZZ)
        return self.attack or (one.brief if self.brief else one.long)


BRIEF = Form(brief=True, idle=2.5, patience=20.0)
LONG = Form(brief=False, idle=10.0, patience=60.0)


@dataclass
class Runner:
    """Plays rounds against one deployment and its victim."""

    deployment: Deployment
    victim: Victim
    centre: Centre
    form: Form
    seed: int
    say: Callable[[str], None]
    rounds: list[Round] = field(default_factory=list)
    booked: int = 0  # calls that are in the books already

    def play(self, names: Sequence[str]) -> Round:
        """Play one round of one attack, or of several together."""
        seconds = max(self.form.seconds(name) for name in names)
        with _striking(self.deployment, names, self.form, self.seed) as strikes:
            began, during, growth = self._attack(strikes, seconds)
            # What was still on its way when the attack began does not tell of an idle time.
            idle = self._window(began - self.form.idle - DELIVERED_IN, began - DELIVERED_IN)
            outcomes = [strike.outcome() for strike in strikes]
        self._finish(during[1])
        left = self._quiet(during)
        judged = frozenset.intersection(*(ATTACKS[name].judged for name in names))
        before = (began - self.form.idle - DELIVERED_IN, began - DELIVERED_IN)
        calls, self.booked = self.victim.calls[self.booked :], len(self.victim.calls)
        lost, doubled = books(self.deployment, calls, self.centre)
        one = Round(
            attacks=names,
            judged=judged,
            idle=self._with_told(idle, judged, *before),
            during=self._with_told(self._window(*during), judged, *during),
            growth=growth,
            left=left,
            lost=lost,
            doubled=doubled,
            ended=self.deployment.processes.find_ended(),
            said=[words for outcome in outcomes for words in outcome.said],
            stages=_stages(self.deployment, [one for one in calls if during[0] <= one.at < during[1]]),
            facts={name: outcome.facts for name, outcome in zip(names, outcomes, strict=True)},
            ratio=max(ATTACKS[name].ratio for name in names),
        )
        self.rounds.append(one)
        return one

    def _attack(
        self, strikes: Sequence["Strike"], seconds: float
    ) -> tuple[float, tuple[float, float], Mapping[str, float]]:
        for strike in strikes:
            strike.wait_ready()
        # What preparing cost is over before the idle time, the measure of all, is taken.
        healing.wait_calm(self.deployment, self.form.patience)
        time.sleep(self.form.idle + DELIVERED_IN)
        with Scale(self.deployment.processes) as scale:
            began = time.time()
            for strike in strikes:
                strike.go()
            deadline = time.monotonic() + seconds + OVERTIME
            for strike in strikes:
                strike.wait_end(deadline)
            ended = max(began + min(seconds, SHORTEST), time.time())
            scale.last_look()
        return began, (began, ended), scale.growth()

    def _finish(self, until: float) -> None:
        """Wait until every call and page that began within the window has its end."""
        end = time.monotonic() + max(LIMIT, TIMEOUT_SECONDS) + 1
        while time.monotonic() < end and self.victim.under_way(until):
            time.sleep(0.1)

    def _quiet(self, during: tuple[float, float]) -> Left:
        """Wait until nothing is open and everything of the window is delivered, as long as the patience lasts."""
        began, until = time.monotonic(), time.time()
        while time.monotonic() < began + self.form.patience:
            if not healing.left(self.deployment, until).open and not self._window(*during).deliveries.bad:
                break
            time.sleep(0.25)
        return healing.left(self.deployment, until, OVERDUE, time.monotonic() - began)

    def _with_told(self, window: Window, judged: frozenset[str], began: float, ended: float) -> Window:
        """Add how late beta was told, where that is judged."""
        if TOLD not in judged:
            return window
        return replace(window, told=wait_told(self.deployment.beta, began, ended, self.form.patience))

    def _window(self, begin: float, end: float) -> Window:
        calls = [one for one in list(self.victim.calls) if begin <= one.at < end]
        looks = [one for one in list(self.victim.looks) if begin <= one.at < end]
        delivered, missing = _deliveries(self.deployment, calls)
        return Window(
            calls=Times.of([one.seconds for one in calls], sum(one.status != 200 for one in calls)),
            deliveries=Times.of(delivered, missing),
            pages=Times.of([one.seconds for one in looks], sum(not one.good for one in looks)),
        )


def _deliveries(deployment: Deployment, calls: Sequence[Called]) -> tuple[list[float], int]:
    """Return the seconds from each call to *delivered*, and how many that were taken are not delivered."""
    query = (
        "SELECT message_id, extract(epoch FROM final_at)::float8 FROM messaging_message"
        " WHERE message_id = ANY(%s) AND status = 'delivered'"
    )
    began = {one.message_id: one.at for one in calls if one.status == 200}
    found = dict(deployment.beta.sql(query, list(began)))
    return [max(0.0, at - began[one]) for one, at in found.items()], len(began) - len(found)


STAGES = """
SELECT c.service, extract(epoch FROM m.first_attempt_at - m.received_at)::float8,
       extract(epoch FROM m.sent_at - m.first_attempt_at)::float8, extract(epoch FROM m.final_at - m.sent_at)::float8
FROM messaging_message m JOIN messaging_connection c ON c.id = m.connection_id
WHERE m.message_id = ANY(%s) AND m.status = 'delivered' AND m.sent_at IS NOT NULL
"""


def _stages(deployment: Deployment, calls: Sequence[Called]) -> dict[str, list[float]]:
    """Return by service the p95 of waiting, of sending and of the report, in seconds: where the time went."""
    taken: dict[str, list[tuple[float, ...]]] = {}
    for service, *seconds in deployment.beta.sql(STAGES, [one.message_id for one in calls]):
        taken.setdefault(str(service), []).append(tuple(seconds))
    return {
        service: [round(percentile(sorted(stage), 0.95), 2) for stage in zip(*rows, strict=True)]
        for service, rows in taken.items()
    }


class Scale(threading.Thread):
    """Weighs every process while an attack goes on."""

    def __init__(self, group: ProcfileGroup) -> None:
        super().__init__(daemon=True)
        self._group = group
        self._before = group.memory()
        self._most: dict[str, float] = {}
        self._halt = threading.Event()

    def __enter__(self) -> "Scale":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._halt.set()
        self.join()

    def run(self) -> None:
        """Look every half second."""
        while not self._halt.wait(LOOK_EVERY):
            self.last_look()

    def last_look(self) -> None:
        """Note what weighs more than ever."""
        for name, megabytes in self._group.memory().items():
            self._most[name] = max(megabytes, self._most.get(name, 0.0))

    def growth(self) -> dict[str, float]:
        """Return by how many MB each process grew at most; one that is new counts as a whole."""
        return {name: round(most - self._before.get(name, 0.0), 1) for name, most in sorted(self._most.items())}


@dataclass
class Strike:
    """An attack in its own process."""

    name: str
    signal: Path
    child: Popen[bytes]
    log: Path

    def wait_ready(self) -> None:
        """Wait until it has prepared; one that ended has said why."""
        ready = self.signal.with_suffix(".ready")
        end = time.monotonic() + READY_SECONDS
        while not ready.exists() and self.child.poll() is None and time.monotonic() < end:
            time.sleep(0.05)

    def go(self) -> None:
        """Give the word."""
        self.signal.with_suffix(".go").touch()

    def wait_end(self, deadline: float) -> None:
        """Wait for its end, and end it after the deadline."""
        processes.wait_or_kill(self.child, seconds=deadline - time.monotonic())

    def outcome(self) -> Outcome:
        """Return what it says it did."""
        path = self.signal.with_suffix(".json")
        if not path.exists():
            return Outcome({"ended": processes.read_tail(self.log, 3) or "by us, after its time"})
        said: dict[str, Any] = json.loads(path.read_text())
        return Outcome(said["facts"], said["said"])


@contextmanager
def _striking(deployment: Deployment, names: Sequence[str], form: Form, seed: int) -> Iterator[list[Strike]]:
    folder = deployment.alpha.folder / "attacks" / str(time.monotonic_ns())
    folder.mkdir(parents=True)
    Place.of(deployment).write(folder / "place")
    strikes: list[Strike] = []
    try:
        for name in names:
            signal, log = folder / name, folder / f"{name}.log"
            asked = ["--place", str(folder / "place"), "--signal", str(signal), "--seed", str(seed)]
            asked += [
                "--seconds",
                str(form.seconds(name)),
                "--count",
                str(form.fuzz),
                *(["--brief"] if form.brief else []),
            ]
            command = [sys.executable, "-m", "tests.attack.strike", name, *asked]
            child = processes.spawn_process(command, log=log, env=deployment.processes.env, cwd=ROOT)
            strikes.append(Strike(name, signal, child, log))
        yield strikes
    finally:
        for strike in strikes:
            processes.wait_or_kill(strike.child, seconds=0)


def in_company(names: Sequence[str], size: int, seed: int) -> list[tuple[str, ...]]:
    """Return the attacks in random groups of so many, those that want no company alone."""
    mixed = [name for name in names if not ATTACKS[name].lone]
    random.Random(seed).shuffle(mixed)
    groups = [tuple(mixed[first : first + size]) for first in range(0, len(mixed), size)]
    return groups + [(name,) for name in names if ATTACKS[name].lone]


def as_json(rounds: Sequence[Round], found: Mapping[str, Sequence[str]], seed: int) -> str:
    """Return everything for machines."""
    data = [{**asdict(one), "judged": sorted(one.judged), "violations": found["+".join(one.attacks)]} for one in rounds]
    return json.dumps({"seed": seed, "rounds": data}, indent=1, default=str) + "\n"
