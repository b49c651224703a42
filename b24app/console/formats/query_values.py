"""Values read from the query of an address; what makes no sense there is read as ""."""

import uuid
from collections.abc import Container


def read_choice(value: str, choices: Container[str]) -> str:
    """Return a value that is one of the choices, else ""."""
    return value if value and value in choices else ""


def read_service(value: str) -> str:
    """Return what may be the code of a service, else ""."""
    return value if len(value) <= 20 and value.isidentifier() else ""


def read_uuid(value: str) -> str:
    """Return a uuid as 32 hexadecimal digits, "" for anything else."""
    try:
        return uuid.UUID(value).hex
    except ValueError:
        return ""
