"""What an explanation is made of, and what a service's own file says."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext

from providers.kit import registry

Words = str | Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """`what` happened, what `todo`, a `link` to read on; `code` and `words` come from the service or the portal.

    `field` is the form field to correct, "" for none.
    """

    what: Words
    todo: Words = ""
    link: str = ""
    code: str = ""
    words: str = ""
    field: str = ""


def service_title(code: str) -> str:
    """Return a service's title, or its code where its file does not load."""
    try:
        return registry.get(code).title
    except registry.Unavailable:
        return code


def service_hint(service: str, code: str) -> tuple[str, str]:
    """Return the sentence and the link that a service's file has for one of its codes, "" for none."""
    try:
        hint = registry.get(service).hints.get(code)
    except registry.Unavailable:
        hint = None
    return (gettext(hint.text), hint.link) if hint else ("", "")
