"""The suite's own book: what was injured when, healed when, and what else the books have to know about a fault."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.schedule import Fault

NEVER = float("inf")


@dataclass
class Event:
    """A fault as it happened; times are unix seconds, `healed` is NEVER while it lasts."""

    number: int
    kind: str
    params: Mapping[str, Any]
    begun: float
    healed: float = NEVER
    facts: dict[str, Any] = field(default_factory=dict)

    def covers(self, at: float, before: float = 0.0, after: float = 0.0) -> bool:
        """Was it there at that time, give or take?"""
        return self.begun - before <= at <= self.healed + after

    def line(self, start: float) -> str:
        """One line for people, its times since `start`."""
        until = "…" if self.healed == NEVER else f"{self.healed - start:.1f}"
        words = ", ".join(f"{name} {value}" for name, value in {**self.params, **self.facts}.items())
        return f"{self.begun - start:8.1f} to {until:>7} s  {self.kind:28} {words}".rstrip()


class EventLog:
    """All events, in the order in which they began."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def begin(self, fault: Fault) -> Event:
        """Record that a fault is about to be injected."""
        event = Event(fault.number, fault.kind, fault.params, time.time())
        self.events.append(event)
        return event

    def near(self, at: float, seconds: float = 45.0) -> list[Event]:
        """Return what was going on around that time."""
        return [event for event in self.events if event.covers(at, seconds, seconds)]
