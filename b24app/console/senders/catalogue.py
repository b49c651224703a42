"""A service as templates see it: they would call a class, so they get its facts, in the reader's language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit

from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from b24app.console.formats import locales
from b24app.messaging.connections import lifecycle
from providers.kit.contract import Provider, Reports, Scope
from providers.kit.fields import Step
from providers.kit.listing import Group, Mark, SenderIds

NAMED = 3  # countries that a card names; the others are counted

_SENDER_IDS: Mapping[SenderIds, Promise] = {
    SenderIds.ANY: gettext_lazy("Sender ID: number or name"),
    SenderIds.NUMBERS: gettext_lazy("Sender ID: number only"),
    SenderIds.REGISTERED: gettext_lazy("Sender ID: approved name"),
    SenderIds.SHARED: gettext_lazy("Sender ID: approved or shared name"),
    SenderIds.ASSIGNED: gettext_lazy("Sender ID: assigned by the service"),
    SenderIds.ACCOUNT: gettext_lazy("Sender ID: as your account allows"),
    SenderIds.GATEWAY: gettext_lazy("Sender ID: as your gateway allows"),
}


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """`can_check`: the credentials can be checked; `can_preview`: the request can be shown before it is sent.

    `facts` are the lines of its card, `warning` is empty for most; `names` are what the search knows it by.
    """

    code: str
    title: str
    heading: str
    docs: str
    docs_title: str
    has_pictures: bool
    countries: tuple[str, ...]
    reports: str
    tested: str
    pretends: bool
    can_check: bool
    can_preview: bool
    about: str
    facts: tuple[str, ...]
    warning: str
    names: str
    group: Group
    mark: Mark | None

    @classmethod
    def from_provider(cls, service: type[Provider], country: str = "") -> Self:
        """Return the facts of a service in the reader's language; `country` is named first among its countries."""
        return cls(
            code=service.code,
            title=_(service.title),
            heading=_head_connecting(service),
            docs=service.docs,
            docs_title=_name_docs(service),
            has_pictures=any(step.screen for step in service.setup),
            countries=service.countries,
            reports=service.reports,
            tested=service.tested,
            pretends=service.pretends,
            can_check=service.can("check"),
            can_preview=hasattr(service, "preview"),
            about=_(service.listing.about) if service.listing.about else "",
            facts=tuple(filter(None, _state_facts(service, country))),
            warning=_find_warning(service),
            names=" ".join((service.title, _(service.title), service.code, *service.listing.other_names)).casefold(),
            group=service.listing.group,
            mark=service.listing.mark,
        )


def service_or_404(code: str) -> type[Provider]:
    """Return a service that this installation offers; raise Http404 for any other."""
    service = next((one for one in lifecycle.offered_services() if one.code == code), None)
    if service is None:
        raise Http404
    return service


def _head_connecting(service: type[Provider]) -> str:
    """Return the title of the page that connects an account; what is no brand has a sentence of its own."""
    if service.pretends:
        return _("Connect the demo service")
    if hasattr(service, "preview"):
        return _("Connect a custom HTTP gateway")
    return _("Connect {service}").format(service=_(service.title))


def _name_docs(service: type[Provider]) -> str:
    if hasattr(service, "preview"):
        return _("About SMS gateways")
    return _("{service} website").format(service=_(service.title))


def _state_facts(service: type[Provider], country: str) -> Iterable[str]:
    yield _describe_channel(service)
    yield _describe_countries(service, country)
    yield _describe_reports(service)
    yield _describe_sender_ids(service)


def _describe_countries(service: type[Provider], first: str = "") -> str:
    """Return the countries a service is for, with `first` in front if it is one of them."""
    if not service.countries:
        return _("Any country") if service.listing.group is Group.EQUIPMENT else _("Worldwide")
    ordered = sorted(service.countries, key=lambda one: one != first)  # stable: the order of the class otherwise
    shown, more = ordered[:NAMED], len(ordered) - NAMED
    if more == 1:
        shown, more = ordered, 0  # a name takes no more room than "and 1 more"
    names = locales.join_parts([locales.country_name(one) for one in shown])
    if more <= 0:
        return names
    words = ngettext("{countries} and {count} more country", "{countries} and {count} more countries", more)
    return words.format(countries=names, count=more)


def _describe_reports(service: type[Provider]) -> str:
    """Return whether the status of a message becomes known, and whether that has to be set up."""
    if service.reports is Reports.NONE:
        return _("No delivery reports")
    if hasattr(service, "preview"):
        return _("Delivery reports if your gateway sends them")
    if service.speaks != "http":
        return _("Delivery reports over the same connection")
    if service.reports is Reports.POLLED:
        return _("Delivery status requested by Sendline")
    if service.report_scope == Scope.ACCOUNT:
        return _("Delivery reports after one setup step")
    return _("Delivery reports without setup")


def _describe_sender_ids(service: type[Provider]) -> str:
    """Return what a sender ID may be."""
    return str(_SENDER_IDS[service.listing.sender_ids])


def _describe_channel(service: type[Provider]) -> str:
    """Return what is sent where that is no SMS."""
    channel = service.listing.channel
    return "" if channel == "SMS" else _("Channel: {channel}").format(channel=channel)


def _find_warning(service: type[Provider]) -> str:
    """Return what speaks against relying on a service at once, "" for most."""
    return _("Not fully verified yet. Send a test message first.") if service.tested == "unverified" else ""


def needs_address(service: type[Provider], step: Step) -> bool:
    """Return whether a set-up step contains the account's address, which exists only once it is connected."""
    return service.report_scope == Scope.ACCOUNT and "{report_url}" in step.text + step.url


def fill_setup_steps(steps: Iterable[Step], report_address: str = "", *, is_beside: bool = False) -> list[Step]:
    """Return set-up steps in the reader's language, with the account's address filled in if there is one.

    Where it stands beside them, to be copied, the sentence has its beginning only.
    """
    translated = [replace(step, title=_(step.title), text=_(step.text)) for step in steps]
    if not report_address:
        return translated
    placeholder = "{report_url}"
    return [
        replace(
            step,
            text=step.text.replace(placeholder, _shorten(report_address) if is_beside else report_address),
            url=step.url.replace(placeholder, report_address),
        )
        for step in translated
    ]


def _shorten(url: str) -> str:
    """Return an address with dots in the place of its path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"
