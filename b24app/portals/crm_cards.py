"""A CRM card our tab is opened on: who it is about and their numbers, as far as the visitor may read them.

The portal is asked with the visitor's own token, so that its rights decide and not what the browser claims.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from b24app.portals import bitrix, error_policy, exchange_records
from b24app.portals.errors import InDoubt, Refused
from b24app.portals.models import Portal
from b24app.portals.responses import ErrorAnswer, Moved, NoAnswer, Reply, as_mapping
from providers.kit.phones import BadNumber, read_e164

LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4  # owner types (docs/bitrix24.md E.2)
TABS: Mapping[str, int] = {
    "CRM_LEAD_DETAIL_TAB": LEAD,
    "CRM_DEAL_DETAIL_TAB": DEAL,
    "CRM_CONTACT_DETAIL_TAB": CONTACT,
    "CRM_COMPANY_DETAIL_TAB": COMPANY,
}
MOST_CONTACTS, MOST_PHONES = 20, 20
LONGEST_TITLE = 100
NO_SMS = frozenset({"FAX", "PAGER"})
_METHODS = {LEAD: "crm.lead.get", DEAL: "crm.deal.get", CONTACT: "crm.contact.get", COMPANY: "crm.company.get"}
_BUSY = error_policy.LIMITS | error_policy.PASSING

Command = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Phone:
    """A number of an entity: E.164, Bitrix24's word for its kind (MOBILE, WORK …), and whose it is, "" for its own."""

    e164: str
    kind: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """`type_id` is the owner type, `title` what the card is called, "" where it has no name."""

    type_id: int
    id: int
    title: str
    phones: tuple[Phone, ...]


def find_card(portal: Portal, access: str, placement: str, options: Mapping[str, Any]) -> Entity:
    """What the tab was opened on, by the token of whoever opened it; two calls at most.

    A deal brings the numbers of its contacts and its company, a lead those of its own and of them. Raises Refused where
    the portal does not let this visitor read the entity or there is none, InDoubt where it does not answer, and what
    its refusal of every call means otherwise.
    """
    type_id, number = TABS.get(placement, 0), _number(options.get("ID"))
    if not (type_id and number):
        raise Refused("NO_ENTITY")
    commands: list[Command] = [(_METHODS[type_id], {"ID": number})]
    if type_id == DEAL:
        commands.append(("crm.deal.contact.items.get", {"id": number}))
    answers = _ask(portal, access, commands)
    fields = as_mapping(_needed(answers[0]))
    if _number(fields.get("ID")) != number:
        raise Refused("NO_ENTITY")
    phones = _phones(portal, fields, "")
    if type_id in (LEAD, DEAL):
        phones += _of_people(portal, access, fields, answers[1:])
    alone = {phone.e164: phone for phone in reversed(phones)}
    kept = [phone for phone in phones if alone[phone.e164] is phone][:MOST_PHONES]
    return Entity(type_id, number, _title(type_id, fields), tuple(kept))


def _of_people(portal: Portal, access: str, fields: Mapping[str, Any], linked: Sequence[Any]) -> list[Phone]:
    """The numbers of an entity's contacts and company; those this visitor may not read stay out."""
    listed = [_number(as_mapping(row).get("CONTACT_ID")) for answer in linked for row in _rows(_result(answer))]
    contacts = [one for one in dict.fromkeys([*listed, _number(fields.get("CONTACT_ID"))]) if one][:MOST_CONTACTS]
    people = [(CONTACT, one) for one in contacts]
    if company := _number(fields.get("COMPANY_ID")):
        people.append((COMPANY, company))
    if not people:
        return []
    answers = _ask(portal, access, [(_METHODS[type_id], {"ID": one}) for type_id, one in people])
    found = [(type_id, as_mapping(_result(answer))) for (type_id, _), answer in zip(people, answers, strict=True)]
    return [phone for type_id, their in found for phone in _phones(portal, their, _title(type_id, their))]


def _ask(portal: Portal, access: str, commands: Sequence[Command]) -> list[Reply | ErrorAnswer | None]:
    """One batch. CRM methods refuse without a code, which is an entry that cannot be read."""
    error_policy.check_open(portal)
    try:
        return bitrix.call_batch(portal.rest_host, access, commands, exchange_records.exchange_keeper(portal))
    except ErrorAnswer as answer:
        raise error_policy.apply_error(portal, answer) from None
    except (NoAnswer, Moved):
        raise InDoubt("PORTAL_SILENT") from None


def _needed(answer: Reply | ErrorAnswer | None) -> Any:
    if isinstance(answer, Reply):
        return answer.result
    if isinstance(answer, ErrorAnswer) and answer.code in _BUSY:
        raise InDoubt(answer.code, answer.words)
    raise Refused(answer.code, answer.words) if answer else Refused("NO_ENTITY")


def _result(answer: Reply | ErrorAnswer | None) -> Any:
    return answer.result if isinstance(answer, Reply) else None


def _phones(portal: Portal, fields: Mapping[str, Any], owner: str) -> list[Phone]:
    found = []
    for row in map(as_mapping, _rows(fields.get("PHONE"))):
        kind = str(row.get("VALUE_TYPE") or "")[:20]
        try:
            e164 = read_e164(str(row.get("VALUE") or "")[:60], portal.country)
        except BadNumber:
            continue
        if kind not in NO_SMS:
            found.append(Phone(e164, kind, owner))
    return found


def _title(type_id: int, fields: Mapping[str, Any]) -> str:
    names = ("NAME", "LAST_NAME") if type_id == CONTACT else ("TITLE",)
    return " ".join(str(fields[name]).strip() for name in names if fields.get(name))[:LONGEST_TITLE]


def _rows(value: Any) -> list[Any]:
    """PHP's arrays arrive as lists or as objects with numbers for keys."""
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _number(value: Any) -> int:
    """A whole number above 0 as Bitrix24 writes it, 0 for anything else."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
