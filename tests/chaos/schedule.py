"""What goes wrong when, and who writes to whom: both are drawn from a seed, so that a bad day can be had again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

PORTALS = ("alpha", "beta", "gamma")
WORKERS = ("worker-a", "worker-b")
AREAS = (202, 212, 305, 312, 415, 617, 702, 206)
# Endings that a service treats in a way of its own; the demo's 96, 98 and 99 would stop an account or never end.
MEANINGFUL = ("99", "98", "97", "96", "95")
MEANINGFUL_TO_DEMO = ("90", "95", "97", "85")
SHORT_HOLD = 4  # seconds, in the short form
TIMES_OUT = 33.0  # seconds, longer than any service is waited for

Params = Mapping[str, Any]
Draw = Callable[[Random], Params]


@dataclass(frozen=True, slots=True)
class Fault:
    """One injury: `at` seconds after the start, healed `seconds` later (0: nothing to heal, or it heals itself)."""

    number: int
    at: float
    kind: str
    seconds: float
    params: Params


@dataclass(frozen=True, slots=True)
class PlannedSms:
    """One text somebody in a portal writes; `line` counts the senders."""

    number: int
    at: float
    line: int
    to: str
    text: str
    module: str
    author: int
    repeated: bool  # the portal hands it over a second time


@dataclass(frozen=True, slots=True)
class Kind:
    """How long such a fault lasts, in the long and in the short form, and what else is drawn; `brief` is in both."""

    seconds: tuple[float, float]
    draw: Draw = lambda _: {}
    brief: bool = False


def _some(low: int, high: int) -> Draw:
    return lambda random: {"sends": random.randint(low, high)}


def _busy(random: Random) -> Params:
    """How many sends the service holds, and for how long, when it happens: else hardly any would be on the wire."""
    return {"holds": random.choice((0, 2, 6, 12)), "hold": random.choice((4, 12, 25))}


def _worker(random: Random) -> Params:
    return {"worker": random.choice(WORKERS), **_busy(random)}


def _portal(random: Random) -> Params:
    return {"portal": random.choice(PORTALS)}


KINDS: Mapping[str, Kind] = {
    "worker killed": Kind((1, 8), _worker, brief=True),
    "both workers killed": Kind((1, 6), _busy),
    "worker stopped": Kind((1, 6), _worker, brief=True),
    "pusher killed": Kind((1, 8), brief=True),
    "pusher stopped": Kind((1, 6)),
    "web killed": Kind((0.5, 3), brief=True),
    "web stopped": Kind((0.5, 2)),
    "beat killed": Kind((10, 60)),
    "redis lost": Kind((0.5, 8), brief=True),
    "redis flushed": Kind((0, 0)),
    "postgresql restarted": Kind((0, 6), _busy, brief=True),
    "postgresql killed": Kind((0, 4), _busy, brief=True),
    "service throttles": Kind(
        (5, 10), lambda random: {"sends": random.randint(3, 12), "after": random.choice((0, 1, 3))}, brief=True
    ),
    "service answers too late": Kind((6, 6), _some(1, 3)),
    "service closes": Kind((6, 6), _some(1, 3), brief=True),
    "service answers nonsense": Kind((6, 6), _some(1, 3), brief=True),
    "service answers 502": Kind((6, 6), _some(1, 3)),
    "service answers 503": Kind((6, 6), _some(1, 4)),
    "service hangs": Kind((6, 6), lambda random: {"sends": random.randint(1, 4), "hang": random.choice((3, 8, 33))}),
    "service is slow": Kind((6, 6), lambda random: {"sends": random.randint(4, 10), "hold": random.choice((2, 5, 12))}),
    "service refuses connections": Kind((0, 0), lambda random: {"refuse": random.uniform(2, 10)}),
    "reports dropped": Kind((4, 10)),
    "reports delayed": Kind((6, 15), lambda random: {"delay": random.choice((8, 15, 25))}),
    "reports doubled": Kind((8, 20), brief=True),
    "reports reordered": Kind((8, 20), brief=True),
    "reports forged": Kind((3, 6)),
    "portal answers 503": Kind((3, 12), _portal, brief=True),
    "portal answers 429": Kind((3, 10), _portal),
    "portal renamed": Kind((0, 0), _portal, brief=True),
    "portal expires tokens": Kind((0, 0), _portal, brief=True),
    "portal hangs": Kind((4, 8), lambda random: {**_portal(random), "slow": random.choice((3, 12, 40))}),
    "portal drops connections": Kind((3, 10), _portal),
    "portal answers HTML": Kind((3, 10), _portal),
}


def faults(seed: int, seconds: float, *, brief: bool, only: str = "") -> list[Fault]:
    """Return the faults of a run, in order: all kinds in turn, each time shuffled, a few seconds apart.

    `only` leaves out all whose name does not begin so.
    """
    random = Random(f"faults {seed}")  # noqa: S311 - to be had again, not to be secret
    kinds = [name for name, kind in KINDS.items() if (kind.brief or not brief) and name.startswith(only)]
    gap = (0.8, 1.6) if brief else (5.0, 13.0)
    drawn: list[Fault] = []
    deck: list[str] = []
    at = 2.0
    while at < seconds:
        if not deck:
            deck = random.sample(kinds, len(kinds))
        name = deck.pop()
        kind = KINDS[name]
        lasts = round(random.uniform(*kind.seconds), 2)
        params = kind.draw(random)
        if brief:
            lasts, params = min(lasts, 3.0), {**params, **({"hold": SHORT_HOLD} if "hold" in params else {})}
        drawn.append(Fault(len(drawn) + 1, round(at, 2), name, lasts, params))
        at += random.uniform(*gap)
    return drawn


def plan_messages(seed: int, seconds: float, lines: Sequence[str], rate: float) -> list[PlannedSms]:
    """Return the texts of a run, in order: a trickle with a burst now and then, `rate` per second on the whole.

    `lines` are the services of the senders there are.
    """
    random = Random(f"wishes {seed}")  # noqa: S311 - as above  # noqa: S311 - as above
    drawn: list[PlannedSms] = []
    at = 0.0
    while at < seconds:
        burst = random.random() < 0.02
        module = random.choice(("crm", "crm", "bizproc", "sender"))
        line = random.randrange(len(lines))
        meaningful = MEANINGFUL_TO_DEMO if lines[line] == "demo" else MEANINGFUL
        for _ in range(random.randint(8, 20) if burst else 1):
            to = _number(random, meaningful)
            author = random.choice((1, 1, 0))
            number = len(drawn) + 1
            drawn.append(
                PlannedSms(number, round(at, 3), line, to, text(number), module, author, random.random() < 0.03)
            )
        at += random.expovariate(rate / 1.26)
    return drawn


def _number(random: Random, meaningful: Sequence[str]) -> str:
    ending = random.choice(meaningful) if random.random() < 0.08 else f"{random.randrange(80):02d}"
    return f"+1{random.choice(AREAS)}555{random.randrange(100):02d}{ending}"


def text(number: int) -> str:
    """Return a text that no other message has: by it the service's ledger is compared."""
    return f"Order {number:06d} is ready."
