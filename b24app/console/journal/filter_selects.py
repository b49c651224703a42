"""The selects of the filters: what the list can be narrowed to by choosing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from b24app.console.journal.conditions import NONE, OFFERED_STATUSES, SOURCES, STATUS_GROUPS
from b24app.console.journal.filters import ALL_DAYS, Filters
from b24app.console.wording import explanations
from b24app.console.wording.employees import EmployeeNames


@dataclass(frozen=True, slots=True)
class FilterSelect:
    """One select; `unset` stands for no choice, `choices` are pairs of value and text."""

    name: str
    label: str
    unset: str
    choices: Sequence[tuple[str, str]]
    chosen: str


def make_selects(
    filters: Filters, senders: Mapping[str, str], employees: Collection[int], people: EmployeeNames
) -> list[FilterSelect]:
    """Return the selects that offer something; `senders` are names by uuid."""
    statuses = [one for one in STATUS_GROUPS if one in OFFERED_STATUSES or one == filters.status]
    selects = [
        FilterSelect(
            "status",
            _("Status"),
            _("All statuses"),
            [(code, str(STATUS_GROUPS[code].title)) for code in statuses],
            filters.status,
        ),
        FilterSelect("sender", _("Sender"), _("All senders"), list(senders.items()), filters.sender),
        FilterSelect(
            "source",
            _("Source"),
            _("All sources"),
            [(code, str(words)) for code, (words, _query) in SOURCES.items()],
            filters.source,
        ),
        FilterSelect(
            "error",
            _("Error"),
            _("All errors"),
            [(code, str(words)) for code, words in explanations.REASON_NAMES.items()],
            filters.error,
        ),
        FilterSelect(
            "employee",
            _("Employee"),
            _("All employees"),
            _employee_choices(filters, employees, people),
            filters.employee,
        ),
        FilterSelect("days", _("Period"), _("Last 30 days"), _day_choices(filters), filters.days),
    ]
    return [one for one in selects if one.choices]


def _employee_choices(filters: Filters, employees: Collection[int], people: EmployeeNames) -> Sequence[tuple[str, str]]:
    """Return the employees by name, then the messages of none; nothing where there is nobody to choose."""
    if not employees and filters.employee != NONE:
        return ()
    return [*((str(number), name) for number, name in people.sorted_choices(employees)), (NONE, _("No employee"))]


def _day_choices(filters: Filters) -> Sequence[tuple[str, str]]:
    """Return the choices beside the last 30 days; none where dates are set, for then they are the period."""
    return () if filters.since or filters.until else [(ALL_DAYS, _("All time"))]
