"""The way to a first message: choose a service and enter its credentials."""

from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from b24app.console.formats.countries import list_countries
from b24app.console.frame.long_requests import long_post
from b24app.console.frame.screen import FramedRequest, admin_only, redirect, render_screen
from b24app.console.senders.catalogue import ServiceInfo, fill_setup_steps, needs_address, service_or_404
from b24app.console.senders.forms import AccountForm
from b24app.console.senders.gateway_form import views as gateway_views
from b24app.console.senders.gateway_form.pasted_secrets import seal_secrets, unseal_secrets
from b24app.console.senders.gateway_form.views import RequestForm
from b24app.console.senders.shelves import arrange_services, search_services
from b24app.console.wording.account_explanations import (
    explain_account_limit,
    explain_check_error,
    explain_duplicate_account,
)
from b24app.exchange_log.models import Exchange
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import Connection, ConnectionState
from providers.kit import registry
from providers.kit.contract import Provider, Sms
from providers.kit.errors import SmsError
from providers.kit.fields import BadField

SAMPLE = Sms(
    to="+12025550147",
    text="Hello from Sendline",
    reference="0123456789abcdef0123456789abcdef",
    sender="SENDER",
    report_url="https://sendline.example/r/…/",
)


GATEWAY = "http"
"""The service that customers describe themselves, for those whose own is missing."""


@admin_only
@require_safe
def show_catalogue(request: FramedRequest) -> HttpResponse:
    """Render all services, those of the country first, and the connections that were begun and not finished."""
    country = request.GET.get("country", request.portal.country).upper()
    query = request.GET.get("q", "").strip()
    everything = [ServiceInfo.from_provider(one, country) for one in lifecycle.offered_services()]
    found, named = search_services([one for one in everything if not one.pretends], query)
    context = {
        "query": query,
        "country": country,
        "countries": list_countries(),
        "shelves": arrange_services(found, named or country),
        "found": len(found),
        "practice": next((one for one in everything if one.pretends), None),
        "gateway": next((one for one in everything if one.code == GATEWAY), None),
        "unavailable": registry.unavailable(),
        "unfinished": unfinished_connections(request),
    }
    if request.htmx.target == "shelves":
        return render(request, "console/connect/services.html", context | {"is_update": True})
    return render_screen(request, "console/connect/catalogue.html", context)


def unfinished_connections(request: FramedRequest) -> QuerySet[Connection]:
    """Return checked accounts that have no sender yet."""
    mine = Connection.objects.filter(portal=request.portal).exclude(state=ConnectionState.REMOVED)
    return mine.annotate(count=Count("senders")).filter(count=0).order_by("-pk")


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
@long_post()
def connect_account(request: FramedRequest, service: str) -> HttpResponse:
    """Enter and check credentials; nothing is stored before the check succeeds."""
    kind = service_or_404(service)
    pasted = unseal_secrets(request)
    form = AccountForm(kind, request.POST if request.method == "POST" else None, pasted=pasted)
    context = {
        "service": ServiceInfo.from_provider(kind),
        "form": form,
        "steps": fill_setup_steps(step for step in kind.setup if not needs_address(kind, step)),
        "message_form": RequestForm(request.portal.country),
        "pasted": seal_secrets(request, pasted),
    }
    if request.method == "POST" and form.is_valid():
        started = timezone.now()
        try:
            lifecycle.refuse_too_many(request.portal, kind.code)
            found = lifecycle.check_account(kind.code, form.declared_values(), request.portal)
        except lifecycle.TooManyAccounts as full:
            context |= {"trouble": explain_account_limit(full)}
        except SmsError as error:
            context |= {
                "trouble": explain_check_error(error, kind.title),
                "exchange": _last_exchange(request, kind, started),
            }
        else:
            title = str(form.cleaned_data["title"])
            try:
                connection = lifecycle.connect_account(request.portal, kind.code, title, form.declared_values(), found)
            except lifecycle.AlreadyConnected as twin:
                context |= {"trouble": explain_duplicate_account(twin.connection), "twin": twin.connection}
            except lifecycle.TooManyAccounts as full:
                context |= {"trouble": explain_account_limit(full)}
            else:
                return redirect(request, "sender-new", connection=connection.uuid)
    return render_screen(request, "console/connect/credentials.html", context)


def _last_exchange(request: FramedRequest, service: type[Provider], started: object) -> Exchange | None:
    mine = Exchange.objects.filter(portal_id=request.portal.pk, peer=service.code, connection_id=None, at__gte=started)
    return mine.order_by("-at", "-pk").first()


@admin_only
@require_POST
def preview_request(request: FramedRequest, service: str) -> HttpResponse:
    """Render the request that the form would make as it is typed so far, with secrets masked."""
    kind = service_or_404(service)
    render_preview = getattr(kind, "preview", None)
    if render_preview is None:
        raise Http404
    form = AccountForm(kind, request.POST, pasted=unseal_secrets(request))
    account = form.typed_values()
    context: dict[str, object] = {"trouble": form.first_mistake()}
    if context["trouble"]:
        return render(request, "console/connect/request_preview.html", context)
    try:
        context["preview"] = render_preview(account, SAMPLE)
    except BadField as bad:
        context["trouble"] = _(bad.template).format(**bad.values)
    except SmsError as error:
        context["trouble"] = error.words
    return render(request, "console/connect/request_preview.html", context)


urlpatterns = [
    path("senders/connect/", show_catalogue, name="connect"),
    path("senders/connect/<slug:service>/", connect_account, name="connect-service"),
    path("senders/connect/<slug:service>/preview/", preview_request, name="connect-preview"),
    *gateway_views.urlpatterns,
]
