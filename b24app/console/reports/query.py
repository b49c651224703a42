"""What reports show of a portal's days, from the day tallies and the breakdowns; reads no single message."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any, Self
from urllib.parse import urlencode

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.console.formats.periods import Period
from b24app.console.formats.query_values import read_choice, read_service, read_uuid
from b24app.console.reports.sender_health import ENOUGH, Rate, rounded
from b24app.messaging.models import DayTally, Sender, SenderState
from b24app.messaging.models.dimensions import NO_FAILURE, STOPPED
from b24app.messaging.models.statistics import TIMES, TOOK, DayBreakdown, Dimension, MonthBreakdown
from b24app.messaging.models.statuses import Status
from b24app.portals.models import Portal

BY: Mapping[str, str | Promise] = {
    "sender": _("Sender"),
    "service": _("Service"),
    "country": _("Country"),
    "source": _("Source"),
    "employee": _("Employee"),
}
OF_SENDERS = ("sender", "service")  # what the tallies themselves know
COMPARED_UP_TO = 92  # days: longer periods are not compared with the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for. Empty text means all; `sender` is a uuid, `by` a key of BY."""

    period: Period
    sender: str = ""
    service: str = ""
    by: str = "sender"

    @classmethod
    def read(cls, query: Mapping[str, str], today: date) -> Self:
        """Read an address; what makes no sense there is left out."""

        return cls(
            period=Period.from_query(query, today),
            sender=read_uuid(query.get("sender", "")),
            service=read_service(query.get("service", "")),
            by=read_choice(query.get("by", ""), BY) or "sender",
        )

    @property
    def values(self) -> dict[str, str]:
        """What stands in an address; what is usual does not."""
        others = {"sender": self.sender, "service": self.service, "by": "" if self.by == "sender" else self.by}
        return {name: value for name, value in {**self.period.query, **others}.items() if value}

    def written(self, **changes: str) -> str:
        """The query of an address that asks for this, with changes."""
        return urlencode({name: value for name, value in {**self.values, **changes}.items() if value})


@dataclass(slots=True)
class Counts:
    """Messages that were handed over or have ended, and their ends. A person or a limit stopped `stopped`."""

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
        """All that failed, for whatever reason."""
        return self.failed + self.stopped

    @property
    def rate(self) -> Rate:
        return Rate(self.delivered, self.delivered + self.undelivered + self.failed)


@dataclass(slots=True)
class Times:
    """How many messages were delivered within each of TIMES, but not sooner; the last number is of those after."""

    counts: list[int] = field(default_factory=lambda: [0] * len(TOOK))

    def add(self, counts: Sequence[int]) -> None:
        self.counts = [one + more for one, more in zip(self.counts, counts, strict=True)]

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def is_telling(self) -> bool:
        return self.total >= ENOUGH

    def within(self, percent: int) -> int | None:
        """Seconds in which so many of a hundred arrive; None: it takes longer than the last of TIMES."""
        arrived = 0
        for seconds, count in zip(TIMES, self.counts, strict=False):
            arrived += count
            if arrived * 100 >= self.total * percent:
                return seconds
        return None

    @property
    def half(self) -> int | None:
        return self.within(50)

    @property
    def most(self) -> int | None:
        return self.within(90)


@dataclass(slots=True)
class Money:
    """Sums by currency; they are never added up."""

    sums: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, currency: str, amount: Decimal) -> None:
        if currency and amount:
            self.sums[currency] += amount

    @property
    def told(self) -> list[tuple[str, Decimal]]:
        """Currency and amount, as far as services tell what they take; hundredths are enough for a sum."""
        return sorted((currency, rounded(amount)) for currency, amount in self.sums.items() if amount)


