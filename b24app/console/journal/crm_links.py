"""Links to the CRM items of a message, as the portal named them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.portals.crm.owner_types import FIRST_DYNAMIC_TYPE, OwnerType, card_path
from b24app.portals.rest.responses import as_list

_TITLES: Mapping[OwnerType, str | Promise] = {
    OwnerType.LEAD: _("Lead"),
    OwnerType.DEAL: _("Deal"),
    OwnerType.CONTACT: _("Contact"),
    OwnerType.COMPANY: _("Company"),
    OwnerType.QUOTE: _("Quote"),
    OwnerType.SMART_INVOICE: _("Invoice"),
}
MAX_TYPE, MAX_DIGITS = 2**31 - 1, 15

Item = tuple[int, int]
"""Owner type and id."""


@dataclass(frozen=True, slots=True)
class CrmLink:
    """`path` is for the portal's openPath."""

    kind: str | Promise
    number: str
    path: str


def crm_links(links: Mapping[str, Any]) -> list[CrmLink]:
    """Return the items among a message's links that can be opened; everything else in the call is left out."""
    return [link_to(item) for item in crm_items(links)]


def crm_items(links: Mapping[str, Any]) -> list[Item]:
    """Return the items among a message's links, each once, in the portal's order."""
    found = (_read_item(kind, number) for kind, number in (*_read_bindings(links), *_read_document(links)))
    return list(dict.fromkeys(item for item in found if item is not None))


def link_to(item: Item) -> CrmLink:
    """Return the link to an item that `crm_items` has returned."""
    type_id, number = item
    title = _TITLES[OwnerType(type_id)] if type_id in _TITLES else _("Smart process item")
    return CrmLink(title, str(number), card_path(type_id, str(number)))


def _read_bindings(links: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for row in as_list(links.get("bindings")):
        if isinstance(row, Mapping):
            yield str(row.get("OWNER_TYPE_ID", "")), str(row.get("OWNER_ID", ""))


def _read_document(links: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Read the document of a workflow: crm, CCrmDocumentDeal, DEAL_123; of a smart process DYNAMIC_180_5."""
    parts = as_list(links.get("document_id"))
    if len(parts) == 3 and isinstance(parts[2], str):
        word, _underscore, number = parts[2].rpartition("_")
        type_id = str(OwnerType[word].value) if word in OwnerType.__members__ else word.removeprefix("DYNAMIC_")
        yield type_id, number


def _read_item(kind: str, number: str) -> Item | None:
    if not (_is_number(kind) and _is_number(number)):
        return None
    type_id = int(kind)
    is_known = type_id in _TITLES or FIRST_DYNAMIC_TYPE <= type_id <= MAX_TYPE
    return (type_id, int(number)) if is_known else None


def _is_number(text: str) -> bool:
    """Return whether these are the digits of a number above 0 as Bitrix24 writes it: "01" is none."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and text[0] != "0"
