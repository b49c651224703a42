"""Which changes the list shows: read from an address, written back into one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from django.db.models import QuerySet
from django.utils import timezone

from b24app.audit.models import Change
from b24app.console.formats.periods import read_day
from b24app.console.formats.query_values import read_choice
from b24app.console.wording.changes import KINDS
from b24app.portals.models import Portal

SENDLINE = "0"  # in place of a user id


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFilters:
    """What the list is narrowed to; empty means all."""

    person: str = ""  # the user id, or SENDLINE
    kind: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read the query of an address; values that make no sense are ignored."""
        person = query.get("person", "")
        return cls(
            person=person if person.isascii() and person.isdecimal() and len(person) <= 18 else "",
            kind=read_choice(query.get("kind", ""), KINDS),
            since=read_day(query.get("since", "")),
            until=read_day(query.get("until", "")),
        )

    @classmethod
    def parse(cls, written: str) -> Self:
        """Read what `written` returned."""
        return cls.from_query(dict(parse_qsl(written)))

    def written(self, **changes: Any) -> str:
        """Return the query of an address with these filters, changed."""
        values = {name: getattr(self, name) for name in self.__slots__} | changes
        return urlencode({name: str(value) for name, value in values.items() if value})

    def __bool__(self) -> bool:
        return bool(self.written())

    def find_changes(self, portal: Portal) -> "QuerySet[Change]":
        """Return the portal's changes that fit; days are those of the portal."""
        found = Change.objects.filter(portal=portal)
        if self.person:
            found = found.filter(user_id=None if self.person == SENDLINE else int(self.person))
        if self.kind:
            found = found.filter(kind=self.kind)
        if self.since:
            found = found.filter(at__gte=_start_of_day(self.since, portal))
        if self.until:
            found = found.filter(at__lt=_start_of_day(self.until + timedelta(days=1), portal))
        return found


def _start_of_day(day: date, portal: Portal) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()), portal.zone)
