"""Home: what to do next, the figures of the day, and the health of every sender."""

from datetime import date, timedelta

from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from b24app.console.formats.periods import Period
from b24app.console.frame.screen import FramedRequest, admin_only, redirect, render_screen
from b24app.console.home import portal_card, region
from b24app.console.home.checklist import Checklist, build_checklist
from b24app.console.home.employee import build_employee_home
from b24app.console.home.sender_rows import list_sender_rows
from b24app.console.home.todo import list_todos
from b24app.console.home.yesterday import count_by_this_time
from b24app.console.journal.search import hides_numbers
from b24app.console.models import Preference
from b24app.console.reports import chart_data, drill_down, sender_health
from b24app.console.reports.drill_down import MessageLinks
from b24app.console.reports.figures import Counts
from b24app.console.reports.params import ReportParams
from b24app.console.reports.query import ReportQuery
from b24app.messaging.models import Connection, ConnectionState
from b24app.messaging.statistics.demo_accounts import has_only_demo
from b24app.portals.models import Portal

CHART_DAYS = 14  # days


def show_home(request: FramedRequest) -> HttpResponse:
    """Render home: an employee's own messages, or for administrators the way to a first message and what became of it.

    Opening it has the portal asked, behind the screen, whether it answers.
    """
    portal = request.portal
    if not request.visitor.is_admin:
        context: dict[str, object] = {
            "mine": build_employee_home(portal, request.visitor.user_id),
            "hides": hides_numbers(request),
        }
        return render_screen(request, "console/home/employee.html", context)
    context = {
        "duties": list_todos(portal),
        "card": portal_card.ask_and_build(portal),
        "checklist": _open_checklist(request),
        "region": None if portal.has_region else region.make_region_form(request),
    }
    if not Connection.objects.filter(portal=portal).exclude(state=ConnectionState.REMOVED).exists():
        return render_screen(request, "console/home/first_run.html", context)
    return render_screen(request, "console/home/home.html", context | _figures(portal))


def _figures(portal: Portal) -> dict[str, object]:
    today = timezone.localdate()
    days, links = _recent_days(portal), MessageLinks.of_portal(portal)
    recent = links.within(Period(today - timedelta(days=1), today))
    return {
        "figures": sender_health.day_figures(portal),
        "by_now": count_by_this_time(portal, timezone.now()),
        "senders": list_sender_rows(portal),
        "has_messages": any(counts.messages for _day, counts in days),
        "is_rehearsing": has_only_demo(portal),
        "volume": chart_data.volume_chart(days, links),
        "volume_table": chart_data.volume_table(days, links, linked_days=0),
        "today_href": links.within(Period(today, today)).url(drill_down.COUNTED),
        "rated_href": recent.url(drill_down.RATED),
        "canceled_href": recent.url(drill_down.CANCELED),
        "queued_href": links.url("waiting"),
        "demo_href": recent.url(drill_down.COUNTED, service=links.without),
    }


def _open_checklist(request: FramedRequest) -> Checklist | None:
    """Return the steps of the first days until all are done or this visitor has hidden them."""
    if request.preference.hides_checklist:
        return None
    checklist = build_checklist(request.portal)
    return None if checklist.is_complete else checklist


def _recent_days(portal: Portal) -> list[tuple[date, Counts]]:
    today = timezone.localdate()
    return ReportQuery(
        portal, ReportParams(period=Period(today - timedelta(days=CHART_DAYS - 1), today))
    ).daily_counts()


@admin_only
@require_POST
def hide_checklist(request: FramedRequest) -> HttpResponse:
    """Hide the checklist of the first days for this visitor, or show it again; the others keep theirs."""
    hides = request.POST.get("hide") == "1"
    Preference.objects.update_or_create(
        portal=request.portal, user_id=request.visitor.user_id, defaults={"hides_checklist": hides}
    )
    text = _("Checklist hidden. Show it again from Help.") if hides else _("Checklist shown")
    return redirect(request, "home", toast=text)


urlpatterns = [
    path("", show_home, name="home"),
    path("home/checklist/", hide_checklist, name="checklist"),
    *region.urlpatterns,
    *portal_card.urlpatterns,
]
