"""Volume, delivery, time and cost of a period, broken down, as pictures with their tables and as files."""

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
from b24app.console.journal.filters import SOURCES, Filters
from b24app.console.reports import chart_data
from b24app.console.reports.query import BY, Asked, Counts, Line, Money, Reading, Report, Times, Trouble
from b24app.console.wording.employees import EmployeeNames
from b24app.console.wording.explained import Explained, service_title
from b24app.console.wording.explanations import explain_reason
from b24app.portals.models import Portal

DAYS, LINES = "days", "lines"  # what a file holds
MOST_SHOWN = 20  # lines of a breakdown; the others become one, and the file has them all
MOST_TROUBLES = 10


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a breakdown as it is shown; `service` has a tile, `employee` a profile, `width` is its bar's."""

    line: Line
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
class Failing:
    """Why messages did not arrive, and where in the journal they are."""

    why: Explained
    messages: int
    href: str


@admin_only
@require_safe
def overview(request: FramedRequest) -> HttpResponse:
    """The pictures of a period; all that is asked for stands in the address."""
    asked = Asked.read(request.GET.dict(), timezone.localdate())
    reading = Reading(request.portal, asked)
    report = reading.report()
    volume_table, rates_table = chart_data.tables(report.days)
    context = {
        "asked": asked,
        "report": report,
        "presets": [(code, words, _turned(asked, code)) for code, words in PRESETS.items()],
        "dimensions": [(code, words, asked.written(by="" if code == "sender" else code)) for code, words in BY.items()],
        "by": BY[asked.by],
        "senders": list(reading.senders.values()),
        "services": [(code, service_title(code)) for code in reading.services],
        "volume": chart_data.volume(report.days),
        "rates": chart_data.rates(report.days),
        "volume_table": volume_table,
        "rates_table": rates_table,
        "times": chart_data.times(report.times),
        "rows": _rows(reading, report),
        "failing": [_failing(request.portal, asked, one) for one in report.troubles[:MOST_TROUBLES]],
        "today": timezone.localdate(),
    }
    return render_screen(request, "console/reports/reports.html", context)


def _turned(asked: Asked, preset: str) -> str:
    return asked.written(period="" if preset == DEFAULT_PRESET else preset, since="", until="")


def _rows(reading: Reading, report: Report) -> list[Row]:
    shown, others = list(report.lines[:MOST_SHOWN]), report.lines[MOST_SHOWN:]
    people = _people(reading, shown)
    rows = [_row(reading, line, report, people) for line in shown]
    if others:
        rest = Line("")
        for line in others:
            rest += line
        words = ngettext("{count} other", "{count} others", len(others)).format(count=locales.number(len(others)))
        rows.append(Row(rest, words, share=_share(rest, report)))
    return rows


def _row(reading: Reading, line: Line, report: Report, people: EmployeeNames) -> Row:
    by = reading.asked.by
    sender = reading.senders.get(int(line.key)) if by == "sender" else None
    service = sender.connection.service if sender else line.key if by == "service" else ""
    return Row(
        line,
        _title(reading, line.key, people),
        service=service_title(service) if service else "",
        employee=line.key if by == "employee" else "",
        share=_share(line, report),
        width=round(100 * line.counts.messages / report.lines[0].counts.messages),
    )


def _share(line: Line, report: Report) -> int:
    return 1000 * line.counts.messages // max(1, sum(one.counts.messages for one in report.lines))


def _people(reading: Reading, lines: Iterable[Line]) -> EmployeeNames:
    """Who stands in these lines."""
    return EmployeeNames.load(
        reading.portal, [int(line.key) for line in lines if line.key and reading.asked.by == "employee"]
    )


def _title(reading: Reading, key: str, people: EmployeeNames) -> str:
    """What a line is called."""
    if not key:
        return _("No employee") if reading.asked.by == "employee" else _("not known")
    match reading.asked.by:
        case "sender":
            sender = reading.senders.get(int(key))
            return sender.name if sender else _("not known")
        case "service":
            return service_title(key)
        case "country":
            return locales.country_name(key)
        case "source":
            return str(SOURCES[key][0]) if key in SOURCES else key
        case _:
            return people.display_name(int(key))


