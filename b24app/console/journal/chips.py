"""The filters that are set, each as a chip that clears itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from b24app.console.formats import locales
from b24app.console.journal.conditions import NONE, SOURCES, STATUS_GROUPS
from b24app.console.journal.filters import ALL_DAYS, Filters
from b24app.console.wording import explained, explanations
from b24app.console.wording.employees import EmployeeNames


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set; `without` is the query that clears it. `title` alone is shown where there is no value."""

    title: str
    value: str | Promise
    without: str


def make_chips(filters: Filters, senders: Mapping[str, str], people: EmployeeNames) -> list[Chip]:
    """Return a chip for each filter that is set; `senders` are names by uuid."""
    chips = [
        Chip(_("Search"), filters.q, filters.written(q="")),
        Chip(_("Phone"), filters.phone, filters.written(phone="")),
        Chip(_("Status"), _status_title(filters.status), filters.written(status="")),
        Chip(_("Sender"), senders.get(filters.sender, ""), filters.written(sender="")),
        Chip(_("Service"), filters.service and explained.service_title(filters.service), filters.written(service="")),
        Chip(_("Without"), filters.without and explained.service_title(filters.without), filters.written(without="")),
        Chip(_("Source"), SOURCES[filters.source][0] if filters.source else "", filters.written(source="")),
        Chip(_("Error"), explanations.short_reason(filters.error), filters.written(error="")),
        Chip(_("Employee"), _employee_name(filters.employee, people), filters.written(employee="")),
        Chip(_("Country"), _country_name(filters.country), filters.written(country="")),
    ]
    return [chip for chip in chips if chip.value] + _date_chips(filters)


def _date_chips(filters: Filters) -> list[Chip]:
    """Return the chip of the days; the usual window is one too, or nobody would know of it."""
    if filters.is_usual_window:
        return [Chip(_("Last 30 days"), "", filters.written(days=ALL_DAYS))]
    if not (filters.since or filters.until):
        return []
    first, last = (locales.day(day) if day else "…" for day in (filters.since, filters.until))
    days = first if first == last else f"{first} – {last}"
    return [Chip(_("Date"), days, filters.written(since=None, until=None))]


def _status_title(status: str) -> str | Promise:
    return STATUS_GROUPS[status].title if status else ""


def _employee_name(employee: str, people: EmployeeNames) -> str:
    if employee == NONE:
        return _("No employee")
    return people.display_name(int(employee)) if employee and int(employee) in people.names else employee


def _country_name(country: str) -> str:
    if country == NONE:
        return _("Unknown")
    return locales.country_name(country) if country else ""