@dataclass(slots=True)
class Line:
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
class Trouble:
    """Why messages did not arrive: a reason, how many, and the services that said so."""

    reason: str
    messages: int
    services: frozenset[str]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a report shows. `before` is the number of messages in as many days before, None if not counted.

    `begun`: the day on which the breakdowns begin, if there were messages in the period before.
    """

    days: Sequence[tuple[date, Counts]]
    total: Counts
    times: Times
    money: Money
    lines: Sequence[Line]
    troubles: Sequence[Trouble]
    before: int | None
    begun: date | None


class Reading:
    """A portal's rows for what was asked; only its own senders can be asked for."""

    def __init__(self, portal: Portal, asked: Asked) -> None:
        self.portal = portal
        self.asked = asked
        with_past = Sender.objects.filter(portal=portal).exclude(state=SenderState.DRAFT)
        self.senders = {one.pk: one for one in with_past.select_related("connection").order_by("pk")}
        self.services = sorted({one.connection.service for one in self.senders.values()})
        self._meant = [pk for pk, one in self.senders.items() if self._is_meant(one)]

    def report(self) -> Report:
        """Read all of it, in as many questions whatever the period."""
        days = self.days()
        total = Counts()
        for _day, counts in days:
            total += counts
        by_sender, troubles, money = self._tallies()
        lines, times = self._lines(by_sender)
        return Report(days, total, times, money, lines, troubles, self._before(), self._begun(days))

    def money_by_day(self) -> Mapping[date, Money]:
        """What each day's messages cost."""
        found: defaultdict[date, Money] = defaultdict(Money)
        for day, currency, amount in _grouped(self._tallied(self.asked.period), ("day", "currency"), [Sum("money")]):
            found[day].add(currency, amount)
        return found

    def days(self) -> list[tuple[date, Counts]]:
        """Every day of the period, those without messages too."""
        found = {day: Counts() for day in self.asked.period.days}
        sums = (Sum("messages"), Sum("messages", filter=Q(reason__in=NO_FAILURE)))
        for day, status, messages, stopped in _grouped(self._tallied(self.asked.period), ("day", "status"), sums):
            found[day].add(status, messages - (stopped or 0))
            found[day].add(STOPPED, stopped or 0)
        return list(found.items())

    def lines(self) -> Sequence[Line]:
        """The breakdown that was asked for, the most messages first."""
        return self._lines(self._tallies()[0] if self.asked.by in OF_SENDERS else {})[0]

    def _is_meant(self, sender: Sender) -> bool:
        asked = self.asked
        return (not asked.sender or sender.uuid.hex == asked.sender) and (
            not asked.service or sender.connection.service == asked.service
        )

    def _rows(self, model: "type[DayTally | DayBreakdown | MonthBreakdown]", *which: Q) -> "QuerySet[Any]":
        rows = model._default_manager.filter(*which, portal=self.portal)
        is_narrowed = self.asked.sender or self.asked.service
        return rows.filter(sender__in=self._meant) if is_narrowed else rows

    def _tallied(self, period: Period) -> "QuerySet[Any]":
        return self._rows(DayTally, Q(day__range=(period.first, period.last)))

    def _broken_down(
        self, dimension: Dimension, keys: Sequence[str], names: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        """The sums by these keys; the same keys come twice where part of the period is kept by the month."""
        period, sums = self.asked.period, [Sum(name) for name in names]
        months = self._kept(period.months)
        if months:
            rows = self._rows(MonthBreakdown, Q(month__in=months))
            yield from _grouped(rows.filter(dimension=dimension), keys, sums)
        days = [Q(day__range=rest) for rest in period.ranges_without(months)]
        if days:
            rows = self._rows(DayBreakdown, reduce(or_, days))
            yield from _grouped(rows.filter(dimension=dimension), keys, sums)

    def _kept(self, months: Sequence[date]) -> Sequence[date]:
        if not months:
            return []
        rows = MonthBreakdown.objects.filter(portal=self.portal, dimension=Dimension.SOURCE, month__in=months)
        return sorted(rows.values_list("month", flat=True).distinct())

    def _before(self) -> int | None:
        if len(self.asked.period) > COMPARED_UP_TO:
            return None
        rows = self._tallied(self.asked.period.previous)
        return int(rows.aggregate(all=Sum("messages"))["all"] or 0)

    def _begun(self, days: Sequence[tuple[date, Counts]]) -> date | None:
        rows = DayBreakdown.objects.filter(portal=self.portal, dimension=Dimension.SOURCE).order_by("day")
        begun = rows.values_list("day", flat=True).first() or timezone.localdate(timezone=self.portal.zone)
        return begun if any(counts.messages and day < begun for day, counts in days) else None

    def _tallies(self) -> tuple[dict[str, Line], list[Trouble], Money]:
        """Lines by sender, without times; why messages did not arrive; what all cost."""
        lines: dict[str, Line] = {}
        reasons: defaultdict[str, int] = defaultdict(int)
        services: defaultdict[str, set[str]] = defaultdict(set)
        money = Money()
        keys, sums = ("sender_id", "status", "reason", "currency"), (Sum("messages"), Sum("money"))
        for pk, status, reason, currency, messages, amount in _grouped(self._tallied(self.asked.period), keys, sums):
            line = lines.setdefault(str(pk), Line(str(pk)))
            line.counts.add(STOPPED if reason in NO_FAILURE else status, messages)
            line.money.add(currency, amount)
            money.add(currency, amount)
            if reason and messages > 0:
                reasons[reason] += messages
                services[reason].add(self._service(str(pk)))
        troubles = [Trouble(reason, count, frozenset(services[reason])) for reason, count in reasons.items()]
        return lines, sorted(troubles, key=lambda one: (-one.messages, one.reason)), money

    def _lines(self, by_sender: Mapping[str, Line]) -> tuple[list[Line], Times]:
        """The lines that were asked for, and the times of all."""
        lines = self._with_times(by_sender) if self.asked.by in OF_SENDERS else self._by_value()
        times = Times()
        for line in lines:
            times.add(line.times.counts)
        found = _merged(lines, self._service) if self.asked.by == "service" else lines
        return sorted((one for one in found if one.counts.messages > 0), key=_most_first), times

    def _with_times(self, by_sender: Mapping[str, Line]) -> list[Line]:
        """Lines by sender: the tallies know their counts, the breakdown by source, the smallest, their times."""
        lines = {key: Line(key, line.counts, Times(), line.money) for key, line in by_sender.items()}
        for pk, *times in self._broken_down(Dimension.SOURCE, ("sender_id",), TOOK):
            lines.setdefault(str(pk), Line(str(pk))).times.add(times)
        return list(lines.values())

    def _by_value(self) -> list[Line]:
        lines: dict[str, Line] = {}
        names = (*Counts.__slots__, "money", *TOOK)
        for value, currency, *sums in self._broken_down(Dimension(self.asked.by), ("value", "currency"), names):
            line = lines.setdefault(value, Line(value))
            line.counts += Counts(*sums[: len(Counts.__slots__)])
            line.money.add(currency, sums[len(Counts.__slots__)])
            line.times.add(sums[-len(TOOK) :])
        return list(lines.values())

    def _service(self, sender: str) -> str:
        found = self.senders.get(int(sender))
        return found.connection.service if found else ""


def _most_first(line: Line) -> tuple[int, str]:
    return -line.counts.messages, line.key


def _merged(lines: Iterable[Line], key: Callable[[str], str]) -> list[Line]:
    """Lines of one key become one."""
    found: dict[str, Line] = {}
    for line in lines:
        merged = found.setdefault(key(line.key), Line(key(line.key)))
        merged += line
    return list(found.values())


def _grouped(rows: "QuerySet[Any]", keys: Sequence[str], sums: Sequence[Sum]) -> Iterable[tuple[Any, ...]]:
    """The sums of each group, as PostgreSQL has them."""
    named = {f"sum_{place}": one for place, one in enumerate(sums)}
    found: Iterable[tuple[Any, ...]] = rows.order_by().values_list(*keys).annotate(**named)
    return found
