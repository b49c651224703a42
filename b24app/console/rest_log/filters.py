"""What the REST log is narrowed to: read from an address, written back into one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from django.utils import timezone

from b24app.console.formats.query_values import read_choice
from b24app.console.journal.search import find_by_id
from b24app.console.rest_log.entries import FROM_PORTAL, TO_PORTAL, Conditions
from b24app.core.sanitize import sanitize_text
from b24app.portals.models import Portal

MINUTE = timedelta(minutes=1)
MAX_NAME, MAX_MESSAGE = 100, 128


@dataclass(frozen=True, slots=True, kw_only=True)
class RestLogFilters:
    """The values of the form; empty means all. Times are those of the portal's zone, without one of their own."""

    name: str = ""
    direction: str = ""
    errors: str = ""
    since: datetime | None = None
    until: datetime | None = None
    message: str = ""  # an id of a message: ours, the portal's or the service's

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read the query of an address; values that make no sense are ignored."""
        return cls(
            name=sanitize_text(query.get("name", ""))[:MAX_NAME],
            direction=read_choice(query.get("direction", ""), {FROM_PORTAL, TO_PORTAL}),
            errors=read_choice(query.get("errors", ""), {"1"}),
            since=_read_minute(query.get("since", "")),
            until=_read_minute(query.get("until", "")),
            message=sanitize_text(query.get("message", "")).strip()[:MAX_MESSAGE],
        )

    def written(self, **changes: Any) -> str:
        """Return the query of an address with these filters, changed."""
        values = {name: getattr(self, name) for name in self.__slots__} | changes
        return urlencode({name: _write_value(value) for name, value in values.items() if value})

    def __bool__(self) -> bool:
        return bool(self.written())

    def find_conditions(self, portal: Portal) -> Conditions:
        """Return the conditions for this portal; its messages are looked up by the id that was typed."""
        return Conditions(
            name=self.name,
            direction=self.direction,
            errors=bool(self.errors),
            since=timezone.make_aware(self.since, portal.zone) if self.since else None,
            until=timezone.make_aware(self.until, portal.zone) + MINUTE if self.until else None,
            messages=find_by_id(portal, self.message) if self.message else None,
        )


def _read_minute(value: str) -> datetime | None:
    """Return the time that an address names; None for none, and for one that no exchange can be of."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(second=0, microsecond=0, tzinfo=None) if 2000 <= moment.year < 2100 else None


def _write_value(value: object) -> str:
    return f"{value:%Y-%m-%dT%H:%M}" if isinstance(value, datetime) else str(value)
