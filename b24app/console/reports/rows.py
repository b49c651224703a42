"""The lines of a breakdown and the errors of a report as they are shown: named, measured and linked."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from b24app.console.formats import locales
from b24app.console.journal.conditions import SOURCES
from b24app.console.journal.links import Conditions
from b24app.console.reports import drill_down
from b24app.console.reports.drill_down import MessageLinks
from b24app.console.reports.figures import BreakdownLine, Counts, Report, ReportTrouble, Times
from b24app.console.reports.query import ReportQuery
from b24app.console.wording.employees import EmployeeNames
from b24app.console.wording.explained import Explained, service_title
from b24app.console.wording.explanations import explain_reason

MAX_SHOWN = 20  # lines of a breakdown; the others become one, and the file has them all


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A line of a breakdown as it is shown; `service` has a tile, `employee` a profile, `share` is in thousandths.

    `href` lists its messages, `rated_href` those that its rate counts; both are empty for the sum of the others.
    """

    line: BreakdownLine
    title: str
    service: str = ""
    employee: str = ""
    share: int = 0
    href: str = ""
    rated_href: str = ""

    @property
    def times(self) -> Times:
        return self.line.times

    @property
    def counts(self) -> Counts:
        return self.line.counts


@dataclass(frozen=True, slots=True)
class Failure:
    """Why messages did not arrive, and a link to them in the list."""

    why: Explained
    messages: int
    href: str


def report_rows(query: ReportQuery, report: Report) -> list[ReportRow]:
    shown, others = list(report.lines[:MAX_SHOWN]), report.lines[MAX_SHOWN:]
    people = employee_names(query, shown)
    rows = [_report_row(query, line, report, people) for line in shown]
    if others:
        rest = BreakdownLine("")
        for line in others:
            rest += line
        words = ngettext("{count} more", "{count} more", len(others)).format(count=locales.number(len(others)))
        rows.append(ReportRow(rest, words, share=_line_share(rest, report)))
    return rows


def _report_row(query: ReportQuery, line: BreakdownLine, report: Report, people: EmployeeNames) -> ReportRow:
    by = query.params.by
    sender = query.senders.get(int(line.key)) if by == "sender" else None
    service = sender.connection.service if sender else line.key if by == "service" else ""
    conditions = _line_conditions(query, line.key)
    return ReportRow(
        line,
        line_title(query, line.key, people),
        service=service_title(service) if service else "",
        employee=line.key if by == "employee" else "",
        share=_line_share(line, report),
        href=query.links.url(drill_down.COUNTED, **conditions),
        rated_href=query.links.url(drill_down.RATED, **conditions),
    )


def _line_conditions(query: ReportQuery, key: str) -> Conditions:
    by = query.params.by
    sender = query.senders.get(int(key)) if by == "sender" else None
    return query.links.of_line(by, sender.uuid.hex if sender else key)


def _line_share(line: BreakdownLine, report: Report) -> int:
    return 1000 * line.counts.messages // max(1, sum(one.counts.messages for one in report.lines))


def employee_names(query: ReportQuery, lines: Iterable[BreakdownLine]) -> EmployeeNames:
    """Return the names of the employees in these lines."""
    return EmployeeNames.load(
        query.portal, [int(line.key) for line in lines if line.key and query.params.by == "employee"]
    )


def line_title(query: ReportQuery, key: str, people: EmployeeNames) -> str:
    """Return the name of a line."""
    if not key:
        return _("No employee") if query.params.by == "employee" else _("Unknown")
    match query.params.by:
        case "sender":
            sender = query.senders.get(int(key))
            return sender.name if sender else _("Unknown")
        case "service":
            return service_title(key)
        case "country":
            return locales.country_name(key)
        case "source":
            return str(SOURCES[key][0]) if key in SOURCES else key
        case _:
            return people.display_name(int(key))


def describe_failure(links: MessageLinks, trouble: ReportTrouble) -> Failure:
    """Return an error with its advice and the messages that ended so."""
    why = explain_reason(trouble.reason, trouble.services)
    return Failure(why, trouble.messages, links.url(drill_down.COUNTED, reason=trouble.reason))
