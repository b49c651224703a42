"""The CRM entities that Bitrix24 numbers by owner type (docs/bitrix24.md E.2)."""

from enum import IntEnum

FIRST_DYNAMIC_TYPE = 128  # the types of smart processes begin here


class OwnerType(IntEnum):
    """An entity that every portal has; its name in lower case stands in REST methods and in the paths of its card."""

    LEAD = 1
    DEAL = 2
    CONTACT = 3
    COMPANY = 4
