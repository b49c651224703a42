"""Reports: volume, delivery, time and cost of a period, broken down, as charts with their tables and as files."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from b24app.console.formats import csv_files, locales
from b24app.console.formats.periods import DEFAULT_PRESET, PRESETS
from b24app.console.frame import file_downloads
from b24app.console.frame.download_tokens import read_download_token, redirect_to_download
from b24app.console.frame.file_downloads import send_file
from b24app.console.frame.screen import FramedRequest, address, admin_only, render_screen
from b24app.console.journal.conditions import SOURCES
from b24app.console.journal.filters import Filters
from b24app.console.reports import chart_data
from b24app.console.reports.figures import BreakdownLine, Counts, Money, Report, ReportTrouble, Times
from b24app.console.reports.params import DIMENSIONS, ReportParams
from b24app.console.reports.query import ReportQuery
from b24app.console.wording.employees import EmployeeNames
from b24app.console.wording.explained import Explained, service_title
from b24app.console.wording.explanations import explain_reason
from b24app.portals.models import Portal

DAYS, LINES = "days", "lines"  # what a file holds
MAX_SHOWN = 20  # lines of a breakdown; the others become one, and the file has them all
MAX_TROUBLES = 10


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A line of a breakdown as it is shown; `service` has a tile, `employee` a profile, `width` is that of its bar."""

    line: BreakdownLine
    title: str
    service: str = ""
    employee: str = ""
    share: int = 0
    width: int = 0

    @property
    def times(self) -> Times:
        return self.line.times

    @property
    def counts(self) -> Counts:
        return self.line.counts


@dataclass(frozen=True, slots=True)
class Failure:
    """Why messages did not arrive, and a link to them in the journal."""

    why: Explained
    messages: int
    href: str


@admin_only
@require_safe
def show_reports(request: FramedRequest) -> HttpResponse:
    """Render the charts of a period; its address holds all parameters."""
    params = ReportParams.from_query(request.GET.dict(), timezone.localdate())
    query = ReportQuery(request.portal, params)
    report = query.build_report()
    volume_table, rates_table = chart_data.chart_tables(report.days)
    context = {
        "asked": params,
        "report": report,
        "presets": [(code, words, _preset_query(params, code)) for code, words in PRESETS.items()],
        "dimensions": [
            (code, words, params.written(by="" if code == "sender" else code)) for code, words in DIMENSIONS.items()
        ],
        "by": DIMENSIONS[params.by],
        "senders": list(query.senders.values()),
        "services": [(code, service_title(code)) for code in query.services],
        "volume": chart_data.volume_chart(report.days),
        "rates": chart_data.rate_chart(report.days),
        "volume_table": volume_table,
        "rates_table": rates_table,
        "times": chart_data.delivery_times(report.times),
        "rows": _report_rows(query, report),
        "failing": [_describe_failure(request.portal, params, one) for one in report.troubles[:MAX_TROUBLES]],
        "today": timezone.localdate(),
    }
    return render_screen(request, "console/reports/reports.html", context)


def _preset_query(params: ReportParams, preset: str) -> str:
    return params.written(period="" if preset == DEFAULT_PRESET else preset, since="", until="")


def _report_rows(query: ReportQuery, report: Report) -> list[ReportRow]:
    shown, others = list(report.lines[:MAX_SHOWN]), report.lines[MAX_SHOWN:]
    people = _employee_names(query, shown)
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
    return ReportRow(
        line,
        _line_title(query, line.key, people),
        service=service_title(service) if service else "",
        employee=line.key if by == "employee" else "",
        share=_line_share(line, report),
        width=round(100 * line.counts.messages / report.lines[0].counts.messages),
    )


def _line_share(line: BreakdownLine, report: Report) -> int:
    return 1000 * line.counts.messages // max(1, sum(one.counts.messages for one in report.lines))


def _employee_names(query: ReportQuery, lines: Iterable[BreakdownLine]) -> EmployeeNames:
    """Return the names of the employees in these lines."""
    return EmployeeNames.load(
        query.portal, [int(line.key) for line in lines if line.key and query.params.by == "employee"]
    )


def _line_title(query: ReportQuery, key: str, people: EmployeeNames) -> str:
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


