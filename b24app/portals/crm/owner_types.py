"""The CRM entities that Bitrix24 numbers by owner type (docs/bitrix24.md E.2)."""

import re
from enum import IntEnum

FIRST_DYNAMIC_TYPE = 128  # the types of smart processes begin here
_PLACE = re.compile(r"CRM_(?:DYNAMIC_([1-9][0-9]{2,8})|([A-Z_]{1,30}))_DETAIL_(?:TAB|ACTIVITY)")


class OwnerType(IntEnum):
    """An entity that every portal has; its name stands in the codes of placements.

    The first four have REST methods and card addresses of their own, by their name in lower case.
    """

    LEAD = 1
    DEAL = 2
    CONTACT = 3
    COMPANY = 4
    QUOTE = 7
    SMART_INVOICE = 31


WITH_METHODS = (OwnerType.LEAD, OwnerType.DEAL, OwnerType.CONTACT, OwnerType.COMPANY)


def placement_name(type_id: int) -> str:
    """Return how an entity of this type is called in the codes of placements."""
    names = {one.value: one.name for one in OwnerType}
    return names.get(type_id, f"DYNAMIC_{type_id}")


def placed_on(placement: str) -> int:
    """Return the type of the entity that a placement of ours is opened on; 0 for another placement."""
    match = _PLACE.fullmatch(placement)
    if match is None:
        return 0
    dynamic, name = match.groups()
    if dynamic:
        return int(dynamic) if int(dynamic) >= FIRST_DYNAMIC_TYPE else 0
    return OwnerType[name].value if name in OwnerType.__members__ else 0


def card_path(type_id: int, number: int | str) -> str:
    """Return the path of an entity's card, in the shape that the frame's openPath lets through."""
    if type_id in WITH_METHODS:
        return f"/crm/{OwnerType(type_id).name.lower()}/details/{number}/"
    return f"/crm/type/{type_id}/details/{number}/"
