"""The CRM entities a message belongs to, as the portal told them, and where the portal opens them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Owner types: docs/bitrix24.md E.2. The frame's openPath lets only these prefixes through.
_KINDS: Mapping[str, tuple[str | Promise, str]] = {
    "1": (_("Lead"), "/crm/lead/details/{id}/"),
    "2": (_("Deal"), "/crm/deal/details/{id}/"),
    "3": (_("Contact"), "/crm/contact/details/{id}/"),
    "4": (_("Company"), "/crm/company/details/{id}/"),
}
_DYNAMIC_FROM = 128
_DOCUMENTS = {"LEAD": "1", "DEAL": "2", "CONTACT": "3", "COMPANY": "4"}


@dataclass(frozen=True, slots=True)
class Link:
    """`path` is for the portal's openPath."""

    kind: str | Promise
    number: str
    path: str


def crm_links(links: Mapping[str, Any]) -> list[Link]:
    """What can be opened of a message's links; anything else that came with the call is left out."""
    found = [_link(kind, number) for kind, number in (*_bindings(links), *_document(links))]
    return list(dict.fromkeys(link for link in found if link is not None))


def _bindings(links: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for row in _rows(links.get("bindings")):
        if isinstance(row, Mapping):
            yield str(row.get("OWNER_TYPE_ID", "")), str(row.get("OWNER_ID", ""))


def _rows(value: object) -> list[Any]:
    """PHP's arrays arrive as lists or as objects with numbers for keys."""
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _document(links: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A workflow names its document as crm, CCrmDocumentDeal, DEAL_123."""
    parts = _rows(links.get("document_id"))
    if len(parts) == 3 and isinstance(parts[2], str):
        word, _underscore, number = parts[2].rpartition("_")
        yield _DOCUMENTS.get(word, ""), number


def _link(kind: str, number: str) -> Link | None:
    if not (number.isascii() and number.isdigit() and kind.isascii() and kind.isdigit()):
        return None
    if kind in _KINDS:
        title, path = _KINDS[kind]
        return Link(title, number, path.format(id=number))
    if int(kind) >= _DYNAMIC_FROM:
        return Link(_("Item of a smart process"), number, f"/crm/type/{kind}/details/{number}/")
    return None
