"""The SMS service's state: texts it accepted (the ledger), accounts it has seen, and its switches."""

import dataclasses
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from b24app.sandbox.runtime.background import Background
from b24app.sandbox.runtime.http_post import Outcome
from b24app.sandbox.runtime.snapshots import restore_dataclass

_MAX_TEXTS = 50_000
_SAVED_TEXTS = 2_000


@dataclass
class SmsSwitches:
    """How the service behaves. Counters are "the next n sends", -1 is always; seconds are seconds."""

    delay: float = 1.0
    throttle: int = 0
    retry_after: float = 0.0
    reject: dict[str, int] = field(default_factory=dict)
    hold: int = 0
    hold_seconds: float = 30.0
    hang: int = 0
    hang_seconds: float = 5.0
    close: int = 0
    server_error: int = 0
    server_error_after: int = 0
    nonsense: int = 0
    repeat_reports: bool = False
    reorder_reports: bool = False
    drop_reports: bool = False
    wrong_signature: bool = False
    idempotent: bool = True
    balance: str = "42.10"

    def use_up(self, name: str) -> bool:
        """Return whether the counter `name` applies to this send; decrement it."""
        left = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return bool(left)

    def set(self, name: str, value: object) -> None:
        """Set one switch from its JSON value; raise TypeError for a wrong name or value."""
        old = getattr(self, name, None)
        if old is None or not isinstance(value, (int, float) if isinstance(old, float) else type(old)):
            raise TypeError(name)
        setattr(self, name, float(value) if isinstance(old, float) and isinstance(value, int) else value)


@dataclass
class ReportCall(Outcome):
    """The outcome of posting one report: its status, and whether its signature was the account's own."""

    word: str = ""
    genuine: bool = True


@dataclass
class InjectedFault:
    """A fault that hit one send: its switch, recipient and text, and whether the text was accepted.

    `seconds` is how long the response was delayed.
    """

    at: float
    fault: str
    to: str
    body: str
    accepted: bool
    seconds: float = 0.0


@dataclass
class Sms:
    """One accepted text; `reference` is the caller's own id (Twilio: the StatusCallback), `secret` signs the reports.

    `asked` counts the requests under this sid (more than one only where idempotent).
    """

    sid: str
    path: str
    account: str
    to: str
    sender: str
    body: str
    reference: str
    callback: str
    secret: str
    segments: int
    at: float = field(default_factory=time.time)
    status: str = "queued"
    error_code: int | None = None
    asked: int = 1
    reports: list[ReportCall] = field(default_factory=list)


class Ledger:
    """All accepted texts, newest last; every method takes the lock itself."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.background = Background()
        self.switches = SmsSwitches()
        self.accounts: dict[str, str] = {}
        self.ca_file = ""
        self.refuse_connections: Callable[[float], None] | None = None
        self.troubles: deque[InjectedFault] = deque(maxlen=_MAX_TEXTS)
        self.on_change: Callable[[], None] | None = None
        self._texts: OrderedDict[str, Sms] = OrderedDict()
        self._references: Counter[tuple[str, str]] = Counter()

    def accept(self, sms: Sms) -> None:
        """Store an accepted text."""
        with self.lock:
            self._texts[sms.sid] = sms
            self._references[sms.account, sms.reference or sms.sid] += 1
            while len(self._texts) > _MAX_TEXTS:
                _, old = self._texts.popitem(last=False)
                self._references.pop((old.account, old.reference or old.sid), None)
        self.touch()

    def find(self, sid: str) -> Sms | None:
        """Return the text of that sid."""
        with self.lock:
            return self._texts.get(sid)

    def find_reference(self, account: str, reference: str) -> Sms | None:
        """Return the latest text under that reference."""
        with self.lock:
            if not self._references[account, reference]:
                return None
            texts = reversed(self._texts.values())
            return next(t for t in texts if (t.account, t.reference) == (account, reference))

    def entries(self, last: int = 0) -> list[dict[str, Any]]:
        """Return the ledger (or its `last` entries); `accepted` counts texts of the same account and reference."""
        with self.lock:
            return [
                {key: value for key, value in dataclasses.asdict(sms).items() if key != "secret"}
                | {"accepted": self._references[sms.account, sms.reference or sms.sid]}
                for sms in list(self._texts.values())[-last:]
            ]

    def record_fault(self, fault: str, to: str, body: str, *, accepted: bool, seconds: float = 0.0) -> None:
        """Record that a fault hit a send."""
        with self.lock:
            self.troubles.append(InjectedFault(time.time(), fault, to, body, accepted, seconds))

    def clear(self) -> None:
        """Remove all texts and faults."""
        with self.lock:
            self.troubles.clear()
            self._texts.clear()
            self._references.clear()
        self.touch()

    def touch(self) -> None:
        """Wake waiters and schedule a write."""
        with self.lock:
            self.changed.notify_all()
        if self.on_change:
            self.on_change()

    def snapshot(self) -> dict[str, Any]:
        """Return what is kept between two starts."""
        with self.lock:
            texts = list(self._texts.values())[-_SAVED_TEXTS:]
            return {
                "texts": [dataclasses.asdict(sms) for sms in texts],
                "accounts": dict(self.accounts),
                "switches": dataclasses.asdict(self.switches),
            }

    def restore(self, data: Any) -> None:
        """Load a snapshot; reports that were due at the stop are never sent."""
        self.accounts = dict(data["accounts"])
        self.switches = restore_dataclass(SmsSwitches, data["switches"])
        for item in data["texts"]:
            self.accept(restore_dataclass(Sms, item))
