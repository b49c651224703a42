"""Reports: volume, delivery, time and cost of a period, broken down, as charts with their tables."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_safe

from b24app.console.formats import money
from b24app.console.formats.periods import DEFAULT_PRESET, PRESETS
from b24app.console.frame.screen import FramedRequest, admin_only, render_screen
from b24app.console.reports import chart_data, drill_down
from b24app.console.reports.drill_down import MessageLinks
from b24app.console.reports.figures import Counts, Report
from b24app.console.reports.params import DIMENSIONS, ReportParams
from b24app.console.reports.query import ReportQuery
from b24app.console.reports.rate_course import RateCourse, Stretch, follow_rate, is_dip
from b24app.console.reports.rows import Failure, describe_failure, report_rows
from b24app.console.wording.explained import service_title
from b24app.messaging.models.dimensions import NO_FAILURE

MAX_TROUBLES = 10


@dataclass(frozen=True, slots=True)
class LowPoint:
    """Where the delivery rate was lowest, with a link to the messages it counts; `cause` if it fell markedly."""

    stretch: Stretch
    name: str
    href: str
    cause: Failure | None


@admin_only
@require_safe
def show_reports(request: FramedRequest) -> HttpResponse:
    """Render the charts of a period; its address holds all parameters."""
    params = ReportParams.from_query(request.GET.dict(), timezone.localdate())
    query = ReportQuery(request.portal, params)
    report = query.build_report()
    links, course = query.links, follow_rate(report.days)
    rows = report_rows(query, report)
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
        "hrefs": _total_hrefs(links, report.total),
        "demo_href": links.url(drill_down.COUNTED, service=links.without) if report.demo else "",
        "volume": chart_data.volume_chart(report.days, links),
        "volume_table": chart_data.volume_table(report.days, links),
        "course": course,
        "rates": chart_data.rate_chart(course, links),
        "rates_table": chart_data.rates_table(course, links),
        "lowest": _low_point(query, report, course),
        "times": chart_data.delivery_times(report.times),
        "rows": rows,
        "places": money.scale(amount for row in rows for _currency, amount in row.line.money.told),
        "total_places": money.scale(amount for _currency, amount in report.money.told),
        "failing": [describe_failure(links, one) for one in report.troubles[:MAX_TROUBLES]],
        "today": timezone.localdate(),
    }
    return render_screen(request, "console/reports/reports.html", context)


def _preset_query(params: ReportParams, preset: str) -> str:
    return params.written(period="" if preset == DEFAULT_PRESET else preset, since="", until="")


def _total_hrefs(links: MessageLinks, total: Counts) -> dict[str, str]:
    """Return what the figures above the charts lead to; no link where there is nothing to list."""
    rate = total.rate
    counts = {
        drill_down.COUNTED: total.messages,
        drill_down.DELIVERED: rate.delivered,
        drill_down.RATED: rate.ended,
        drill_down.CANCELED: rate.canceled,
    }
    return {status: links.url(status) for status, count in counts.items() if count > 0}


def _low_point(query: ReportQuery, report: Report, course: RateCourse) -> LowPoint | None:
    lowest = course.lowest
    if lowest is None:
        return None
    links = query.links.within(lowest.period)
    cause = None
    if is_dip(lowest, report.total.rate):
        causes = [one for one in query.list_troubles(lowest.period) if one.reason not in NO_FAILURE]
        cause = describe_failure(links, causes[0]) if causes else None
    return LowPoint(lowest, chart_data.stretch_name(lowest), links.url(drill_down.RATED), cause)


urlpatterns = [path("reports/", show_reports, name="reports")]
