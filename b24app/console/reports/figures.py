"""What a report counts: messages, times, money, and the lines of a breakdown."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Self

from b24app.messaging.models.statistics import TIMES, TOOK
from b24app.messaging.models.statuses import Status
from b24app.messaging.statistics.delivery_rate import MIN_MESSAGES, Rate


@dataclass(slots=True)
class Counts:
    """Messages that were accepted or have ended, and how they ended. A person or a limit stopped those of `stopped`."""

    messages: int = 0
    delivered: int = 0
    undelivered: int = 0
    failed: int = 0
    stopped: int = 0

    def add(self, status: str, messages: int) -> None:
        """Count messages of a status, or of STOPPED."""
        self.messages += messages
        if status != Status.SENT:
            setattr(self, status, getattr(self, status) + messages)

    def __iadd__(self, other: Self) -> Self:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    @property
    def on_way(self) -> int:
        return max(0, self.messages - self.delivered - self.undelivered - self.not_sent)

    @property
    def not_sent(self) -> int:
        """Return all that failed, for whatever reason."""
        return self.failed + self.stopped

    @property
    def rate(self) -> Rate:
        return Rate(self.delivered, self.delivered + self.undelivered + self.failed, self.stopped)


@dataclass(slots=True)
class Times:
    """How many messages were delivered within each of TIMES but not sooner; the last count is of all slower ones."""

    counts: list[int] = field(default_factory=lambda: [0] * len(TOOK))

    def add(self, counts: Sequence[int]) -> None:
        self.counts = [one + more for one, more in zip(self.counts, counts, strict=True)]

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def is_telling(self) -> bool:
        return self.total >= MIN_MESSAGES

    def seconds_within(self, percent: int) -> int | None:
        """Return the seconds within which `percent` of the messages arrive; None: longer than the last of TIMES."""
        arrived = 0
        for seconds, count in zip(TIMES, self.counts, strict=False):
            arrived += count
            if arrived * 100 >= self.total * percent:
                return seconds
        return None

    @property
    def half(self) -> int | None:
        return self.seconds_within(50)

    @property
    def most(self) -> int | None:
        return self.seconds_within(90)


@dataclass(slots=True)
class Money:
    """Sums by currency; they are never added up."""

    sums: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, currency: str, amount: Decimal) -> None:
        if currency and amount:
            self.sums[currency] += amount

    @property
    def told(self) -> list[tuple[str, Decimal]]:
        """Return currencies and amounts, as far as services report prices."""
        return sorted((currency, amount) for currency, amount in self.sums.items() if amount)


@dataclass(slots=True)
class BreakdownLine:
    """One line of a breakdown: `key` is a sender's id, a service, a region, a source or a user id, "" for none."""

    key: str
    counts: Counts = field(default_factory=Counts)
    times: Times = field(default_factory=Times)
    money: Money = field(default_factory=Money)

    def __iadd__(self, other: Self) -> Self:
        self.counts += other.counts
        self.times.add(other.times.counts)
        for currency, amount in other.money.sums.items():
            self.money.add(currency, amount)
        return self


@dataclass(frozen=True, slots=True)
class ReportTrouble:
    """Why messages did not arrive: a reason, how many, and the services that gave it."""

    reason: str
    messages: int
    services: frozenset[str]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report shows.

    `before` is the number of messages in the previous period, None if not counted. `begun` is the day on which the
    breakdowns begin, if the period has messages from before. `demo` is the number of demo messages that are left out.
    """

    days: Sequence[tuple[date, Counts]]
    total: Counts
    times: Times
    money: Money
    lines: Sequence[BreakdownLine]
    troubles: Sequence[ReportTrouble]
    before: int | None
    begun: date | None
    demo: int
