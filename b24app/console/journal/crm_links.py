"""Links to the CRM entities of a message, as the portal named them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.portals.crm_owner_types import FIRST_DYNAMIC_TYPE, OwnerType, card_path

_TITLES: Mapping[OwnerType, str | Promise] = {
    OwnerType.LEAD: _("Lead"),
    OwnerType.DEAL: _("Deal"),
    OwnerType.CONTACT: _("Contact"),
    OwnerType.COMPANY: _("Company"),
    OwnerType.QUOTE: _("Quote"),
    OwnerType.SMART_INVOICE: _("Invoice"),
}
_OWNER_TYPES = {str(one.value): one for one in OwnerType}  # as strings: "01" is none


@dataclass(frozen=True, slots=True)
class CrmLink:
    """`path` is for the portal's openPath."""

    kind: str | Promise
    number: str
    path: str


def crm_links(links: Mapping[str, Any]) -> list[CrmLink]:
    """Return the entities among a message's links that can be opened; everything else in the call is left out."""
    found = [_make_link(kind, number) for kind, number in (*_read_bindings(links), *_read_document(links))]
    return list(dict.fromkeys(link for link in found if link is not None))


def _read_bindings(links: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for row in _as_list(links.get("bindings")):
        if isinstance(row, Mapping):
            yield str(row.get("OWNER_TYPE_ID", "")), str(row.get("OWNER_ID", ""))


def _as_list(value: object) -> list[Any]:
    """Return a PHP array as a list: it arrives as a list, or as an object with numbers for keys."""
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _read_document(links: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Read the document of a workflow, which is named as crm, CCrmDocumentDeal, DEAL_123."""
    parts = _as_list(links.get("document_id"))
    if len(parts) == 3 and isinstance(parts[2], str):
        word, _underscore, number = parts[2].rpartition("_")
        yield str(OwnerType[word].value) if word in OwnerType.__members__ else "", number


def _make_link(kind: str, number: str) -> CrmLink | None:
    if not (number.isascii() and number.isdigit() and kind.isascii() and kind.isdigit()):
        return None
    if kind in _OWNER_TYPES:
        return CrmLink(_TITLES[_OWNER_TYPES[kind]], number, card_path(int(kind), number))
    if int(kind) >= FIRST_DYNAMIC_TYPE:
        return CrmLink(_("Smart process item"), number, card_path(int(kind), number))
    return None
