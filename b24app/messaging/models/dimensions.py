"""What messages are counted by: where they came from and how they ended, in Python and in SQL."""

from collections.abc import Mapping

from b24app.messaging.models.statuses import Origin, Reason

SOURCES: Mapping[str, str] = {"crm": "crm", "bizproc": "automation", "sender": "campaign"}
"""The portal's module -> a source; any other is "other". What did not come from the portal has its origin's name."""

STOPPED = "stopped"

NO_FAILURE = (Reason.CANCELLED, Reason.CAPPED)


def source_in_sql(message: str) -> str:
    """The source of a row of messages, as an expression."""
    modules = " ".join(f"WHEN '{module}' THEN '{source}'" for module, source in SOURCES.items())
    known = f"CASE {message}.module {modules} ELSE 'other' END"
    return f"CASE {message}.origin WHEN '{Origin.PORTAL}' THEN {known} ELSE {message}.origin END"


def end_in_sql(row: str) -> str:
    """The status of a row, or stopped for what a person or a limit has ended."""
    reasons = ", ".join(f"'{reason}'" for reason in NO_FAILURE)
    return f"CASE WHEN {row}.reason IN ({reasons}) THEN '{STOPPED}' ELSE {row}.status END"
