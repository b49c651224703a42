"""What a check is and what it says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence about one thing, and one about what to do; neither quotes a secret."""

    level: Level
    says: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.says} {self.mend}".rstrip()


@dataclass(frozen=True, slots=True)
class Check:
    """A named check; `store` is the setting with the address of what it asks.

    One that `is_for_production` is left out in a development installation, one that `needs_disk` for beat, which
    keeps nothing and shows nothing.
    """

    name: str
    find: Callable[[], Iterable[Finding]]
    is_for_production: bool = False
    needs_disk: bool = False
    store: str = ""
    seconds: float = 10.0


def count_of(number: int, noun: str) -> str:
    """Return `1 record` or `2 records`: what is said to operators is English."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def ok(says: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(Level.OK, says)


def warning(says: str, mend: str) -> Finding:
    """Return that something works, but not as it should."""
    return Finding(Level.WARNING, says, mend)


def error(says: str, mend: str) -> Finding:
    """Return that something loses, leaks or stops messages, or will."""
    return Finding(Level.ERROR, says, mend)
