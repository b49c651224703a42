"""How the delivery rate went: by days, by weeks where days have too few messages, and where it was lowest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from b24app.console.formats import locales
from b24app.console.formats.periods import Period
from b24app.console.reports.figures import Counts
from b24app.messaging.statistics.delivery_rate import Rate

MIN_POINTS = 2  # one alone is no course
DIP = 0.1  # of 1: so far below the rate of the whole period a rate is explained
DIP_FAILURES = 3  # fewer failures than these are chance


@dataclass(slots=True)
class Stretch:
    """A day or a week, as far as it belongs to the period."""

    first: date
    last: date
    counts: Counts = field(default_factory=Counts)

    @property
    def rate(self) -> Rate:
        return self.counts.rate

    @property
    def period(self) -> Period:
        return Period(self.first, self.last)


@dataclass(frozen=True, slots=True)
class RateCourse:
    """The stretches of a period in order. `is_drawn`: enough of them have a rate."""

    stretches: Sequence[Stretch]
    is_weekly: bool
    is_drawn: bool

    @property
    def lowest(self) -> Stretch | None:
        """Return the stretch with the lowest rate; None where all are the same, or nothing is drawn."""
        telling = [one for one in self.stretches if one.rate.is_telling]
        if not self.is_drawn or len({_share(one.rate) for one in telling}) < MIN_POINTS:
            return None
        return min(telling, key=lambda one: _share(one.rate))


def follow_rate(days: Sequence[tuple[date, Counts]]) -> RateCourse:
    """Return the course by days, or by weeks where more than half of the days have too few messages for a rate."""
    by_day = [Stretch(day, day, counts) for day, counts in days]
    by_week = _group_weeks(days)
    telling = _count_telling(by_day)
    is_dense = telling >= MIN_POINTS and 2 * telling >= sum(one.rate.ended > 0 for one in by_day)
    if not is_dense and _count_telling(by_week) >= MIN_POINTS:
        return RateCourse(by_week, is_weekly=True, is_drawn=True)
    return RateCourse(by_day, is_weekly=False, is_drawn=telling >= MIN_POINTS)


def is_dip(stretch: Stretch, whole: Rate) -> bool:
    """Return whether a rate is so far below that of the whole period that its cause is worth a sentence."""
    return stretch.rate.failed >= DIP_FAILURES and _share(whole) - _share(stretch.rate) >= DIP


def _group_weeks(days: Sequence[tuple[date, Counts]]) -> list[Stretch]:
    """Return the weeks of the reader's calendar that the days belong to."""
    first_weekday = locales.current().first_week_day
    weeks: dict[date, Stretch] = {}
    for day, counts in days:
        start = day - timedelta(days=(day.weekday() - first_weekday) % 7)
        week = weeks.setdefault(start, Stretch(day, day))
        week.last = day
        week.counts += counts
    return list(weeks.values())


def _count_telling(stretches: Sequence[Stretch]) -> int:
    return sum(one.rate.is_telling for one in stretches)


def _share(rate: Rate) -> float:
    return rate.delivered / rate.ended if rate.ended else 1.0