def _failing(portal: Portal, asked: Asked, trouble: Trouble) -> Failing:
    there = Filters(
        error=trouble.reason,
        sender=asked.sender,
        service=asked.service,
        since=asked.period.first,
        until=asked.period.last,
    )
    why = explain_reason(trouble.reason, trouble.services)
    return Failing(why, trouble.messages, f"{address(portal, 'journal')}?{there.written()}")


# -- files ------------------------------------------------------------------------------------------------------------


@admin_only
@require_safe
def take(request: FramedRequest, what: str) -> HttpResponse:
    """Send the page to the file."""
    if what not in {DAYS, LINES}:
        raise Http404
    if file_downloads.current_file(request.portal):
        return file_downloads.refuse_second_file()
    asked = Asked.read(request.GET.dict(), timezone.localdate())
    days = {"since": asked.period.first.isoformat(), "until": asked.period.last.isoformat()}
    payload = {"what": what, "query": {**asked.values, **days}, "language": translation.get_language()}
    return redirect_to_download(request, "reports-file", payload)


@require_safe
def file(request: HttpRequest, token: str) -> HttpResponseBase:
    """The days or the breakdown as CSV, for a minute after it was asked for."""
    portal, payload = read_download_token("reports-file", token)
    asked, what = Asked.read(payload["query"], timezone.localdate(timezone=portal.zone)), payload["what"]

    def write() -> Iterator[str]:
        with translation.override(payload["language"]):
            rows = list(_day_rows(portal, asked) if what == DAYS else _line_rows(portal, asked))
        return csv_files.write_csv(rows)

    name = f"{DAYS if what == DAYS else asked.by}-{asked.period.first}-{asked.period.last}.csv"
    return send_file(request, portal, write, name=name, content_type="text/csv; charset=utf-8")


def _day_rows(portal: Portal, asked: Asked) -> Iterator[Sequence[object]]:
    reading = Reading(portal, asked)
    money = reading.money_by_day()
    currencies = _currencies(money.values())
    yield [_("Day"), *_heads(), *_costs(currencies)]
    for day, counts in reading.days():
        yield [day.isoformat(), *_cells(counts), *_sums(money[day], currencies)]


def _line_rows(portal: Portal, asked: Asked) -> Iterator[Sequence[object]]:
    reading = Reading(portal, asked)
    lines = reading.lines()
    people = _people(reading, lines)
    currencies = _currencies(line.money for line in lines)
    yield [BY[asked.by], *_heads(), _("Half arrive within"), *_costs(currencies)]
    for line in lines:
        title, half = _title(reading, line.key, people), _half(line.times)
        yield [title, *_cells(line.counts), half, *_sums(line.money, currencies)]


def _heads() -> list[str | Promise]:
    words = (_("Messages"), _("Delivered"), _("On the way"), _("Undelivered"), _("Failed"), _("Delivery rate"))
    return list(words)


def _cells(counts: Counts) -> list[object]:
    """Plain figures, as a spreadsheet adds them up; no rate where there are too few."""
    rate = counts.rate
    percent = f"{100 * rate.delivered / rate.ended:.1f}%" if rate.is_telling else ""
    return [counts.messages, counts.delivered, counts.on_way, counts.undelivered, counts.not_sent, percent]


def _half(times: Times) -> str:
    if not times.is_telling:
        return ""
    return locales.at_most(times.half)


def _currencies(sums: Iterable[Money]) -> list[str]:
    return sorted({currency for one in sums for currency, _amount in one.told})


def _sums(money: Money, currencies: Sequence[str]) -> list[str]:
    return [f"{money.sums.get(one, Decimal(0)):.5f}".rstrip("0").rstrip(".") for one in currencies]


def _costs(currencies: Sequence[str]) -> list[str]:
    return [_("Cost") + f", {currency}" for currency in currencies]


urlpatterns = [
    path("reports/", overview, name="reports"),
    path("reports/<slug:what>/export/", take, name="reports-take"),
]
downloads = [path("d/reports/<str:token>/", file, name="reports-file")]
