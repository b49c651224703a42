"""The days that a report covers, read from an address in the portal's own calendar, and written back into one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

DEFAULT_PRESET = "30"
MAX_DAYS = 366  # days
DAY = timedelta(days=1)

PRESETS: Mapping[str, str | Promise] = {
    "7": _("7 days"),
    "30": _("30 days"),
    "90": _("90 days"),
    "month": _("This month"),
    "last-month": _("Last month"),
}


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to `last`, inclusive; `preset` is a key of PRESETS, "" for custom days.

    `is_cut`: more days were asked for than can be shown.
    """

    first: date
    last: date
    preset: str = ""
    is_cut: bool = False

    @classmethod
    def from_query(cls, query: Mapping[str, str], today: date) -> Self:
        """Return the period that an address asks for; values that make no sense are ignored.

        Custom days that are those of the preset today become the preset, so that they move on with the days.
        """
        preset = query.get("period", "")
        usual = cls.from_preset(preset if preset in PRESETS else DEFAULT_PRESET, today)
        since, until = read_day(query.get("since", "")), read_day(query.get("until", ""))
        if (since is None and until is None) or (since, until) == (usual.first, usual.last):
            return usual
        first, last = sorted((since or until or today, until or today))
        last = min(last, today)
        first = min(first, last)
        shown = max(first, last - (MAX_DAYS - 1) * DAY)
        return cls(shown, last, is_cut=shown > first)

    @classmethod
    def from_preset(cls, preset: str, today: date) -> Self:
        """Return the days that a preset means today."""
        if preset == "month":
            return cls(today.replace(day=1), today, preset)
        if preset == "last-month":
            last = today.replace(day=1) - DAY
            return cls(last.replace(day=1), last, preset)
        return cls(today - (int(preset) - 1) * DAY, today, preset)

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def days(self) -> Sequence[date]:
        return [self.first + place * DAY for place in range(len(self))]

    @property
    def months(self) -> Sequence[date]:
        """Return the first days of the months that lie entirely within the period."""
        return [day for day in self.days if day.day == 1 and month_after(day) - DAY <= self.last]

    def ranges_without(self, months: Sequence[date]) -> Sequence[tuple[date, date]]:
        """Return ranges (first and last day) of the days not covered by `months`, oldest first."""
        firsts = [self.first, *(month_after(one) for one in months)]
        lasts = [*(one - DAY for one in months), self.last]
        return [(first, last) for first, last in zip(firsts, lasts, strict=True) if first <= last]

    @property
    def previous(self) -> Self:
        """Return the period of the same length just before."""
        return type(self)(self.first - len(self) * DAY, self.first - DAY)

    @property
    def query(self) -> Mapping[str, str]:
        """Return the query parameters of the period; none for the default."""
        if self.preset:
            return {} if self.preset == DEFAULT_PRESET else {"period": self.preset}
        return {"since": self.first.isoformat(), "until": self.last.isoformat()}


def month_after(month: date) -> date:
    """Return the first day of the month after the one that begins on this day."""
    return (month + 31 * DAY).replace(day=1)


def read_day(value: str) -> date | None:
    """Return the day that an address names; None for none, and for one that no message can be from.

    A century is enough, and at the calendar's own ends there is no day before or after to compute with.
    """
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None
