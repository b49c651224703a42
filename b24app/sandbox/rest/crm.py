"""crm.*.get and crm.timeline.*; most of the CRM's errors have a text but no code."""

import time

from b24app.sandbox.crm import DEAL, ENTITIES, KINDS, SMART_PROCESSES, Entity
from b24app.sandbox.rest.call import Call, Function, Method
from b24app.sandbox.rest.errors import RestError
from b24app.sandbox.state import TimelineNote


def get_item(call: Call) -> object:
    """Handle crm.item.get, which reads entities of every type."""
    entity = _read_entity(call, call.number("ENTITYTYPEID"))
    numbers = {"id": entity.id, "entityTypeId": entity.type_id, "assignedById": 1}
    return {"item": {**entity.fields, **numbers, "contactIds": list(entity.contacts)}}


def list_types(_call: Call) -> object:
    """Handle crm.type.list: the portal's smart processes."""
    rows: list[object] = [
        {"id": place, "entityTypeId": type_id, "title": title}
        for place, (type_id, title) in enumerate(SMART_PROCESSES.items(), 1)
    ]
    return {"types": rows}


def _read_entity(call: Call, type_id: int) -> Entity:
    number = call.number("ID")
    if number < 1:
        raise RestError("", "ID is not defined or invalid.")
    entity = ENTITIES.get((type_id, number))
    if entity is None:
        raise RestError("", "Not found")
    if not entity.may_read(call.user):
        raise RestError("", "Access denied.")
    return entity


def _make_getter(type_id: int) -> Function:
    def get(call: Call) -> object:
        """Handle crm.*.get; empty multifields are left out."""
        entity = _read_entity(call, type_id)
        fields = {name: value for name, value in entity.fields.items() if value != []}
        opened = "Y" if entity.is_open else "N"
        return {"ID": str(entity.id), **fields, "OPENED": opened, "ASSIGNED_BY_ID": "1"}

    return get


def get_deal_contacts(call: Call) -> object:
    """Handle crm.deal.contact.items.get."""
    contacts = _read_entity(call, DEAL).contacts
    return [
        {"CONTACT_ID": one, "SORT": 10 * place, "ROLE_ID": 0, "IS_PRIMARY": "Y" if place == 1 else "N"}
        for place, one in enumerate(contacts, 1)
    ]


def add_log_message(call: Call) -> object:
    """Handle crm.timeline.logmessage.add with its `fields`."""
    fields = _read_fields(call)
    _check_required(fields, "entityTypeId", "entityId", "title", "text", "iconCode")
    note = _add_note(call, _find_owner(fields["entityTypeId"], fields["entityId"]), fields["title"], fields["text"])
    return {"logMessage": {"id": note.id, "title": note.title, "text": note.text, "iconCode": fields["iconCode"]}}


def add_comment(call: Call) -> object:
    """Handle crm.timeline.comment.add with its `fields`."""
    fields = _read_fields(call)
    _check_required(fields, "ENTITY_ID", "ENTITY_TYPE", "COMMENT")
    type_id = KINDS.get(fields["ENTITY_TYPE"].lower(), 0)
    return _add_note(call, _find_owner(str(type_id), fields["ENTITY_ID"]), "", fields["COMMENT"]).id


def _read_fields(call: Call) -> dict[str, str]:
    given = call.params.get("FIELDS")
    return {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}


def _check_required(fields: dict[str, str], *names: str) -> None:
    missing = [name for name in names if not fields.get(name)]
    if missing:
        raise RestError("100", f"Could not find value for parameter {{{missing[0]}}}")


def _find_owner(type_id: str, number: str) -> Entity:
    owner = ENTITIES.get((int(type_id), int(number))) if type_id.isdecimal() and number.isdecimal() else None
    if owner is None:
        raise RestError("OWNER_NOT_FOUND", "Owner was not found")
    return owner


def _add_note(call: Call, owner: Entity, title: str, text: str) -> TimelineNote:
    if not owner.may_read(call.user):
        raise RestError("ACCESS_DENIED", "Access denied")
    note = TimelineNote(call.portal.next_id(), owner.type_id, owner.id, title, text, time.time())
    call.portal.timeline.append(note)
    return note


METHODS = {
    **{f"crm.{kind}.get": Method("crm", _make_getter(type_id)) for kind, type_id in KINDS.items()},
    "crm.deal.contact.items.get": Method("crm", get_deal_contacts),
    "crm.item.get": Method("crm", get_item),
    "crm.type.list": Method("crm", list_types),
    "crm.timeline.logmessage.add": Method("crm", add_log_message),
    "crm.timeline.comment.add": Method("crm", add_comment),
}
