"""What the books are made of: plain facts from the script, the application's tables, the services and the portals."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.event_log import Event


@dataclass(frozen=True, slots=True)
class Call:
    """One call of ours or of the sandbox: when, and the HTTP status, None where no answer came."""

    at: float
    status: int | None


@dataclass(frozen=True, slots=True)
class Written:
    """A message as the portal has it: its handler calls and the status it shows now."""

    number: int
    portal: str
    message_id: str
    service: str
    to: str
    text: str
    calls: Sequence[Call]
    shown: str

    @property
    def accepted(self) -> bool:
        """Was it answered 200?"""
        return any(call.status == 200 for call in self.calls)


@dataclass(frozen=True, slots=True)
class Row:
    """A message as the application has it."""

    id: int
    portal: str
    message_id: str
    connection: int
    status: str
    phase: str
    reason: str
    pushed: str
    push_error: str
    untold: bool
    origin: str
    first_attempt: float | None


@dataclass(frozen=True, slots=True)
class Told:
    """A report of the service: its word, whether its signature was good, and how it was answered."""

    word: str
    genuine: bool
    status: int | None
    at: float


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A text in a service's ledger, and how often its reference was accepted."""

    text: str
    at: float
    status: str
    accepted: int
    reports: Sequence[Told] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A send that one of the service's faults fell on."""

    text: str
    fault: str
    at: float
    accepted: bool
    seconds: float = 0.0  # how long the answer was kept back


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log that says that something broke."""

    process: str
    at: float
    logger: str
    event: str
    error: str
    line: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything, taken after quiet."""

    written: Sequence[Written]
    rows: Sequence[Row]
    ledger: Sequence[Acceptance]
    hits: Sequence[Hit]
    events: Sequence[Event]
    broken: Sequence[LogLine] = ()
    deadlocks: Sequence[str] = ()
    deadlocks_repeated: int = 0
    reports_due: int = 0
    spooled: int = 0
    poisoned: int = 0
    died: Sequence[tuple[float, str]] = ()
    resent: frozenset[str] = frozenset()  # texts an administrator sent again
    marked: frozenset[str] = frozenset()  # texts an administrator marked as sent

    @property
    def amended(self) -> frozenset[str]:
        """Texts whose fate is an administrator's doing."""
        return self.resent | self.marked
