"""A service as templates see it: they would call a class, so they get its facts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from django.utils.translation import gettext as _

from providers.kit.contract import Provider, Scope
from providers.kit.fields import Step


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """`can_check`: the credentials can be checked; `can_preview`: the request can be shown before it is sent."""

    code: str
    title: str
    docs: str
    countries: tuple[str, ...]
    reports: str
    tested: str
    pretends: bool
    can_check: bool
    can_preview: bool

    @classmethod
    def from_provider(cls, service: type[Provider]) -> Self:
        """Return the facts of a service, with its title in the reader's language."""
        return cls(
            code=service.code,
            title=_(service.title),
            docs=service.docs,
            countries=service.countries,
            reports=service.reports,
            tested=service.tested,
            pretends=service.pretends,
            can_check=service.can("check"),
            can_preview=hasattr(service, "preview"),
        )


def needs_address(service: type[Provider], step: Step) -> bool:
    """Return whether a set-up step contains the account's address, which exists only once it is connected."""
    return service.report_scope == Scope.ACCOUNT and "{report_url}" in step.text + step.url


def fill_setup_steps(steps: Iterable[Step], report_address: str = "") -> list[Step]:
    """Return set-up steps in the reader's language, with the account's address filled in if there is one."""
    translated = [replace(step, title=_(step.title), text=_(step.text)) for step in steps]
    if not report_address:
        return translated
    placeholder = "{report_url}"
    return [
        replace(
            step,
            text=step.text.replace(placeholder, report_address),
            url=step.url.replace(placeholder, report_address),
        )
        for step in translated
    ]
