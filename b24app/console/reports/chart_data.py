"""Days and times as charts, and as the tables beside them, in the reader's words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.html import format_html
from django.utils.translation import gettext as _

from b24app.console.formats import locales
from b24app.console.formats.periods import Period
from b24app.console.reports import drill_down, svg_charts
from b24app.console.reports.drill_down import MessageLinks
from b24app.console.reports.figures import Counts, Times
from b24app.console.reports.rate_course import RateCourse, Stretch
from b24app.console.reports.svg_charts import Hit
from b24app.messaging.models.statistics import TIMES
from b24app.messaging.statistics.delivery_rate import Rate

KINDS = ("delivered", "way", "undelivered", "failed", "canceled")
STATUSES = (
    drill_down.COUNTED,
    drill_down.DELIVERED,
    drill_down.IN_PROGRESS,
    drill_down.UNDELIVERED,
    drill_down.FAILED,
    drill_down.CANCELED,
)
"""What the columns of the days' table count, as the list of messages calls it."""

MAX_HINTED_DAYS = 92  # days
MAX_LINKED_DAYS = 31  # days: in longer tables each day has one link, not one for each figure
LABEL_COUNT = 4  # at most so many below a chart, so that they do not touch on a phone

Days = Sequence[tuple[date, Counts]]
Table = Sequence[tuple[str, Sequence[str]]]  # a heading, and figures as they are written


@dataclass(frozen=True, slots=True)
class TimeShare:
    """How many messages took so long."""

    title: str
    messages: int


def volume_chart(days: Days, links: MessageLinks | None = None) -> svg_charts.BarChart:
    """Draw messages per day, by status; with links each day leads to its messages."""
    stacks = [_stack(counts) for _day, counts in days]
    hinted = zip(days, stacks, strict=True) if len(days) <= MAX_HINTED_DAYS else ()
    hits = [
        Hit(_day_hint(day, stack), _day_url(links, day) if links and counts.messages > 0 else "")
        for (day, counts), stack in hinted
    ]
    return svg_charts.draw_bars(stacks, KINDS, _sparse_labels([day for day, _counts in days]), hits)


def _stack(counts: Counts) -> tuple[int, ...]:
    return counts.delivered, counts.on_way, counts.undelivered, counts.failed, counts.stopped


def _sparse_labels(days: Sequence[date]) -> Sequence[str]:
    """Return few enough labels that they do not run into each other."""
    every = max(1, -(-len(days) // LABEL_COUNT))
    return ["" if place % every else locales.short_day(day) for place, day in enumerate(days)]


def _day_hint(day: date, stack: Sequence[int]) -> str:
    words = (_("Delivered"), _("In progress"), _("Not delivered"), _("Failed"), _("Canceled"))
    parts = [f"{word} {locales.number(count)}" for word, count in zip(words, stack, strict=True) if count]
    return "\n".join([f"{locales.short_day(day)}: {locales.number(sum(stack))}", *parts])


def _day_url(links: MessageLinks, day: date, status: str = drill_down.COUNTED) -> str:
    return links.within(Period(day, day)).url(status)


def rate_chart(course: RateCourse, links: MessageLinks) -> svg_charts.LineChart | None:
    """Draw the delivery rate of each day or week that had enough messages; None where that says nothing."""
    if not course.is_drawn:
        return None
    stretches = course.stretches
    rates = [one.rate for one in stretches]
    percents = [100 * one.delivered / one.ended if one.is_telling else None for one in rates]
    hits = [_rate_hit(one, links) for one in stretches] if len(stretches) <= MAX_HINTED_DAYS else []
    return svg_charts.draw_rates(percents, _sparse_labels([one.first for one in stretches]), hits)


def _rate_hit(one: Stretch, links: MessageLinks) -> Hit:
    if not one.rate.is_telling:
        return Hit("")
    hint = f"{stretch_name(one)}: {locales.percent(one.rate.delivered, one.rate.ended)}"
    return Hit(hint, links.within(one.period).url(drill_down.RATED))


def stretch_name(one: Stretch) -> str:
    """Return the name of a day, or the two ends of a week."""
    if one.first == one.last:
        return locales.short_day(one.first)
    return f"{locales.short_day(one.first)} – {locales.short_day(one.last)}"


def delivery_times(found: Times) -> list[TimeShare]:
    """Return how long delivery took, shortest first."""
    names = [locales.duration(end, since=since) for since, end in zip((0, *TIMES), TIMES, strict=False)]
    counted = zip([*names, locales.at_most(None)], found.counts, strict=True)
    return [TimeShare(name, count) for name, count in counted]


def volume_table(days: Days, links: MessageLinks | None = None, *, linked_days: int = MAX_LINKED_DAYS) -> Table:
    """Return the table beside `volume_chart`, newest day first; with links each figure leads to what it counts.

    Of more than `linked_days` days only the day itself is a link.
    """
    rows = []
    for day, counts in reversed(days):
        figures = (counts.messages, *_stack(counts))
        there = links.within(Period(day, day)) if links else None
        cells = _link_cells(figures, there) if len(days) <= linked_days else [locales.number(one) for one in figures]
        name = locales.day(day)
        if there and counts.messages > 0:
            name = format_html('<a href="{}">{}</a>', there.url(drill_down.COUNTED), name)
        rows.append((name, cells))
    return rows


def _link_cells(figures: Iterable[int], links: MessageLinks | None) -> Sequence[str]:
    return [link_number(one, links, status) for one, status in zip(figures, STATUSES, strict=True)]


def link_number(count: int, links: MessageLinks | None, status: str) -> str:
    """Return a count as a link to its messages; without any there is nothing to list."""
    shown = locales.number(count)
    return format_html('<a href="{}">{}</a>', links.url(status), shown) if links and count > 0 else shown


def rates_table(course: RateCourse, links: MessageLinks) -> Table:
    """Return the table beside `rate_chart`, newest first."""
    is_linked = len(course.stretches) <= MAX_LINKED_DAYS
    rows = []
    for one in reversed(course.stretches):
        there = links.within(one.period) if is_linked else None
        name = locales.day(one.first) if one.first == one.last else stretch_name(one)
        rows.append((name, [link_number(one.rate.ended, there, drill_down.RATED), _rate_text(one.rate)]))
    return rows


def _rate_text(rate: Rate) -> str:
    if rate.is_telling:
        return locales.percent(rate.delivered, rate.ended)
    return _("Not enough data") if rate.ended else _("None")
