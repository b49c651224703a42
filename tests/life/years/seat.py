"""A portal and what is true of it: what happened there, and what the application must therefore know."""

from dataclasses import dataclass, field
from random import Random

from b24app.sandbox import Portal as There
from b24app.sandbox.events.posting import sends_events
from b24app.sandbox.state import Message
from tests.life.years.clock import DAY, HOUR

FOUND_OUT = 45 * DAY  # without an event: 30 days until a token is refreshed for a check, a week of refusals, some days
GRACE = 30 * DAY  # what the application keeps of a portal that left without the tick
SLACK = DAY


@dataclass
class Letter:
    """A message that somebody wrote, and the status that the portal has to show in the end."""

    message: Message
    at: float
    status: str
    was_healthy: bool
    long_healthy: bool  # for so long that even a portal without any calls has its senders back


@dataclass
class Departure:
    """An uninstallation: of which row, and by when the application must know of it (None: nobody can tell)."""

    pk: int
    connections: set[int]
    senders: set[int]
    at: float
    clean: bool
    told_at: float | None
    known_at: float | None
    is_void: bool = False  # the application came back before its rows were to go

    @property
    def lost_at(self) -> float | None:
        """From when on nothing of it can come back."""
        if self.known_at is None:
            return None
        return self.known_at + (0 if self.clean and self.told_at is not None else GRACE)

    @property
    def erased_at(self) -> float | None:
        """By when nothing of it may be left."""
        return None if self.is_void or self.lost_at is None else self.lost_at + SLACK


@dataclass
class Seat:
    """One portal of the simulation."""

    there: There
    temper: str
    rng: Random
    spare_hosts: list[str]
    pace: float  # how much faster than others everything happens
    sure: set[int] = field(default_factory=set)  # administrators whose tokens the application must have
    unsure: set[int] = field(default_factory=set)  # those who left and came back: it may have found out or not
    codes: set[str] = field(default_factory=set)
    letters: list[Letter] = field(default_factory=list)
    copied: list[Message] = field(default_factory=list)  # what a restored copy sent
    departures: list[Departure] = field(default_factory=list)
    planned: list[tuple[float, str]] = field(default_factory=list)
    healthy_since: float | None = None
    next_letter: float = 0.0
    next_visit: float = 0.0
    next_turn: float = 0.0
    acts: int = 0
    told: int = 0  # statuses that were found to be shown
    today: set[str] = field(default_factory=set)  # states of this day
    done: list[str] = field(default_factory=list)  # what happened, for the report

    @property
    def answers(self) -> bool:
        """Whether the portal lets the application call it."""
        switches = self.there.switches
        is_shut = switches.down or switches.payment_required or switches.lapsed_plan
        return self.there.state.app.present and not is_shut

    @property
    def administrators(self) -> list[int]:
        """People who may administrate it now."""
        return [one.id for one in self.there.users.values() if one.admin and one.active and not one.system]

    @property
    def employees(self) -> list[int]:
        return [one.id for one in self.there.users.values() if not one.admin and one.active]

    @property
    def is_healthy(self) -> bool:
        """Whether everything must work, if not now then soon."""
        return self.answers and self.there.state.app.installed and bool(self.sure) and bool(self.codes)

    @property
    def hears_us_off(self) -> bool:
        """Whether the application would hear of an uninstallation now, however late."""
        is_bound = any(one.event == "ONAPPUNINSTALL" for one in self.there.handlers)
        return sends_events(self.there.state) and is_bound and not self.there.switches.lose_events

    @property
    def longest_delay(self) -> float:
        """Seconds until an event that is sent now has come."""
        return self.there.switches.event_delay + self.there.switches.disorder + HOUR

    def state_now(self) -> str:
        """Return what the portal is, for the table of calls."""
        switches, app = self.there.switches, self.there.state.app
        if not app.present and not self.departures:
            return "not installed yet"
        if not app.present:
            return "uninstalled" if self.departures and self.departures[-1].told_at else "uninstalled, unheard"
        if switches.down:
            return "off"
        if switches.lapsed_plan or switches.payment_required:
            return "lapsed"
        return "in use" if self.sure else "without an administrator"

    def note_health(self, now: float) -> None:
        """Note since when everything must work."""
        if not self.is_healthy:
            self.healthy_since = None
        elif self.healthy_since is None:
            self.healthy_since = now

    def was_healthy_for(self, seconds: float, now: float) -> bool:
        return self.healthy_since is not None and self.healthy_since <= now - seconds

    def lose_administrator(self, user: int) -> None:
        """Note that somebody is no administrator any more."""
        if user in self.sure:
            self.sure.remove(user)
            self.unsure.add(user)
