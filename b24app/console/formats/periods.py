"""The days a report is about: read from an address, in the portal's own calendar, and written back into addresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

USUAL = "30"
LONGEST = 366  # days
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
    """The days from `first` to `last`, both included; `preset` is a key of PRESETS, "" for days of one's own.

    `is_cut`: more days were asked for than can be shown.
    """

    first: date
    last: date
    preset: str = ""
    is_cut: bool = False

    @classmethod
    def read(cls, query: Mapping[str, str], today: date) -> Self:
        """What an address asks for; what makes no sense there is left out.

        Days that a preset means today are that preset's, so that it goes on moving with the days.
        """
        preset = query.get("period", "")
        usual = cls.of(preset if preset in PRESETS else USUAL, today)
        since, until = read_day(query.get("since", "")), read_day(query.get("until", ""))
        if (since is None and until is None) or (since, until) == (usual.first, usual.last):
            return usual
        first, last = sorted((since or until or today, until or today))
        last = min(last, today)
        first = min(first, last)
        shown = max(first, last - (LONGEST - 1) * DAY)
        return cls(shown, last, is_cut=shown > first)

    @classmethod
    def of(cls, preset: str, today: date) -> Self:
        """The days that a preset means today."""
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
        """The first days of the months that lie in it whole."""
        return [day for day in self.days if day.day == 1 and month_after(day) - DAY <= self.last]

    def without(self, months: Sequence[date]) -> Sequence[tuple[date, date]]:
        """First and last days of what is left of it when these of its `months` are taken out, the oldest first."""
        firsts = [self.first, *(month_after(one) for one in months)]
        lasts = [*(one - DAY for one in months), self.last]
        return [(first, last) for first, last in zip(firsts, lasts, strict=True) if first <= last]

    @property
    def before(self) -> Self:
        """As many days, just before."""
        return type(self)(self.first - len(self) * DAY, self.first - DAY)

    @property
    def query(self) -> Mapping[str, str]:
        """What stands in an address; nothing for the usual days."""
        if self.preset:
            return {} if self.preset == USUAL else {"period": self.preset}
        return {"since": self.first.isoformat(), "until": self.last.isoformat()}


def month_after(month: date) -> date:
    """The first day of the month after the one that begins on this day."""
    return (month + 31 * DAY).replace(day=1)


def read_day(value: str) -> date | None:
    """Return the day that an address names, None for none and for one that no message can be of.

    A century around us is enough, and at the calendar's own ends there is no day before or after to compute with.
    """
    try:
        found = date.fromisoformat(value)
    except ValueError:
        return None
    return found if 2000 <= found.year < 2100 else None