def _describe_failure(portal: Portal, params: ReportParams, trouble: ReportTrouble) -> Failure:
    there = Filters(
        error=trouble.reason,
        sender=params.sender,
        service=params.service,
        since=params.period.first,
        until=params.period.last,
    )
    why = explain_reason(trouble.reason, trouble.services)
    return Failure(why, trouble.messages, f"{address(portal, 'journal')}?{there.written()}")


# -- files ------------------------------------------------------------------------------------------------------------


@admin_only
@require_safe
def export_report(request: FramedRequest, what: str) -> HttpResponse:
    """Send the page to the file."""
    if what not in {DAYS, LINES}:
        raise Http404
    if file_downloads.current_file(request.portal):
        return file_downloads.refuse_second_file()
    params = ReportParams.from_query(request.GET.dict(), timezone.localdate())
    days = {"since": params.period.first.isoformat(), "until": params.period.last.isoformat()}
    payload = {"what": what, "query": {**params.query_values, **days}, "language": translation.get_language()}
    return redirect_to_download(request, "reports-file", payload)


@require_safe
def download_report(request: HttpRequest, token: str) -> HttpResponseBase:
    """Respond with the days or the breakdown as CSV, for a minute after it was asked for."""
    portal, payload = read_download_token("reports-file", token)
    params, what = ReportParams.from_query(payload["query"], timezone.localdate(timezone=portal.zone)), payload["what"]

    def write() -> Iterator[str]:
        with translation.override(payload["language"]):
            rows = list(_day_rows(portal, params) if what == DAYS else _line_rows(portal, params))
        return csv_files.write_csv(rows)

    name = f"{DAYS if what == DAYS else params.by}-{params.period.first}-{params.period.last}.csv"
    return send_file(request, portal, write, name=name, content_type="text/csv; charset=utf-8")


def _day_rows(portal: Portal, params: ReportParams) -> Iterator[Sequence[object]]:
    query = ReportQuery(portal, params)
    money = query.money_by_day()
    currencies = _used_currencies(money.values())
    yield [_("Day"), *_column_titles(), *_cost_titles(currencies)]
    for day, counts in query.daily_counts():
        yield [day.isoformat(), *_count_columns(counts), *_cost_columns(money[day], currencies)]


def _line_rows(portal: Portal, params: ReportParams) -> Iterator[Sequence[object]]:
    query = ReportQuery(portal, params)
    lines = query.breakdown_lines()
    people = _employee_names(query, lines)
    currencies = _used_currencies(line.money for line in lines)
    yield [DIMENSIONS[params.by], *_column_titles(), _("Median delivery time"), *_cost_titles(currencies)]
    for line in lines:
        title, half = _line_title(query, line.key, people), _median_column(line.times)
        yield [title, *_count_columns(line.counts), half, *_cost_columns(line.money, currencies)]


def _column_titles() -> list[str | Promise]:
    words = (_("Messages"), _("Delivered"), _("In progress"), _("Not delivered"), _("Failed"), _("Delivery rate"))
    return list(words)


def _count_columns(counts: Counts) -> list[object]:
    """Return plain figures, which a spreadsheet can add up; no rate where there are too few messages."""
    rate = counts.rate
    percent = f"{100 * rate.delivered / rate.ended:.1f}%" if rate.is_telling else ""
    return [counts.messages, counts.delivered, counts.on_way, counts.undelivered, counts.not_sent, percent]


def _median_column(times: Times) -> str:
    if not times.is_telling:
        return ""
    return locales.at_most(times.half)


def _used_currencies(sums: Iterable[Money]) -> list[str]:
    return sorted({currency for one in sums for currency, _amount in one.told})


def _cost_columns(money: Money, currencies: Sequence[str]) -> list[str]:
    return [f"{money.sums.get(one, Decimal(0)):.5f}".rstrip("0").rstrip(".") for one in currencies]


def _cost_titles(currencies: Sequence[str]) -> list[str]:
    return [_("Cost") + f", {currency}" for currency in currencies]


urlpatterns = [
    path("reports/", show_reports, name="reports"),
    path("reports/<slug:what>/export/", export_report, name="reports-take"),
]
downloads = [path("d/reports/<str:token>/", download_report, name="reports-file")]
