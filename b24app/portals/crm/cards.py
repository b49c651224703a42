"""The CRM card our place is opened on: its title, numbers and fields, as far as the visitor may read them.

The portal is asked with the visitor's own token, so that its access rights decide and not the browser's claim.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from b24app.portals import employees, scopes
from b24app.portals.crm import fields as crm_fields
from b24app.portals.crm.owner_types import WITH_METHODS, OwnerType, placed_on
from b24app.portals.errors import PortalRefused
from b24app.portals.models import Portal
from b24app.portals.rest.bitrix import Command
from b24app.portals.rest.responses import ErrorResponse, MethodResult, as_list, as_mapping, as_positive_int
from b24app.portals.rest.visitor_batch import call_visitor_batch, refusal_of
from providers.kit.phones import BadNumber, read_e164

MAX_CONTACTS, MAX_PHONES = 20, 20
NO_SMS = frozenset({"FAX", "PAGER"})


@dataclass(frozen=True, slots=True)
class Phone:
    """A card's phone number: E.164, Bitrix24's type (MOBILE, WORK …), the owner's name, "" for the card itself.

    `first_name` is the owner's, and tells a person from a company.
    """

    e164: str
    kind: str
    owner: str = ""
    first_name: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A CRM entity. `type_id` is the owner type; `title` is "" where the card has no name.

    `values` are those of its fields that the visitor may read and texts may name (`fields`).
    """

    type_id: int
    id: int
    title: str
    phones: tuple[Phone, ...]
    values: Mapping[str, str] = field(default_factory=dict)


def find_card(portal: Portal, access: str, placement: str, options: Mapping[str, Any]) -> Entity:
    """Return the card our place was opened on, read with the visitor's token in two calls at most.

    A contact and a company have their own numbers, a lead its own and those of its people, everything else those of its
    contacts and company. Raise PortalRefused where there is no such card or the visitor may not read it, InDoubt where
    the portal does not answer, and what its error means otherwise.
    """
    type_id, number = placed_on(placement), as_positive_int(options.get("ID", options.get("entityId")))
    if not (type_id and number):
        raise PortalRefused("NO_ENTITY")
    commands: list[Command] = [_read_command(type_id, number)]
    if type_id == OwnerType.DEAL:
        commands.append(("crm.deal.contact.items.get", {"id": number}))
    answers = call_visitor_batch(portal, access, commands)
    fields = crm_fields.as_fields(_require_result(answers[0]))
    if as_positive_int(fields.get("ID")) != number:
        raise PortalRefused("NO_ENTITY")
    people = _read_people(portal, access, type_id, fields, answers[1:])
    phones = _read_phones(portal, fields, "", "")
    for owner_type, owner in people.owners:
        first_name = crm_fields.first_name(owner) if owner_type == OwnerType.CONTACT else ""
        if type_id not in (OwnerType.CONTACT, OwnerType.COMPANY):
            phones += _read_phones(portal, owner, crm_fields.title_of(owner_type, owner), first_name)
    unique: dict[str, Phone] = {}
    for phone in phones:
        unique.setdefault(phone.e164, phone)
    values = crm_fields.read_values(type_id, fields, people)
    return Entity(type_id, number, crm_fields.title_of(type_id, fields), tuple(unique.values())[:MAX_PHONES], values)


def _read_people(
    portal: Portal, access: str, type_id: int, fields: Mapping[str, Any], linked: Sequence[Any]
) -> crm_fields.People:
    """Return a card's contacts, company and responsible person, without those this visitor may not read."""
    ids = [
        as_positive_int(as_mapping(row).get("CONTACT_ID"))
        for answer in linked
        for row in as_list(_result_or_none(answer))
    ]
    ids += [as_positive_int(one) for one in as_list(fields.get("CONTACT_IDS"))]
    ids += [as_positive_int(fields.get("CONTACT_ID"))] if type_id != OwnerType.CONTACT else []
    owners = [(int(OwnerType.CONTACT), one) for one in dict.fromkeys(ids) if one][:MAX_CONTACTS]
    company = as_positive_int(fields.get("COMPANY_ID")) if type_id != OwnerType.COMPANY else 0
    owners += [(int(OwnerType.COMPANY), company)] if company else []
    commands = [_read_command(owner_type, one) for owner_type, one in owners]
    responsible = as_positive_int(fields.get("ASSIGNED_BY_ID"))
    if responsible and any(scopes.has_scopes(portal, scope) for scope in employees.SCOPES):
        commands.append((employees.METHOD, {"ID": responsible}))
    answers = [_result_or_none(one) for one in call_visitor_batch(portal, access, commands)] if commands else []
    found = [(owner_type, as_mapping(one)) for (owner_type, _), one in zip(owners, answers, strict=False)]
    person = as_mapping(next(iter(as_list(answers[len(owners)])), None)) if len(answers) > len(owners) else {}
    return crm_fields.People([(owner_type, one) for owner_type, one in found if one], person)


def _read_command(type_id: int, number: int) -> Command:
    if type_id in WITH_METHODS:
        return f"crm.{OwnerType(type_id).name.lower()}.get", {"ID": number}
    return "crm.item.get", {"entityTypeId": type_id, "id": number}


def _require_result(answer: MethodResult | ErrorResponse | None) -> Any:
    if isinstance(answer, MethodResult):
        return answer.result
    raise refusal_of(answer, "NO_ENTITY")


def _result_or_none(answer: MethodResult | ErrorResponse | None) -> Any:
    return answer.result if isinstance(answer, MethodResult) else None


def _read_phones(portal: Portal, fields: Mapping[str, Any], owner: str, first_name: str) -> list[Phone]:
    found = []
    for row in map(as_mapping, as_list(fields.get("PHONE"))):
        kind = str(row.get("VALUE_TYPE") or "")[:20]
        try:
            e164 = read_e164(str(row.get("VALUE") or "")[:60], portal.country)
        except BadNumber:
            continue
        if kind not in NO_SMS:
            found.append(Phone(e164, kind, owner, first_name))
    return found
