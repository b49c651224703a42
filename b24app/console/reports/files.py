"""Reports as CSV files: the days of a period, or its breakdown."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from b24app.console.formats import csv_files
from b24app.console.frame import file_downloads
from b24app.console.frame.download_tokens import read_download_token, redirect_to_download
from b24app.console.frame.file_downloads import send_file
from b24app.console.frame.screen import FramedRequest, admin_only
from b24app.console.reports.figures import Counts, Money, Times
from b24app.console.reports.params import DIMENSIONS, ReportParams
from b24app.console.reports.query import ReportQuery
from b24app.console.reports.rows import employee_names, line_title
from b24app.messaging.models.statistics import TIMES
from b24app.portals.models import Portal

DAYS, LINES = "days", "lines"  # what a file holds


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
    """Yield the lines; a code beside each name is the same in every language."""
    query = ReportQuery(portal, params)
    lines = query.breakdown_lines()
    people = employee_names(query, lines)
    currencies = _used_currencies(line.money for line in lines)
    median = _("Median delivery time, seconds")
    yield [DIMENSIONS[params.by], _("Code"), *_column_titles(), median, *_cost_titles(currencies)]
    for line in lines:
        names = [line_title(query, line.key, people), _line_code(query, line.key)]
        costs = _cost_columns(line.money, currencies)
        yield [*names, *_count_columns(line.counts), _median_column(line.times), *costs]


def _line_code(query: ReportQuery, key: str) -> str:
    """Return a sender's code in the portal, or what the rows themselves have."""
    if query.params.by != "sender":
        return key
    sender = query.senders.get(int(key))
    return sender.code if sender else ""


def _column_titles() -> list[str]:
    return [
        _("Messages"),
        _("Delivered"),
        _("In progress"),
        _("Not delivered"),
        _("Failed"),
        _("Canceled"),
        _("Delivery rate"),
    ]


def _count_columns(counts: Counts) -> list[object]:
    """Return plain figures, which a spreadsheet can add up; no rate where there are too few messages."""
    rate = counts.rate
    percent = f"{1000 * rate.delivered // rate.ended / 10:.1f}%" if rate.is_telling else ""
    ends = (counts.delivered, counts.on_way, counts.undelivered, counts.failed, counts.stopped)
    return [counts.messages, *ends, percent]


def _median_column(times: Times) -> str:
    """Return the seconds within which half arrive, a figure; more than the last of TIMES is said to be more."""
    if not times.is_telling:
        return ""
    return f"> {TIMES[-1]}" if times.half is None else str(times.half)


def _used_currencies(sums: Iterable[Money]) -> list[str]:
    return sorted({currency for one in sums for currency, _amount in one.told})


def _cost_columns(money: Money, currencies: Sequence[str]) -> list[str]:
    return [f"{money.sums.get(one, Decimal(0)):.5f}".rstrip("0").rstrip(".") for one in currencies]


def _cost_titles(currencies: Sequence[str]) -> list[str]:
    return [_("Cost, {currency}").format(currency=currency) for currency in currencies]


urlpatterns = [path("reports/<slug:what>/export/", export_report, name="reports-take")]
downloads = [path("d/reports/<str:token>/", download_report, name="reports-file")]
