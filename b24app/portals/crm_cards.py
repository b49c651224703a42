"""The CRM card our tab is opened on: its title and phone numbers, as far as the visitor may read them.

The portal is asked with the visitor's own token, so that its access rights decide and not the browser's claim.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from b24app.portals.crm_owner_types import OwnerType
from b24app.portals.errors import InDoubt, PortalRefused
from b24app.portals.models import Portal
from b24app.portals.rest import bitrix, error_policy, exchange_records
from b24app.portals.rest.responses import ErrorResponse, MethodResult, NoResponse, Redirect, as_mapping
from providers.kit.phones import BadNumber, read_e164

TABS: Mapping[str, OwnerType] = {
    "CRM_LEAD_DETAIL_TAB": OwnerType.LEAD,
    "CRM_DEAL_DETAIL_TAB": OwnerType.DEAL,
    "CRM_CONTACT_DETAIL_TAB": OwnerType.CONTACT,
    "CRM_COMPANY_DETAIL_TAB": OwnerType.COMPANY,
}
MAX_CONTACTS, MAX_PHONES = 20, 20
MAX_TITLE = 100
NO_SMS = frozenset({"FAX", "PAGER"})
_METHODS: Mapping[int, str] = {
    OwnerType.LEAD: "crm.lead.get",
    OwnerType.DEAL: "crm.deal.get",
    OwnerType.CONTACT: "crm.contact.get",
    OwnerType.COMPANY: "crm.company.get",
}
_BUSY = error_policy.LIMITS | error_policy.TRANSIENT

Command = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Phone:
    """A card's phone number: E.164, Bitrix24's type (MOBILE, WORK …), the owner's name, "" for the card itself."""

    e164: str
    kind: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A CRM entity. `type_id` is the owner type; `title` is "" where the card has no name."""

    type_id: int
    id: int
    title: str
    phones: tuple[Phone, ...]


def find_card(portal: Portal, access: str, placement: str, options: Mapping[str, Any]) -> Entity:
    """Return the card the tab was opened on, read with the visitor's token in two calls at most.

    A deal has the numbers of its contacts and company, a lead its own and theirs. Raise PortalRefused where there is no
    such card or the visitor may not read it, InDoubt where the portal does not answer, and what its error means
    otherwise.
    """
    type_id, number = TABS.get(placement, 0), _positive_int(options.get("ID"))
    if not (type_id and number):
        raise PortalRefused("NO_ENTITY")
    commands: list[Command] = [(_METHODS[type_id], {"ID": number})]
    if type_id == OwnerType.DEAL:
        commands.append(("crm.deal.contact.items.get", {"id": number}))
    answers = _call_batch(portal, access, commands)
    fields = as_mapping(_require_result(answers[0]))
    if _positive_int(fields.get("ID")) != number:
        raise PortalRefused("NO_ENTITY")
    phones = _read_phones(portal, fields, "")
    if type_id in (OwnerType.LEAD, OwnerType.DEAL):
        phones += _phones_of_people(portal, access, fields, answers[1:])
    unique: dict[str, Phone] = {}
    for phone in phones:
        unique.setdefault(phone.e164, phone)
    return Entity(type_id, number, _card_title(type_id, fields), tuple(unique.values())[:MAX_PHONES])


def _phones_of_people(portal: Portal, access: str, fields: Mapping[str, Any], linked: Sequence[Any]) -> list[Phone]:
    """Return the numbers of a card's contacts and company, without those this visitor may not read."""
    ids = [
        _positive_int(as_mapping(row).get("CONTACT_ID"))
        for answer in linked
        for row in _as_list(_result_or_none(answer))
    ]
    contacts = [one for one in dict.fromkeys([*ids, _positive_int(fields.get("CONTACT_ID"))]) if one][:MAX_CONTACTS]
    people = [(int(OwnerType.CONTACT), one) for one in contacts]
    if company := _positive_int(fields.get("COMPANY_ID")):
        people.append((OwnerType.COMPANY, company))
    if not people:
        return []
    answers = _call_batch(portal, access, [(_METHODS[type_id], {"ID": one}) for type_id, one in people])
    found = [
        (type_id, as_mapping(_result_or_none(answer))) for (type_id, _), answer in zip(people, answers, strict=True)
    ]
    return [phone for type_id, their in found for phone in _read_phones(portal, their, _card_title(type_id, their))]


def _call_batch(portal: Portal, access: str, commands: Sequence[Command]) -> list[MethodResult | ErrorResponse | None]:
    """Send one batch. CRM methods refuse without an error code, which makes their entries None."""
    error_policy.check_callable(portal)
    try:
        return bitrix.call_batch(portal.rest_host, access, commands, exchange_records.exchange_recorder(portal))
    except ErrorResponse as answer:
        raise error_policy.apply_error(portal, answer) from None
    except (NoResponse, Redirect):
        raise InDoubt("PORTAL_SILENT") from None


def _require_result(answer: MethodResult | ErrorResponse | None) -> Any:
    if isinstance(answer, MethodResult):
        return answer.result
    if isinstance(answer, ErrorResponse) and answer.code in _BUSY:
        raise InDoubt(answer.code, answer.message)
    raise PortalRefused(answer.code, answer.message) if answer else PortalRefused("NO_ENTITY")


def _result_or_none(answer: MethodResult | ErrorResponse | None) -> Any:
    return answer.result if isinstance(answer, MethodResult) else None


def _read_phones(portal: Portal, fields: Mapping[str, Any], owner: str) -> list[Phone]:
    found = []
    for row in map(as_mapping, _as_list(fields.get("PHONE"))):
        kind = str(row.get("VALUE_TYPE") or "")[:20]
        try:
            e164 = read_e164(str(row.get("VALUE") or "")[:60], portal.country)
        except BadNumber:
            continue
        if kind not in NO_SMS:
            found.append(Phone(e164, kind, owner))
    return found


def _card_title(type_id: int, fields: Mapping[str, Any]) -> str:
    names = ("NAME", "LAST_NAME") if type_id == OwnerType.CONTACT else ("TITLE",)
    return " ".join(str(fields[name]).strip() for name in names if fields.get(name))[:MAX_TITLE]


def _as_list(value: Any) -> list[Any]:
    """Return the items of a PHP array, which arrives as a list or as an object keyed by numbers."""
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _positive_int(value: Any) -> int:
    """Read a whole number above 0 as Bitrix24 writes it; return 0 for anything else."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
