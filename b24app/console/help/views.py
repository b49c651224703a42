"""How Sendline works, what its words mean, what each account still lacks, articles with a search, and what is new."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from b24app.console.frame.screen import FramedRequest, admin_only, render_screen
from b24app.console.help import service_articles
from b24app.console.help.articles import ARTICLES, is_visible, visible_articles
from b24app.console.help.glossary import TERMS
from b24app.console.help.releases import RELEASES, VERSION
from b24app.console.help.search import MAX_QUERY, search_help
from b24app.console.senders.catalogue import ServiceInfo, fill_setup_steps, service_or_404
from b24app.console.wording import account_explanations, explained, explanations
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Connection, ConnectionState, Message
from b24app.messaging.models.statuses import Origin, Status
from b24app.portals.models import Portal
from providers.kit import registry
from providers.kit.contract import Reports, Scope
from providers.kit.fields import Step


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist: done, or what is missing; `is_open` where it is the reader's turn."""

    words: str
    done: bool
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class AccountChecklist:
    """An account with what is done and what is not; `service` is None where its file does not load."""

    connection: Connection
    title: str
    service: ServiceInfo | None
    checks: list[Check]
    steps: list[Step]


@require_safe
def show_help(request: FramedRequest) -> HttpResponse:
    """Render help, or what a search finds; for administrators with a checklist of each account."""
    is_admin = request.visitor.is_admin
    query = request.GET.get("q", "").strip()[:MAX_QUERY]
    found = {"query": query, "hits": search_help(request.portal, query, is_admin=is_admin)}
    if request.htmx.target == "help-found":
        return render(request, "console/help/found.html", found)
    context = {
        **found,
        "is_admin": is_admin,
        "articles": visible_articles(is_admin=is_admin),
        "services": _service_links(request.portal) if is_admin else [],
        "terms": TERMS,
        "meanings": explanations.status_meanings(),
        "waits": explanations.wait_meanings(),
        "accounts": list(_check_accounts(request.portal)) if is_admin else [],
        "version": VERSION,
        **support_context(),
    }
    return render_screen(request, "console/help/help.html", context)


def support_context() -> dict[str, object]:
    """Return where to send diagnostics, as the operator of this installation has set it."""
    return {"support_email": settings.SUPPORT_EMAIL, "support_url": settings.SUPPORT_URL}


def _service_links(portal: Portal) -> list[ServiceInfo]:
    """Return the services of the catalogue, those with an account first."""
    connected = service_articles.connected_codes(portal)
    services = [ServiceInfo.from_provider(one) for one in lifecycle.offered_services()]
    return sorted(services, key=lambda one: one.code not in connected)


@require_safe
def show_article(request: FramedRequest, slug: str) -> HttpResponse:
    """Render one article."""
    article = ARTICLES.get(slug)
    if article is None or not is_visible(article, is_admin=request.visitor.is_admin):
        raise Http404
    others = [one for one in visible_articles(is_admin=request.visitor.is_admin) if one != article]
    context = {"article": article, "others": others, "is_admin": request.visitor.is_admin, **support_context()}
    return render_screen(request, "console/help/article.html", context)


@admin_only
@require_safe
def show_service(request: FramedRequest, service: str) -> HttpResponse:
    """Render the article of one service."""
    article = service_articles.build_article(service_or_404(service))
    mine = request.portal.connections.filter(service=service).exclude(state=ConnectionState.REMOVED)
    return render_screen(request, "console/help/service.html", {"article": article, "accounts": mine.order_by("pk")})


@require_safe
def show_news(request: FramedRequest) -> HttpResponse:
    """Render what is new, by version."""
    return render_screen(request, "console/help/news.html", {"releases": RELEASES})


def _check_accounts(portal: Portal) -> Iterable[AccountChecklist]:
    tests = Message.objects.filter(portal=portal, origin=Origin.TEST, status=Status.DELIVERED)
    tested = set(tests.values_list("connection_id", flat=True).distinct())
    mine = Connection.objects.filter(portal=portal).exclude(state=ConnectionState.REMOVED).order_by("pk")
    for connection in mine:
        title = explained.service_title(connection.service)
        try:
            service = registry.get(connection.service)
        except registry.Unavailable:
            yield AccountChecklist(connection, title, None, [], [])
            continue
        report_address = lifecycle.report_address(connection) if service.report_scope == Scope.ACCOUNT else ""
        checks = [
            _check_state(connection),
            _check_reports(connection, title, Reports(service.reports)),
            Check(_("Test message delivered."), done=True)
            if connection.pk in tested
            else Check(_("No test message delivered yet. Send a test from the sender."), done=False, is_open=True),
        ]
        yield AccountChecklist(
            connection,
            title,
            ServiceInfo.from_provider(service),
            checks,
            fill_setup_steps(service.setup, report_address),
        )


def _check_state(connection: Connection) -> Check:
    if connection.state == ConnectionState.BLOCKED:
        why = account_explanations.explain_block(connection)
        return Check(f"{why.what} {why.todo}", done=False, is_open=True)
    if connection.state == ConnectionState.PAUSED:
        return Check(_("The account is paused."), done=False)
    return Check(_("The account is connected."), done=True)


def _check_reports(connection: Connection, title: str, reports: Reports) -> Check:
    if connection.last_report_at is not None:
        return Check(_("Delivery reports are coming in."), done=True)
    match reports:
        case Reports.NONE:
            return Check(_("{service} does not report delivery").format(service=title) + ".", done=False)
        case Reports.POLLED:
            return Check(
                _("Sendline fetches delivery reports from {service}. No setup needed.").format(service=title),
                done=True,
            )
        case Reports.PUSHED:
            return Check(_("No delivery reports received yet. Check the setup steps below."), done=False, is_open=True)


urlpatterns = [
    path("help/", show_help, name="help"),
    path("help/news/", show_news, name="help-news"),
    path("help/articles/<slug:slug>/", show_article, name="help-article"),
    path("help/services/<slug:service>/", show_service, name="help-service"),
]
