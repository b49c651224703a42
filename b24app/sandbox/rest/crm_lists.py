"""crm.*.list and crm.item.list: what the user may read of the ids asked for; the rest is left out without a word."""

from collections.abc import Callable, Mapping

from b24app.sandbox.crm import ENTITIES, KINDS, Entity
from b24app.sandbox.rest.call import Call, Function, Method
from b24app.sandbox.rest.errors import RestError

_ITEM_FIELDS: Mapping[str, Callable[[Entity], object]] = {
    "id": lambda entity: entity.id,
    "title": lambda entity: entity.title,
    "contactId": lambda entity: _find_id(entity, "contactId", "CONTACT_ID"),
    "companyId": lambda entity: _find_id(entity, "companyId", "COMPANY_ID"),
}


def _make_lister(type_id: int) -> Function:
    def list_entities(call: Call) -> object:
        """Handle crm.*.list: a page of rows with the fields of `select`; multifields come only when named there."""
        selected = _texts(call.params.get("SELECT"))
        return call.page([_list_row(entity, selected) for entity in _find_readable(call, type_id)])

    return list_entities


def list_items(call: Call) -> object:
    """Handle crm.item.list, whose names are in camel case and whose ids are numbers."""
    type_id = call.number("ENTITYTYPEID")
    if all(known != type_id for known, _id in ENTITIES):
        raise RestError("NOT_FOUND", "Smart process was not found")
    selected = _texts(call.params.get("SELECT")) or list(_ITEM_FIELDS)
    found = call.page(_find_readable(call, type_id)).rows
    return {
        "items": [
            {"id": one.id, **{name: _ITEM_FIELDS[name](one) for name in selected if name in _ITEM_FIELDS}}
            for one in found
            if isinstance(one, Entity)
        ]
    }


def _find_id(entity: Entity, *names: str) -> int:
    """Return the id in a field, which some types of items spell in another way; 0 if there is none."""
    return int(str(next((entity.fields[name] for name in names if entity.fields.get(name)), 0)))


def _find_readable(call: Call, type_id: int) -> list[Entity]:
    """Return the entities of a type in the order of their ids; a filter by anything but the id is ignored."""
    wanted = _wanted_ids(call)
    return [
        entity
        for (kind, number), entity in sorted(ENTITIES.items(), key=lambda pair: pair[0])
        if kind == type_id and entity.may_read(call.user) and (wanted is None or str(number) in wanted)
    ]


def _wanted_ids(call: Call) -> list[str] | None:
    given = call.params.get("FILTER")
    fields = {str(key).upper().lstrip("@="): value for key, value in given.items()} if isinstance(given, dict) else {}
    return _texts(fields["ID"]) if "ID" in fields else None


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    rows = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
    return [str(one) for one in rows]


def _list_row(entity: Entity, selected: list[str]) -> dict[str, object]:
    fields = {"ID": str(entity.id), **entity.fields}
    if not selected:
        return {name: value for name, value in fields.items() if not isinstance(value, list)}
    return {name: value for name, value in fields.items() if (name == "ID" or name in selected) and value != []}


METHODS = {
    **{f"crm.{kind}.list": Method("crm", _make_lister(type_id)) for kind, type_id in KINDS.items()},
    "crm.item.list": Method("crm", list_items),
}
