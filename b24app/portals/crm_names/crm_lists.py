"""Many CRM items in one call: what they are called, whom they are with and whose phone numbers they have.

The portal leaves out what the token's user may not read, and says nothing of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from b24app.core import sanitize
from b24app.portals.crm.owner_types import OwnerType
from b24app.portals.models import Portal
from b24app.portals.rest.responses import ErrorResponse, MethodResult, as_mapping, as_positive_int
from b24app.portals.rest.visitor_batch import call_visitor_batch, refusal_of
from providers.kit.phones import BadNumber, read_e164

MAX_ITEMS = 50  # of one request: no command needs a second page, and there are no more commands than a batch holds
MAX_NAME, MAX_PHONES = 200, 20
FIELDS: Mapping[int, tuple[str, ...]] = {
    OwnerType.LEAD: ("ID", "TITLE", "NAME", "LAST_NAME", "CONTACT_ID", "COMPANY_ID", "PHONE"),
    OwnerType.DEAL: ("ID", "TITLE", "CONTACT_ID", "COMPANY_ID"),
    OwnerType.CONTACT: ("ID", "NAME", "LAST_NAME", "PHONE"),
    OwnerType.COMPANY: ("ID", "TITLE", "PHONE"),
}
DYNAMIC_FIELDS = ("id", "title", "contactId", "companyId")

Item = tuple[int, int]
"""Owner type and id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedItem:
    """An item: `person` is a lead's own, `owner` the contact or else the company a deal is with, (0, 0) if none."""

    name: str = ""
    person: str = ""
    owner: Item = (0, 0)
    phones: tuple[str, ...] = ()


def list_items(portal: Portal, access: str, items: Sequence[Item]) -> dict[Item, ListedItem]:
    """Return those of at most MAX_ITEMS items that the token's user may read, in one request.

    Raise PortalRefused where the portal refuses all of it, InDoubt where it does not answer, and what its error means
    otherwise.
    """
    commands = _make_commands(items)
    answers = call_visitor_batch(portal, access, [(method, params) for _type, method, params in commands])
    found: dict[Item, ListedItem] = {}
    refusals: list[ErrorResponse | None] = []
    for (type_id, _method, _params), answer in zip(commands, answers, strict=True):
        if isinstance(answer, MethodResult):
            found |= dict(_read_rows(portal, type_id, answer.result))
        else:
            refusals.append(answer)
    if refusals and len(refusals) == len(commands):
        raise refusal_of(refusals[0], "ACCESS_DENIED")
    return found


def _make_commands(items: Sequence[Item]) -> list[tuple[int, str, Mapping[str, Any]]]:
    """Return type, method and parameters of each command; only numbers are in them."""
    by_type: dict[int, list[int]] = {}
    for type_id, number in items:
        by_type.setdefault(type_id, []).append(number)
    return [(type_id, *_list_command(type_id, numbers)) for type_id, numbers in sorted(by_type.items())]


def _list_command(type_id: int, numbers: Sequence[int]) -> tuple[str, Mapping[str, Any]]:
    if type_id in FIELDS:
        name = OwnerType(type_id).name.lower()
        return f"crm.{name}.list", {"filter": {"ID": list(numbers)}, "select": list(FIELDS[type_id])}
    chosen = {"filter": {"@id": list(numbers)}, "select": list(DYNAMIC_FIELDS)}
    return "crm.item.list", {"entityTypeId": type_id, **chosen}


def _read_rows(portal: Portal, type_id: int, result: Any) -> list[tuple[Item, ListedItem]]:
    rows = result if type_id in FIELDS else as_mapping(result).get("items")
    found = []
    for row in map(as_mapping, rows if isinstance(rows, list) else ()):
        fields = {str(name).upper(): value for name, value in row.items()}
        number = as_positive_int(fields.get("ID"))
        if number:
            found.append(((type_id, number), _read_item(portal, type_id, fields)))
    return found


def _read_item(portal: Portal, type_id: int, fields: Mapping[str, Any]) -> ListedItem:
    full_name = _clean(*(fields.get(name) for name in ("NAME", "LAST_NAME")))
    title = _clean(fields.get("TITLE"))
    contact, company = (
        as_positive_int(fields.get(name) or fields.get(name.replace("_", ""))) for name in ("CONTACT_ID", "COMPANY_ID")
    )
    return ListedItem(
        name=full_name if type_id == OwnerType.CONTACT else title,
        person=full_name if type_id == OwnerType.LEAD else "",
        owner=(OwnerType.CONTACT, contact) if contact else (OwnerType.COMPANY, company) if company else (0, 0),
        phones=tuple(_read_phones(portal, fields.get("PHONE"))),
    )


def _read_phones(portal: Portal, rows: Any) -> list[str]:
    found = []
    for row in map(as_mapping, rows if isinstance(rows, list) else ()):
        try:
            found.append(read_e164(str(row.get("VALUE") or "")[:60], portal.country))
        except BadNumber:
            continue
    return list(dict.fromkeys(found))[:MAX_PHONES]


def _clean(*words: Any) -> str:
    text = " ".join(str(word) for word in words if word)
    return " ".join(sanitize.sanitize_text(text).split())[:MAX_NAME]
