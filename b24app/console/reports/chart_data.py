"""Days and times as pictures and as the tables beside them, in the reader's words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from b24app.console.formats import locales
from b24app.console.reports import svg_charts
from b24app.console.reports.query import Counts, Times
from b24app.console.reports.sender_health import Rate
from b24app.messaging.models.statistics import TIMES

KINDS = ("delivered", "way", "undelivered", "failed")
HINTED_UP_TO = 92  # days
LABELS = 5  # about so many below a picture

Days = Sequence[tuple[date, Counts]]
Table = Sequence[tuple[str, Sequence[str]]]  # a heading, and figures as they are written


@dataclass(frozen=True, slots=True)
class Share:
    """How many messages took so long; `width` is in percent of the longest bar's."""

    title: str
    messages: int
    width: int


def volume(days: Days) -> svg_charts.Bars:
    """Messages per day, by what became of them."""
    stacks = [(one.delivered, one.on_way, one.undelivered, one.not_sent) for _day, one in days]
    hinted = zip(days, stacks, strict=True) if len(days) <= HINTED_UP_TO else ()
    return svg_charts.bars(stacks, KINDS, _labels(days), [_hint(day, stack) for (day, _counts), stack in hinted])


def _labels(days: Days) -> Sequence[str]:
    """Few enough not to run into each other."""
    every = max(1, -(-len(days) // LABELS))
    return ["" if place % every else locales.short_day(day) for place, (day, _counts) in enumerate(days)]


def _hint(day: date, stack: Sequence[int]) -> str:
    words = (_("Delivered"), _("On the way"), _("Undelivered"), _("Failed"))
    parts = [f"{word} {locales.number(count)}" for word, count in zip(words, stack, strict=True) if count]
    return "\n".join([f"{locales.short_day(day)}: {locales.number(sum(stack))}", *parts])


def rates(days: Days) -> svg_charts.Line | None:
    """The delivery rate of each day that had enough messages; None when none had."""
    found = [counts.rate for _day, counts in days]
    percents = [100 * one.delivered / one.ended if one.is_telling else None for one in found]
    return svg_charts.rates(percents, _labels(days))


def times(found: Times) -> list[Share]:
    """How long delivery took, from the shortest."""
    names = [locales.duration(end, since=since) for since, end in zip((0, *TIMES), TIMES, strict=False)]
    most = max(1, *found.counts)
    counted = zip([*names, locales.at_most(None)], found.counts, strict=True)
    return [Share(name, count, round(100 * count / most)) for name, count in counted]


def tables(days: Days) -> tuple[Table, Table]:
    """The twins of `volume` and of `rates`, the newest day first."""
    named = [(locales.day(day), counts) for day, counts in reversed(days)]
    return [(name, _counts(one)) for name, one in named], [(name, _rate(one.rate)) for name, one in named]


def _counts(counts: Counts) -> Sequence[str]:
    figures = (counts.messages, counts.delivered, counts.on_way, counts.undelivered, counts.not_sent)
    return [locales.number(one) for one in figures]


def _rate(rate: Rate) -> Sequence[str]:
    untold = _("too few") if rate.ended else _("none")
    told = locales.percent(rate.delivered, rate.ended) if rate.is_telling else untold
    return locales.number(rate.ended), told
