"""The journal's filters: read from an address, applied to messages, written back into addresses."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import and_
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils import timezone

from b24app.console.formats.periods import read_day
from b24app.console.formats.query_values import read_choice, read_service, read_uuid
from b24app.console.journal import conditions
from b24app.console.journal.conditions import INDEXED_SOURCES, NONE, SOURCES, STATUS_GROUPS
from b24app.messaging.actions.bulk import BulkAction
from b24app.messaging.models import Connection, Sender
from b24app.messaging.models.statuses import Reason

WINDOW = timedelta(days=30)
ALL_DAYS = "all"
MAX_WORDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to. Empty text means all; without dates the last 30 days count.

    `q` is looked for by `search`, which knows what it may be.
    """

    status: str = ""  # a code of STATUS_GROUPS
    sender: str = ""
    service: str = ""  # its code; set by links alone
    without: str = ""  # the code of a service to leave out; set by links alone
    source: str = ""
    error: str = ""
    employee: str = ""  # the portal's user id, or NONE
    country: str = ""  # its ISO code, or NONE; set by links alone
    phone: str = ""
    q: str = ""  # words of a text, digits of a number, a name or an id
    days: str = ""  # ALL_DAYS, or "" for the dates
    since: date | None = None
    until: date | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read the query of an address; values that make no sense are ignored."""
        return cls(
            status=read_choice(query.get("status", ""), STATUS_GROUPS),
            sender=read_uuid(query.get("sender", "")),
            service=read_service(query.get("service", "")),
            without=read_service(query.get("without", "")),
            source=read_choice(query.get("source", ""), SOURCES),
            error=read_choice(query.get("error", ""), Reason.values),
            employee=_read_user_id(query.get("employee", "")),
            country=_read_country(query.get("country", "")),
            phone=query.get("phone", "").strip()[:40],
            q=_read_words(query.get("q", "")),
            days=read_choice(query.get("days", ""), (ALL_DAYS,)),
            since=_read_first_day(query.get("since", "")),
            until=read_day(query.get("until", "")),
        )

    @classmethod
    def parse(cls, written: str) -> Self:
        """Read what `written` returned."""
        return cls.from_query(dict(parse_qsl(written)))

    @property
    def possible_acts(self) -> tuple[BulkAction, ...]:
        """Return the actions that are possible at all with messages that these filters find."""
        return conditions.possible_acts(self.status)

    def written(self, **changes: Any) -> str:
        """Return the query of an address with these filters, changed."""
        values = {name: getattr(self, name) for name in self.__slots__} | changes
        return urlencode({name: str(value) for name, value in values.items() if value})

    def __bool__(self) -> bool:
        return bool(self.written())

    @property
    def first_day(self) -> date:
        return self.since or timezone.localdate() - WINDOW

    @property
    def is_usual_window(self) -> bool:
        """Return whether nobody has chosen any days."""
        return not (self.days or self.since or self.until)

    @property
    def is_over(self) -> bool:
        """Return whether the dates end before today, so that nothing new can come."""
        return self.until is not None and self.until < timezone.localdate()

    def date_condition(self) -> Q:
        """Return the dates as a condition on moments."""
        if self.days and not (self.since or self.until):
            return Q()
        window = Q(received_at__gte=_start_of_day(self.first_day))
        return window & Q(received_at__lt=_start_of_day(self.until + timedelta(days=1))) if self.until else window

    def split_conditions(self, country: str) -> tuple[Q, Q]:
        """Return all conditions but the dates: one that an index of the journal knows, and the rest.

        Of several with an index the first is likely to be the most selective. `country` reads numbers without a country
        code.
        """
        found: list[tuple[Q, bool]] = []  # whether an index of the journal knows it
        if self.phone:
            found.append(conditions.number_condition(self.phone, country))
        if self.error:
            found.append((Q(reason=self.error), True))
        if self.status:
            group = STATUS_GROUPS[self.status]
            found += [(group.indexed, True)] if group.indexed else []
            found += [(group.other, False)] if group.other else []
        if self.source:
            found.append((SOURCES[self.source][1], self.source in INDEXED_SOURCES))
        if self.employee:
            found.append((conditions.author_condition(self.employee), self.employee != NONE))
        if self.country:
            found.append((conditions.country_condition(self.country), False))
        if self.sender:
            # A subquery, not a join: the planner may begin a join with the wrong table.
            senders = Sender.objects.filter(uuid=uuid.UUID(self.sender)).values("pk")
            found.append((Q(sender_id=Subquery(senders)), False))
        if self.service or self.without:
            found.append((_service_condition(self.service, self.without), False))
        indexed = [condition for condition, has_index in found if has_index]
        others = [condition for condition, has_index in found if not has_index]
        return reduce(and_, indexed[:1], Q()), reduce(and_, indexed[1:] + others, Q())


def _service_condition(service: str, without: str) -> Q:
    """Return the condition for messages through accounts at a service, or at any but another."""
    accounts = Connection.objects.filter(pk=OuterRef("connection_id"))
    if without:
        accounts = accounts.exclude(service=without)
    return Q(Exists(accounts.filter(service=service) if service else accounts))


def _read_user_id(value: str) -> str:
    """Return a user id as the portal writes it, no longer than a column holds, or NONE; "" for anything else."""
    return value if value == NONE or re.fullmatch(r"[1-9][0-9]{0,17}", value) else ""


def _read_words(value: str) -> str:
    """Return words to look for on one line; PostgreSQL takes no NUL."""
    return " ".join(value.replace("\0", " ").split())[:MAX_WORDS]


def _read_country(value: str) -> str:
    """Return what may be a country's ISO code, or NONE; "" for anything else."""
    return value if value == NONE or re.fullmatch(r"[A-Z]{2}", value) else ""


def _read_first_day(value: str) -> date | None:
    """Return the first day; None for that of the default window, so that the window moves on with the days."""
    day = read_day(value)
    return None if day == timezone.localdate() - WINDOW else day


def _start_of_day(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
