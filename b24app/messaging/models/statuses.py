"""The states of a message: Bitrix24's five statuses, our phases, why it waits and why it ended."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import models


class Status(models.TextChoices):
    """Bitrix24's five statuses; they only climb."""

    QUEUED = "queued", "queued"
    SENT = "sent", "sent"
    FAILED = "failed", "failed"
    UNDELIVERED = "undelivered", "undelivered"
    DELIVERED = "delivered", "delivered"

    @property
    def rank(self) -> int:
        """Return the rank: queued < sent < failed = undelivered < delivered."""
        return {"queued": 0, "sent": 1, "failed": 2, "undelivered": 2, "delivered": 3}[self.value]

    @property
    def is_final(self) -> bool:
        """Return whether it is a final status."""
        return self.rank > 1


FINAL = (Status.FAILED, Status.UNDELIVERED, Status.DELIVERED)


class Phase(models.TextChoices):
    """Where a message is on our side."""

    WAITING = "waiting", "waiting"  # for `due_at`
    ON_WIRE = "on_wire", "on wire"  # sent to the service, no answer yet
    UNKNOWN = "unknown", "unknown"  # it may have been sent: a look-up or a person decides
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
    SCHEDULED = "scheduled", "scheduled"  # for the time its author chose
    COPY = "copy", "copy"  # it came from another address of the portal, which an administrator has to allow


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
    CAPPED = "capped", "capped"  # the portal's limit for this number is reached
    TIMED_OUT = "timed_out", "timed out"  # unknown: no answer came
    INTERRUPTED = "interrupted", "interrupted"  # unknown: our worker was killed with it on the wire
    UNREACHED = "unreached", "unreached"  # the service's report: the phone was not reached


class Origin(models.TextChoices):
    PORTAL = "portal", "portal"
    TEST = "test", "test"
    CARD = "card", "card"
    RESEND = "resend", "resend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of one message's status; fields with a default value stay as they are."""

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
    """A message whose status climbed, with what it was counted as before and is counted as now."""

    pk: int
    portal_id: int
    connection_id: int
    sender_id: int
    day: date
    before: Count
    after: Count
