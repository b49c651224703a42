"""Helps with a custom gateway: fill its form from a curl command, and send a real request before anything is saved."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from b24app.console.formats.number_form import NumberForm
from b24app.console.frame.long_requests import LONGEST_SECONDS, long_post
from b24app.console.frame.screen import FramedRequest, admin_only, render_screen
from b24app.console.senders.catalogue import ServiceInfo, fill_setup_steps, service_or_404
from b24app.console.senders.forms import AccountForm
from b24app.console.senders.gateway_form.curl_fields import fill_fields
from b24app.console.senders.gateway_form.pasted_secrets import seal_secrets, unseal_secrets
from b24app.console.senders.gateway_form.shell_words import BadCommand
from b24app.core.signed_urls import public_url
from b24app.exchange_log.recording import Recorder
from b24app.messaging.connections import lifecycle
from b24app.messaging.connections.token_cache import RedisTokenCache
from providers.kit.contract import Provider, Sms
from providers.kit.errors import SmsError
from providers.kit.exchange import Exchange
from providers.kit.fields import BadField


class RequestForm(NumberForm):
    """The message of a test request."""

    prefix = "request"

    number = forms.CharField(
        max_length=40,
        label=gettext_lazy("Your phone number"),
        widget=forms.TextInput({"inputmode": "tel", "dir": "ltr", "autocomplete": "tel"}),
        error_messages={"required": gettext_lazy("Enter your phone number.")},
    )
    sender = forms.CharField(
        max_length=60,
        required=False,
        label=gettext_lazy("Sender ID"),
        widget=forms.TextInput({"dir": "ltr", "autocomplete": "off", "spellcheck": "false"}),
    )
    text = forms.CharField(max_length=1000, label=gettext_lazy("Text"), widget=forms.Textarea({"rows": "2"}))

    def __init__(self, country: str, data: Any = None) -> None:
        super().__init__(country, data, initial={"text": _("This is a test message from Sendline.")})


@dataclass(slots=True)
class RequestOutcome:
    """What a test request led to: the request without its password, and what was read from the answer."""

    request: str = ""
    exchange: Exchange | None = None
    is_accepted: bool = False
    ref: str = ""
    trouble: str = ""
    details: list[str] = field(default_factory=list)


def _gateway_or_404(code: str) -> type[Provider]:
    service = service_or_404(code)
    if not hasattr(service, "preview"):
        raise Http404
    return service


@admin_only
@require_POST
def read_curl(request: FramedRequest, service: str) -> HttpResponse:
    """Fill the form from a pasted command. The command and its key never come back."""
    kind = _gateway_or_404(service)
    try:
        filled = fill_fields(request.POST.get("command", ""))
    except BadCommand as bad:
        return render(request, "console/forms/curl_refusal.html", {"trouble": str(bad)})
    typed = AccountForm(kind, request.POST, pasted=unseal_secrets(request))
    values = {name: value for name, value in typed.typed_values().items() if value} | filled.values
    form = AccountForm(kind, title=str(typed["title"].value() or ""))
    form.fill_in(values)
    response = render_screen(
        request,
        "console/connect/credentials.html",
        {
            "service": ServiceInfo.from_provider(kind),
            "form": form,
            "steps": fill_setup_steps(kind.setup),
            "message_form": RequestForm(request.portal.country),
            "is_filled": True,
            "notes": filled.notes,
            "pasted": seal_secrets(request, form.secrets_among(values)),
        },
    )
    response["HX-Retarget"], response["HX-Reswap"] = "#content", "innerHTML"
    return response


@admin_only
@require_POST
@long_post(LONGEST_SECONDS)
def send_request(request: FramedRequest, service: str) -> HttpResponse:
    """Send one message with the form as it is typed now, and render the request, the answer and what was read of it."""
    kind = _gateway_or_404(service)
    account = AccountForm(kind, request.POST, pasted=unseal_secrets(request))
    message = RequestForm(request.portal.country, request.POST)
    context: dict[str, object] = {"message_form": message}
    if not account.is_valid():
        context["wrong"] = account.wrong()
    elif message.is_valid():
        context["result"] = _send(request, kind, account.declared_values(), message)
    return render(request, "console/forms/test_request.html", {**context, "service": ServiceInfo.from_provider(kind)})


def _send(
    request: FramedRequest, kind: type[Provider], account: Mapping[str, str], message: RequestForm
) -> RequestOutcome:
    sms = Sms(
        to=message.cleaned_data["number"],
        text=message.cleaned_data["text"],
        sender=message.cleaned_data["sender"],
        reference=uuid.uuid4().hex,
        report_url=public_url("/r/test/"),  # answers nothing: there is no account yet that reports could belong to
    )
    result, kept = RequestOutcome(), list[Exchange]()
    with Recorder(request.portal.pk, kind.code) as record:

        def keep(exchange: Exchange) -> None:
            kept.append(exchange)
            record(exchange)

        http = lifecycle.http_for(kind, account, keep)
        try:
            result.request = kind.preview(account, sms)  # type: ignore[attr-defined]  # gateways have one
            service = kind(
                account, http.hiding(number=sms.to, text=sms.text), RedisTokenCache(f"check-{request.portal.uuid}")
            )
            result.ref = service.send(sms).ref
            result.is_accepted = True
        except BadField as bad:
            result.trouble = _(bad.template).format(**bad.values)
        except SmsError as error:
            result.trouble = _(error.sentence)
            result.details = [_(one) for one in (error.words, error.hint) if one]
        finally:
            http.close()
    result.exchange = kept[-1] if kept else None
    return result


urlpatterns = [
    path("senders/connect/<slug:service>/curl/", read_curl, name="connect-curl"),
    path("senders/connect/<slug:service>/request/", send_request, name="connect-request"),
]
