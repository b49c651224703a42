"""The filters of the journal: read from the address, applied to messages, written back into addresses."""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import and_
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.console.formats.periods import read_day
from b24app.messaging.actions.bulk import Act
from b24app.messaging.models import Connection, Sender
from b24app.messaging.models.dimensions import has_source
from b24app.messaging.models.statuses import Phase, Reason, Status
from providers.kit.phones import BadNumber, read_number

WINDOW = timedelta(days=30)
EXACT_FROM = 10  # digits; fewer are looked for at the end of the number

STATUSES: Mapping[str, tuple[str | Promise, Q]] = {
    "waiting": (_("Waiting"), Q(phase__in=[Phase.WAITING, Phase.ON_WIRE])),
    "unknown": (_("Outcome unknown"), Q(phase=Phase.UNKNOWN)),
    "sent": (_("Sent"), Q(status=Status.SENT)),
    "delivered": (_("Delivered"), Q(status=Status.DELIVERED)),
    "undelivered": (_("Undelivered"), Q(status=Status.UNDELIVERED)),
    "failed": (_("Failed"), Q(status=Status.FAILED)),
}
SOURCES: Mapping[str, tuple[str | Promise, Q]] = {
    "crm": (_("CRM card"), has_source("crm")),
    "automation": (_("Automation"), has_source("automation")),
    "campaign": (_("Campaign"), has_source("campaign")),
    "other": (_("Elsewhere in the portal"), has_source("other")),
    "card": (_("Sendline on a CRM card"), has_source("card")),
    "test": (_("Test message"), has_source("test")),
    "resend": (_("Sent again by hand"), has_source("resend")),
}

_ACTS: Mapping[str, tuple[Act, ...]] = {
    "": (Act.RESEND, Act.MARK_SENT, Act.CANCEL),
    "waiting": (Act.CANCEL,),
    "unknown": (Act.RESEND, Act.MARK_SENT),
    "sent": (),
    "delivered": (),
    "undelivered": (Act.RESEND,),
    "failed": (Act.RESEND,),
}
INDEXED_STATUSES = ("unknown", "undelivered", "failed")
INDEXED_SOURCES = ("card", "test", "resend")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to. Empty text means all; without dates the last 30 days count."""

    status: str = ""
    sender: str = ""
    service: str = ""  # its code; only links ask for it
    source: str = ""
    error: str = ""
    employee: str = ""  # the portal's user id
    phone: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Read an address; what makes no sense there is left out."""
        return cls(
            status=_known(query.get("status", ""), STATUSES),
            sender=_uuid(query.get("sender", "")),
            service=_code(query.get("service", "")),
            source=_known(query.get("source", ""), SOURCES),
            error=_known(query.get("error", ""), Reason.values),
            employee=_user(query.get("employee", "")),
            phone=query.get("phone", "").strip()[:40],
            since=_first_day(query.get("since", "")),
            until=read_day(query.get("until", "")),
        )

    @classmethod
    def of(cls, written: str) -> Self:
        """Read what `written` made."""
        return cls.read(dict(parse_qsl(written)))

    @property
    def acts(self) -> tuple[Act, ...]:
        """What can be done at all with messages that these filters find."""
        return _ACTS[self.status]

    def written(self, **changes: Any) -> str:
        """The query of an address with these filters, changed."""
        values = {name: getattr(self, name) for name in self.__slots__} | changes
        return urlencode({name: str(value) for name, value in values.items() if value})

    def __bool__(self) -> bool:
        return bool(self.written())

    @property
    def first_day(self) -> date:
        return self.since or timezone.localdate() - WINDOW

    @property
    def is_over(self) -> bool:
        """Does the window end before today, so that nothing new can come?"""
        return self.until is not None and self.until < timezone.localdate()

    def window(self) -> Q:
        """The dates, as moments."""
        window = Q(received_at__gte=_midnight(self.first_day))
        return window & Q(received_at__lt=_midnight(self.until + timedelta(days=1))) if self.until else window

    def conditions(self, country: str) -> tuple[Q, Q]:
        """All but the dates: the one an index of the journal knows, and those to be looked for among its rows.

        Of several with an index the first is likely to be the rarest. `country` reads numbers without a country code.
        """
        found: list[tuple[Q, bool]] = []
        if self.phone:
            found.append(by_number(self.phone, country))
        if self.error:
            found.append((Q(reason=self.error), True))
        if self.status:
            found.append((STATUSES[self.status][1], self.status in INDEXED_STATUSES))
        if self.source:
            found.append((SOURCES[self.source][1], self.source in INDEXED_SOURCES))
        if self.employee:
            found.append((Q(author_id=int(self.employee)), True))
        if self.sender:
            # Not a join, which the planner may begin with the wrong table.
            senders = Sender.objects.filter(uuid=uuid.UUID(self.sender)).values("pk")
            found.append((Q(sender_id=Subquery(senders)), False))
        if self.service:
            mine = Connection.objects.filter(pk=OuterRef("connection_id"), service=self.service)
            found.append((Q(Exists(mine)), False))
        indexed = [condition for condition, has_index in found if has_index]
        others = [condition for condition, has_index in found if not has_index]
        return reduce(and_, indexed[:1], Q()), reduce(and_, indexed[1:] + others, Q())


def by_number(typed: str, country: str, column: str = "to") -> tuple[Q, bool]:
    """The whole number when enough of it was typed, which has an index; else its last digits, which have none."""
    digits = re.sub(r"[^0-9]", "", typed)
    if not digits:
        return Q(pk__in=[]), True
    if typed.startswith("+") or len(digits) >= EXACT_FROM:
        try:
            return Q(**{column: read_number(typed, country).e164}), True
        except BadNumber:
            pass
    return Q(**{f"{column}__endswith": digits}), False


def _known(value: str, values: Iterable[str]) -> str:
    return value if value and value in values else ""


def _user(value: str) -> str:
    """A user id as the portal writes it; no longer than a column holds."""
    return value if re.fullmatch(r"[1-9][0-9]{0,17}", value) else ""


def _code(value: str) -> str:
    return value if len(value) <= 20 and value.isidentifier() else ""


def _uuid(value: str) -> str:
    try:
        return uuid.UUID(value).hex
    except ValueError:
        return ""


def _first_day(value: str) -> date | None:
    """The usual window is not written down, so that it goes on moving with the days."""
    day = read_day(value)
    return None if day == timezone.localdate() - WINDOW else day


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
