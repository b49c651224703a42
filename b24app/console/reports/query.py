"""What reports show of a portal's days, read from day tallies and breakdowns; no single message is read."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from b24app.console.formats.periods import Period
from b24app.console.reports.drill_down import MessageLinks
from b24app.console.reports.figures import BreakdownLine, Counts, Money, Report, ReportTrouble, Times
from b24app.console.reports.params import ReportParams
from b24app.messaging.models import DayTally, Sender, SenderState
from b24app.messaging.models.dimensions import NO_FAILURE, STOPPED
from b24app.messaging.models.statistics import TOOK, DayBreakdown, Dimension, MonthBreakdown
from b24app.messaging.statistics.demo_accounts import is_demo
from b24app.portals.models import Portal

SENDER_DIMENSIONS = ("sender", "service")  # what the tallies themselves know
MAX_COMPARED_DAYS = 92  # days: longer periods are not compared with the one before


class ReportQuery:
    """Reads a portal's rows for a report, without its demo messages; senders of other portals cannot be selected."""

    def __init__(self, portal: Portal, params: ReportParams) -> None:
        self.portal = portal
        self.params = params
        with_past = Sender.objects.filter(portal=portal).select_related("connection").order_by("pk")
        self._demo = [one for one in with_past if is_demo(one.connection.service)]
        self.senders = {one.pk: one for one in with_past if one.state != SenderState.DRAFT and one not in self._demo}
        self.services = sorted({one.connection.service for one in self.senders.values()})
        self._selected = [pk for pk, one in self.senders.items() if self._is_selected(one)]

    @property
    def links(self) -> MessageLinks:
        """Return links into the list of messages, narrowed as this report is."""
        params, demo = self.params, self._demo
        return MessageLinks(
            self.portal,
            since=params.period.first,
            until=params.period.last,
            sender=params.sender,
            service=params.service,
            without=demo[0].connection.service if demo else "",
        )

    def build_report(self) -> Report:
        """Read the whole report, with the same number of queries whatever the period."""
        days = self.daily_counts()
        total = Counts()
        for _day, counts in days:
            total += counts
        by_sender, troubles, money = self._sum_tallies()
        lines, times = self._sorted_lines(by_sender)
        before, begun = self._count_previous(), self._breakdowns_begin(days)
        return Report(days, total, times, money, lines, troubles, before, begun, self._count_demo())

    def money_by_day(self) -> Mapping[date, Money]:
        """Return what each day's messages cost."""
        found: defaultdict[date, Money] = defaultdict(Money)
        for day, currency, amount in _group_sums(
            self._select_tallies(self.params.period), ("day", "currency"), [Sum("money")]
        ):
            found[day].add(currency, amount)
        return found

    def daily_counts(self) -> list[tuple[date, Counts]]:
        """Return every day of the period, those without messages too."""
        found = {day: Counts() for day in self.params.period.days}
        sums = (Sum("messages"), Sum("messages", filter=Q(reason__in=NO_FAILURE)))
        for day, status, messages, stopped in _group_sums(
            self._select_tallies(self.params.period), ("day", "status"), sums
        ):
            found[day].add(status, messages - (stopped or 0))
            found[day].add(STOPPED, stopped or 0)
        return list(found.items())

    def breakdown_lines(self) -> Sequence[BreakdownLine]:
        """Return the lines of the breakdown, most messages first."""
        return self._sorted_lines(self._sum_tallies()[0] if self.params.by in SENDER_DIMENSIONS else {})[0]

    def _is_selected(self, sender: Sender) -> bool:
        params = self.params
        return (not params.sender or sender.uuid.hex == params.sender) and (
            not params.service or sender.connection.service == params.service
        )

    def _select_rows(self, model: "type[DayTally | DayBreakdown | MonthBreakdown]", *which: Q) -> "QuerySet[Any]":
        rows = model._default_manager.filter(*which, portal=self.portal)
        if self.params.sender or self.params.service:
            return rows.filter(sender__in=self._selected)
        return rows.exclude(sender__in=self._demo) if self._demo else rows

    def _select_tallies(self, period: Period) -> "QuerySet[Any]":
        return self._select_rows(DayTally, Q(day__range=(period.first, period.last)))

    def _sum_breakdowns(
        self, dimension: Dimension, keys: Sequence[str], names: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        """Yield sums by keys; the same keys come twice where part of the period is stored by month."""
        period, sums = self.params.period, [Sum(name) for name in names]
        months = self._stored_months(period.months)
        if months:
            rows = self._select_rows(MonthBreakdown, Q(month__in=months))
            yield from _group_sums(rows.filter(dimension=dimension), keys, sums)
        days = [Q(day__range=rest) for rest in period.ranges_without(months)]
        if days:
            rows = self._select_rows(DayBreakdown, reduce(or_, days))
            yield from _group_sums(rows.filter(dimension=dimension), keys, sums)

    def _stored_months(self, months: Sequence[date]) -> Sequence[date]:
        if not months:
            return []
        rows = MonthBreakdown.objects.filter(portal=self.portal, dimension=Dimension.SOURCE, month__in=months)
        return sorted(rows.values_list("month", flat=True).distinct())

    def _count_previous(self) -> int | None:
        if len(self.params.period) > MAX_COMPARED_DAYS:
            return None
        rows = self._select_tallies(self.params.period.previous)
        return int(rows.aggregate(all=Sum("messages"))["all"] or 0)

    def _count_demo(self) -> int:
        """Return how many messages are left out because a service only pretended to send them."""
        if not self._demo:
            return 0
        period, params = self.params.period, self.params
        rows = DayTally.objects.filter(
            portal=self.portal, day__range=(period.first, period.last), sender__in=self._demo
        )
        if params.sender:
            rows = rows.filter(sender__uuid=params.sender)
        if params.service:
            rows = rows.filter(connection__service=params.service)
        return int(rows.aggregate(all=Sum("messages"))["all"] or 0)

    def _breakdowns_begin(self, days: Sequence[tuple[date, Counts]]) -> date | None:
        rows = DayBreakdown.objects.filter(portal=self.portal, dimension=Dimension.SOURCE).order_by("day")
        begun = rows.values_list("day", flat=True).first() or timezone.localdate(timezone=self.portal.zone)
        return begun if any(counts.messages and day < begun for day, counts in days) else None

    def list_troubles(self, period: Period) -> list[ReportTrouble]:
        """Return why messages of some of the days did not arrive, most frequent first."""
        rows = self._select_tallies(period).exclude(reason="")
        return self._sort_troubles(_group_sums(rows, ("sender_id", "reason"), [Sum("messages")]))

    def _sort_troubles(self, counted: Iterable[tuple[int, str, int]]) -> list[ReportTrouble]:
        """Return the reasons of messages, counted by sender and reason, most frequent first."""
        reasons: defaultdict[str, int] = defaultdict(int)
        services: defaultdict[str, set[str]] = defaultdict(set)
        for pk, reason, messages in counted:
            if reason and messages > 0:
                reasons[reason] += messages
                services[reason].add(self._service_of(str(pk)))
        troubles = [ReportTrouble(reason, count, frozenset(services[reason])) for reason, count in reasons.items()]
        return sorted(troubles, key=lambda one: (-one.messages, one.reason))

    def _sum_tallies(self) -> tuple[dict[str, BreakdownLine], list[ReportTrouble], Money]:
        """Return lines by sender, without times; why messages did not arrive; and what all cost."""
        lines: dict[str, BreakdownLine] = {}
        money = Money()
        keys, sums = ("sender_id", "status", "reason", "currency"), (Sum("messages"), Sum("money"))
        rows = list(_group_sums(self._select_tallies(self.params.period), keys, sums))
        for pk, status, reason, currency, messages, amount in rows:
            line = lines.setdefault(str(pk), BreakdownLine(str(pk)))
            line.counts.add(STOPPED if reason in NO_FAILURE else status, messages)
            line.money.add(currency, amount)
            money.add(currency, amount)
        return lines, self._sort_troubles((row[0], row[2], row[4]) for row in rows), money

    def _sorted_lines(self, by_sender: Mapping[str, BreakdownLine]) -> tuple[list[BreakdownLine], Times]:
        """Return the lines of the breakdown, and the delivery times of all."""
        lines = self._add_times(by_sender) if self.params.by in SENDER_DIMENSIONS else self._lines_by_value()
        times = Times()
        for line in lines:
            times.add(line.times.counts)
        merged = _merge_lines(lines, self._service_of) if self.params.by == "service" else lines
        return sorted((one for one in merged if one.counts.messages > 0), key=_sort_key), times

    def _add_times(self, by_sender: Mapping[str, BreakdownLine]) -> list[BreakdownLine]:
        """Return the lines by sender with their times.

        Tallies have no times, so those come from the breakdown by source, the smallest one.
        """
        lines = {key: BreakdownLine(key, line.counts, Times(), line.money) for key, line in by_sender.items()}
        for pk, *times in self._sum_breakdowns(Dimension.SOURCE, ("sender_id",), TOOK):
            lines.setdefault(str(pk), BreakdownLine(str(pk))).times.add(times)
        return list(lines.values())

    def _lines_by_value(self) -> list[BreakdownLine]:
        lines: dict[str, BreakdownLine] = {}
        names = (*Counts.__slots__, "money", *TOOK)
        for value, currency, *sums in self._sum_breakdowns(Dimension(self.params.by), ("value", "currency"), names):
            line = lines.setdefault(value, BreakdownLine(value))
            line.counts += Counts(*sums[: len(Counts.__slots__)])
            line.money.add(currency, sums[len(Counts.__slots__)])
            line.times.add(sums[-len(TOOK) :])
        return list(lines.values())

    def _service_of(self, sender: str) -> str:
        found = self.senders.get(int(sender))
        return found.connection.service if found else ""


def _sort_key(line: BreakdownLine) -> tuple[int, str]:
    return -line.counts.messages, line.key


def _merge_lines(lines: Iterable[BreakdownLine], key: Callable[[str], str]) -> list[BreakdownLine]:
    """Merge lines of the same key."""
    merged: dict[str, BreakdownLine] = {}
    for line in lines:
        total = merged.setdefault(key(line.key), BreakdownLine(key(line.key)))
        total += line
    return list(merged.values())


def _group_sums(rows: "QuerySet[Any]", keys: Sequence[str], sums: Sequence[Sum]) -> Iterable[tuple[Any, ...]]:
    """Return the sums of each group, as PostgreSQL computes them."""
    named = {f"sum_{place}": one for place, one in enumerate(sums)}
    groups: Iterable[tuple[Any, ...]] = rows.order_by().values_list(*keys).annotate(**named)
    return groups
