"""An article for each service, made of what its own file declares: what it needs, its set-up, codes and limits."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from b24app.console.formats import locales
from b24app.console.senders.catalogue import ServiceInfo, fill_setup_steps, needs_address
from b24app.messaging.connections import lifecycle
from b24app.messaging.models import ConnectionState
from b24app.portals.models import Portal
from providers.kit.contract import Provider, Reports
from providers.kit.fields import Field, Step


@dataclass(frozen=True, slots=True)
class NeededField:
    """A value to bring along, with where it is found."""

    label: str
    help: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about some codes of the service; a code has the vendor's page about it, "" for none."""

    codes: tuple[tuple[str, str], ...]
    text: str


@dataclass(frozen=True, slots=True)
class ServiceArticle:
    """A service as help explains it; `facts` are sentences, `searched` is all of its text."""

    service: ServiceInfo
    needs: list[NeededField]
    steps: list[Step]
    codes: list[Advice]
    facts: list[str]

    @property
    def searched(self) -> str:
        """Return its text for the search."""
        needs = (f"{one.label} {one.help}" for one in self.needs)
        steps = (f"{one.title} {one.text}" for one in self.steps)
        codes = (f"{' '.join(code for code, _link in one.codes)} {one.text}" for one in self.codes)
        return " ".join([self.service.title, *needs, *steps, *codes, *self.facts])


def offered_articles() -> list[ServiceArticle]:
    """Return the articles of all services that this installation offers, in the reader's language."""
    return [build_article(one) for one in lifecycle.offered_services()]


def connected_codes(portal: Portal) -> set[str]:
    """Return the codes of the services to which the portal has an account."""
    return set(portal.connections.exclude(state=ConnectionState.REMOVED).values_list("service", flat=True))


def build_article(service: type[Provider]) -> ServiceArticle:
    """Return the article of one service, in the reader's language."""
    return ServiceArticle(
        service=ServiceInfo.from_provider(service),
        needs=[NeededField(_(one.label), _(one.help) if one.help else "") for one in service.fields if _is_needed(one)],
        # What names our own address is filled in where the account is connected.
        steps=fill_setup_steps(step for step in service.setup if not needs_address(service, step)),
        codes=_list_codes(service),
        facts=list(_describe_limits(service)),
    )


def _is_needed(one: Field) -> bool:
    return one.required and not (one.default or one.advanced)


def _list_codes(service: type[Provider]) -> list[Advice]:
    """Return the codes by advice, in the order of the service's file."""
    by_text: dict[str, list[tuple[str, str]]] = {}
    for code, hint in service.hints.items():
        by_text.setdefault(_(hint.text), []).append((code, hint.link))
    return [Advice(tuple(codes), text) for text, codes in by_text.items()]


def _describe_limits(service: type[Provider]) -> Iterable[str]:
    if service.countries:
        names = ", ".join(sorted(map(locales.country_name, service.countries)))
        yield _("Countries: {countries}").format(countries=names)
    rate = max(1, round(service.rate))
    yield ngettext(
        "Sendline sends up to {count} message per second through one account.",
        "Sendline sends up to {count} messages per second through one account.",
        rate,
    ).format(count=locales.number(rate))
    yield _("A text can have up to {count} characters.").format(count=locales.number(service.max_text))
    match service.reports:
        case Reports.NONE:
            yield _("{service} does not report delivery.").format(service=service.title)
        case Reports.POLLED:
            text = _("Sendline fetches delivery reports from {service}. No setup needed.")
            yield text.format(service=service.title)
        case Reports.PUSHED:
            yield _("{service} sends delivery reports to Sendline.").format(service=service.title)
    yield _("Sendline does not show incoming messages yet.")
