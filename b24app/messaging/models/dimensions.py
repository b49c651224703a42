"""What messages are counted by: their source and how they ended, in Python and in SQL."""

from collections.abc import Mapping

from django.db.models import Q

from b24app.messaging.models.statuses import Origin, Reason

MODULE_SOURCES: Mapping[str, str] = {"crm": "crm", "bizproc": "automation", "sender": "campaign"}
"""The portal's module -> the source of its messages."""

OTHER = "other"
"""The source of messages from any other module. What did not come from the portal has its origin's name."""

STOPPED = "stopped"

NO_FAILURE = (Reason.CANCELLED, Reason.CAPPED)


def source_of(origin: str, module: str) -> str:
    """Return the source of a message by its columns."""
    return MODULE_SOURCES.get(module, OTHER) if origin == Origin.PORTAL else origin


def has_source(source: str) -> Q:
    """Return the condition for the messages of a source."""
    if source in Origin.values:
        return Q(origin=source)
    if source == OTHER:
        return Q(origin=Origin.PORTAL) & ~Q(module__in=list(MODULE_SOURCES))
    return Q(origin=Origin.PORTAL, module__in=[module for module, one in MODULE_SOURCES.items() if one == source])


def source_in_sql(message: str) -> str:
    """Return the SQL expression for the source of a row of messages."""
    modules = " ".join(f"WHEN '{module}' THEN '{source}'" for module, source in MODULE_SOURCES.items())
    known = f"CASE {message}.module {modules} ELSE '{OTHER}' END"
    return f"CASE {message}.origin WHEN '{Origin.PORTAL}' THEN {known} ELSE {message}.origin END"


def end_in_sql(row: str) -> str:
    """Return the SQL expression for a row's status, or "stopped" if a person or a limit ended it."""
    reasons = ", ".join(f"'{reason}'" for reason in NO_FAILURE)
    return f"CASE WHEN {row}.reason IN ({reasons}) THEN '{STOPPED}' ELSE {row}.status END"
