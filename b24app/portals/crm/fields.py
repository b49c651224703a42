"""The fields of a CRM card that a text may name, read from what the portal answered with the visitor's token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from b24app.core import sanitize
from b24app.portals.crm.owner_types import OwnerType
from b24app.portals.rest.responses import as_mapping

MAX_TITLE = 100
MAX_VALUE = 80
CONTACT_NAME, FIRST_NAME = "contact_name", "contact_first_name"
COMPANY_NAME, ITEM_TITLE, ITEM_ID = "company_name", "item_title", "item_id"
AMOUNT, RESPONSIBLE = "amount", "responsible"

# How crm.item.get spells what the older methods call otherwise.
_SPELLINGS = {
    "id": "ID",
    "title": "TITLE",
    "opportunity": "OPPORTUNITY",
    "currencyId": "CURRENCY_ID",
    "contactId": "CONTACT_ID",
    "contactIds": "CONTACT_IDS",
    "companyId": "COMPANY_ID",
    "assignedById": "ASSIGNED_BY_ID",
}


@dataclass(frozen=True, slots=True)
class People:
    """The contacts and the company of a card, by owner type and in its order, and who is responsible for it."""

    owners: Sequence[tuple[int, Mapping[str, Any]]]
    responsible: Mapping[str, Any]

    def first_owner(self, type_id: int) -> Mapping[str, Any]:
        return next((fields for kind, fields in self.owners if kind == type_id), {})


def as_fields(result: Any) -> Mapping[str, Any]:
    """Return the fields of a card as the older methods spell them, whichever method read them."""
    fields = as_mapping(result)
    item = as_mapping(fields.get("item"))
    return {_SPELLINGS.get(name, name): value for name, value in item.items()} if item else fields


def title_of(type_id: int, fields: Mapping[str, Any]) -> str:
    """Return the name of a contact or the title of anything else; "" where there is none."""
    return _one_line(_full_name(fields) if type_id == OwnerType.CONTACT else str(fields.get("TITLE") or ""), MAX_TITLE)


def first_name(fields: Mapping[str, Any]) -> str:
    """Return a person's first name, or the last where there is no other."""
    return _one_line(str(fields.get("NAME") or fields.get("LAST_NAME") or ""), MAX_VALUE)


def read_values(type_id: int, fields: Mapping[str, Any], people: People) -> dict[str, str]:
    """Return the values that texts may name; fields that are empty or not readable are left out."""
    has_own_name = type_id in (OwnerType.CONTACT, OwnerType.LEAD)
    person = fields if has_own_name and _full_name(fields) else people.first_owner(OwnerType.CONTACT)
    company = fields if type_id == OwnerType.COMPANY else people.first_owner(OwnerType.COMPANY)
    company_name = title_of(OwnerType.COMPANY, company) or str(fields.get("COMPANY_TITLE") or "")
    values = {
        CONTACT_NAME: _full_name(person),
        FIRST_NAME: first_name(person),
        COMPANY_NAME: company_name,
        ITEM_TITLE: title_of(type_id, fields),
        ITEM_ID: str(fields.get("ID") or ""),
        AMOUNT: _read_amount(fields),
        RESPONSIBLE: _full_name(people.responsible),
    }
    cleaned = {name: _one_line(value, MAX_VALUE) for name, value in values.items()}
    return {name: value for name, value in cleaned.items() if value}


def _full_name(fields: Mapping[str, Any]) -> str:
    return " ".join(str(fields[name]).strip() for name in ("NAME", "LAST_NAME") if fields.get(name))


def _read_amount(fields: Mapping[str, Any]) -> str:
    """Return an amount with its currency: 1250 USD, 125.50 EUR."""
    try:
        amount = Decimal(str(fields.get("OPPORTUNITY") or "0")[:20])
    except InvalidOperation:
        return ""
    if not amount.is_finite() or amount <= 0:
        return ""
    figures = f"{amount:.0f}" if amount == amount.to_integral_value() else f"{amount:.2f}"
    return f"{figures} {str(fields.get('CURRENCY_ID') or '')[:3]}".strip()


def _one_line(text: str, longest: int) -> str:
    """Return a text on one line, without what no text may hold."""
    return " ".join(sanitize.sanitize_text(text).split())[:longest].strip()
