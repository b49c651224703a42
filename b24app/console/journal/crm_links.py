"""The CRM entities a message belongs to, as the portal told them, and where the portal opens them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.portals.crm_owner_types import FIRST_DYNAMIC_TYPE, OwnerType

_TITLES: Mapping[OwnerType, str | Promise] = {
    OwnerType.LEAD: _("Lead"),
    OwnerType.DEAL: _("Deal"),
    OwnerType.CONTACT: _("Contact"),
    OwnerType.COMPANY: _("Company"),
}
_OWNER_TYPES = {str(one.value): one for one in OwnerType}  # as strings: "01" is none


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
        yield str(OwnerType[word].value) if word in OwnerType.__members__ else "", number


def _link(kind: str, number: str) -> Link | None:
    if not (number.isascii() and number.isdigit() and kind.isascii() and kind.isdigit()):
        return None
    # The frame's openPath lets only paths of these shapes through.
    if kind in _OWNER_TYPES:
        owner_type = _OWNER_TYPES[kind]
        return Link(_TITLES[owner_type], number, f"/crm/{owner_type.name.lower()}/details/{number}/")
    if int(kind) >= FIRST_DYNAMIC_TYPE:
        return Link(_("Item of a smart process"), number, f"/crm/type/{kind}/details/{number}/")
    return None
