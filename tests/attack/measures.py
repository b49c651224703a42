"""What was measured, as figures: pure functions over what the victim noted, and the judgement over them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MOST_GROWTH = 64.0  # MB of one process
MOST_RATIO = 3.0  # of the idle time just before
CALL_FLOOR, DELIVERY_FLOOR, PAGE_FLOOR = 0.05, 0.5, 0.25  # seconds: an idle time below it is noise
TOLD_FLOOR = 10.0  # while others of its portal are under way, a status waits up to 20 s for a fuller batch

CALLS, LATENCY, DELIVERY, PAGES, MEMORY, STUCK = "calls", "latency", "delivery", "pages", "memory", "stuck"
TOLD = "told"  # by when the portal knows of a delivery: looked at only where an attack is about it
ALL = frozenset({CALLS, LATENCY, DELIVERY, PAGES, MEMORY, STUCK})


@dataclass(frozen=True, slots=True)
class Times:
    """How many there were, how many of them were no good, and how long they took, in seconds."""

    count: int = 0
    bad: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0

    @classmethod
    def of(cls, seconds: Iterable[float], bad: int = 0) -> "Times":
        found = sorted(seconds)
        return cls(len(found), bad, percentile(found, 0.5), percentile(found, 0.95), percentile(found, 0.99))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of the ordered values that is not below so large a share of them; 0 of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class Window:
    """What the victim saw between two moments."""

    calls: Times = Times()
    deliveries: Times = Times()
    pages: Times = Times()
    told: Times = Times()


@dataclass(frozen=True, slots=True)
class Left:
    """What is open after an attack and its patience; `set_aside` is counted, and nobody's fault by itself."""

    waiting: int = 0  # of beta's messages
    reports: int = 0  # due, of anybody
    spooled: int = 0
    set_aside: int = 0
    after: float = 0.0  # seconds until all was quiet

    @property
    def open(self) -> int:
        return self.waiting + self.reports + self.spooled


@dataclass(frozen=True)
class Round:
    """One attack, or some together: what was measured before, during and after."""

    attacks: Sequence[str]
    judged: frozenset[str]
    idle: Window
    during: Window
    growth: Mapping[str, float]  # MB, of each process, at its most
    left: Left
    lost: Sequence[str] = ()
    doubled: Sequence[str] = ()
    ended: Sequence[str] = ()
    said: Sequence[str] = ()  # by the attacks themselves: what they were not refused
    stages: Mapping[str, Sequence[float]] = field(
        default_factory=dict
    )  # p95 of waiting, sending, reporting, in seconds
    facts: Mapping[str, object] = field(default_factory=dict)
    ratio: float = MOST_RATIO  # of the idle times, for calls and what the portal is told


def limit(idle: float, floor: float, ratio: float = MOST_RATIO) -> float:
    """Return how long it may take beside an attack."""
    return ratio * max(idle, floor)


def violations(one: Round, scale: float = 1.0) -> list[str]:
    """Return what the victim must not have suffered, in words; `scale` widens the limits of time on a busy machine."""
    found = [*_of_times(one, scale), *_of_rest(one)]
    return [*found, *(f"lost: {who}" for who in one.lost), *(f"doubled: {who}" for who in one.doubled), *one.said]


def _of_times(one: Round, scale: float) -> Iterable[str]:
    idle, seen = one.idle, one.during
    if CALLS in one.judged and seen.calls.bad:
        yield f"{seen.calls.bad} of {seen.calls.count} handler calls not answered 200"
    most = scale * limit(idle.calls.p99, CALL_FLOOR, one.ratio)
    if LATENCY in one.judged and seen.calls.p99 > most:
        yield f"handler p99 {seen.calls.p99 * 1000:.0f} ms, at most {most * 1000:.0f}"
    if DELIVERY in one.judged and seen.deliveries.bad:
        yield f"{seen.deliveries.bad} of {seen.deliveries.count + seen.deliveries.bad} not delivered"
    most = scale * limit(idle.deliveries.p95, DELIVERY_FLOOR)
    if DELIVERY in one.judged and seen.deliveries.p95 > most:
        yield f"delivered p95 {seen.deliveries.p95:.1f} s, at most {most:.1f}"
    most = scale * limit(idle.told.p95, TOLD_FLOOR, one.ratio)
    if TOLD in one.judged and (seen.told.bad or seen.told.p95 > most):
        yield f"{seen.told.bad} statuses untold, the others' p95 {seen.told.p95:.1f} s, at most {most:.1f}"
    if PAGES in one.judged and seen.pages.bad:
        yield f"{seen.pages.bad} of {seen.pages.count} pages not answered"


def _of_rest(one: Round) -> Iterable[str]:
    if MEMORY in one.judged:
        for name, megabytes in one.growth.items():
            if megabytes > MOST_GROWTH:
                yield f"{name} grew by {megabytes:.0f} MB"
    if STUCK in one.judged and one.left.open:
        left = one.left
        yield f"stuck: {left.waiting} of beta's messages, {left.reports} reports due, {left.spooled} in the spool"
    for name in one.ended:
        yield f"{name} ended"
