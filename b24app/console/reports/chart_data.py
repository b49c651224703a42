"""Days and times as charts, and as the tables beside them, in the reader's words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from b24app.console.formats import locales
from b24app.console.reports import svg_charts
from b24app.console.reports.figures import Counts, Times
from b24app.messaging.models.statistics import TIMES
from b24app.messaging.statistics.delivery_rate import Rate

KINDS = ("delivered", "way", "undelivered", "failed")
MAX_HINTED_DAYS = 92  # days
LABEL_COUNT = 5  # about so many below a chart

Days = Sequence[tuple[date, Counts]]
Table = Sequence[tuple[str, Sequence[str]]]  # a heading, and figures as they are written


@dataclass(frozen=True, slots=True)
class TimeShare:
    """How many messages took so long; `width` is in percent of the longest bar."""

    title: str
    messages: int
    width: int


def volume_chart(days: Days) -> svg_charts.BarChart:
    """Draw messages per day, by status."""
    stacks = [(one.delivered, one.on_way, one.undelivered, one.not_sent) for _day, one in days]
    hinted = zip(days, stacks, strict=True) if len(days) <= MAX_HINTED_DAYS else ()
    return svg_charts.draw_bars(
        stacks, KINDS, _day_labels(days), [_day_hint(day, stack) for (day, _counts), stack in hinted]
    )


def _day_labels(days: Days) -> Sequence[str]:
    """Return few enough labels that they do not run into each other."""
    every = max(1, -(-len(days) // LABEL_COUNT))
    return ["" if place % every else locales.short_day(day) for place, (day, _counts) in enumerate(days)]


def _day_hint(day: date, stack: Sequence[int]) -> str:
    words = (_("Delivered"), _("In progress"), _("Not delivered"), _("Failed"))
    parts = [f"{word} {locales.number(count)}" for word, count in zip(words, stack, strict=True) if count]
    return "\n".join([f"{locales.short_day(day)}: {locales.number(sum(stack))}", *parts])


def rate_chart(days: Days) -> svg_charts.LineChart | None:
    """Draw the delivery rate of each day that had enough messages; None when none had."""
    day_rates = [counts.rate for _day, counts in days]
    percents = [100 * one.delivered / one.ended if one.is_telling else None for one in day_rates]
    return svg_charts.draw_rates(percents, _day_labels(days))


def delivery_times(found: Times) -> list[TimeShare]:
    """Return how long delivery took, shortest first."""
    names = [locales.duration(end, since=since) for since, end in zip((0, *TIMES), TIMES, strict=False)]
    most = max(1, *found.counts)
    counted = zip([*names, locales.at_most(None)], found.counts, strict=True)
    return [TimeShare(name, count, round(100 * count / most)) for name, count in counted]


def chart_tables(days: Days) -> tuple[Table, Table]:
    """Return the tables beside `volume_chart` and `rate_chart`, newest day first."""
    named = [(locales.day(day), counts) for day, counts in reversed(days)]
    return [(name, _count_cells(one)) for name, one in named], [(name, _rate_cells(one.rate)) for name, one in named]


def _count_cells(counts: Counts) -> Sequence[str]:
    figures = (counts.messages, counts.delivered, counts.on_way, counts.undelivered, counts.not_sent)
    return [locales.number(one) for one in figures]


def _rate_cells(rate: Rate) -> Sequence[str]:
    if rate.is_telling:
        return locales.number(rate.ended), locales.percent(rate.delivered, rate.ended)
    return locales.number(rate.ended), _("Not enough data") if rate.ended else _("None")
