"""The words for a message's fate: the portal's five, our phases, why it waits and why it ended."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import models


class Status(models.TextChoices):
    """Bitrix24's five words; they only climb."""

    QUEUED = "queued", "queued"
    SENT = "sent", "sent"
    FAILED = "failed", "failed"
    UNDELIVERED = "undelivered", "undelivered"
    DELIVERED = "delivered", "delivered"

    @property
    def rank(self) -> int:
        """queued < sent < failed = undelivered < delivered."""
        return {"queued": 0, "sent": 1, "failed": 2, "undelivered": 2, "delivered": 3}[self.value]

    @property
    def is_final(self) -> bool:
        return self.rank > 1


FINAL = (Status.FAILED, Status.UNDELIVERED, Status.DELIVERED)


class Phase(models.TextChoices):
    """Where a message is on our side of the road."""

    WAITING = "waiting", "waiting"  # for `due_at`
    ON_WIRE = "on_wire", "on wire"  # handed to the service, no verdict yet
    UNKNOWN = "unknown", "unknown"  # it may have been sent: a person or a look-up decides
    DONE = "done", "done"


class Wait(models.TextChoices):
    """Why a waiting message waits, shown beside it."""

    NONE = "", ""
    RATE = "rate", "rate"
    RETRY = "retry", "retry"
    PAUSED = "paused", "paused"
    BLOCKED = "blocked", "blocked"
    UNAVAILABLE = "unavailable", "unavailable"  # the service's file does not load
    QUIET_HOURS = "quiet_hours", "quiet hours"
    CAP = "cap", "cap"


class Reason(models.TextChoices):
    """Why a message ended without being delivered, or became unknown."""

    NONE = "", ""
    INVALID_NUMBER = "invalid_number", "invalid number"
    BLOCKED = "blocked", "blocked"
    OPT_OUT = "opt_out", "opt-out"
    INVALID_REQUEST = "invalid_request", "invalid request"
    DUPLICATE = "duplicate", "duplicate"
    REJECTED = "rejected", "rejected"
    EXPIRED = "expired", "expired"
    EMPTY_TEXT = "empty_text", "empty text"
    TEXT_TOO_LONG = "text_too_long", "text too long"
    SENDER_REMOVED = "sender_removed", "sender removed"
    NOT_CONFIGURED = "not_configured", "not configured"
    CANCELLED = "cancelled", "cancelled"
    CAPPED = "capped", "capped"  # this number has had as many messages as the portal allows
    TIMED_OUT = "timed_out", "timed out"  # unknown: no verdict came
    INTERRUPTED = "interrupted", "interrupted"  # unknown: our worker was killed with it on the wire
    UNREACHED = "unreached", "unreached"  # the service's report: the phone was not reached


class Origin(models.TextChoices):
    PORTAL = "portal", "portal"
    TEST = "test", "test"
    CARD = "card", "card"
    RESEND = "resend", "resend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A step up for one message; what is left out stays as it is."""

    pk: int
    status: Status
    reason: Reason = Reason.NONE
    code: str = ""
    detail: str = ""
    ref: str = ""
    parts: int | None = None
    price: Decimal | None = None
    currency: str = ""
    poll_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """What one message adds to the tallies in one of its states."""

    status: str
    reason: str
    parts: int | None
    price: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True)
class Climb:
    """A message that did climb, with what it counted for before and counts for now."""

    pk: int
    portal_id: int
    connection_id: int
    sender_id: int
    day: date
    before: Count
    after: Count
