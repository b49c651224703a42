"""The messages of a claim on their way through the guards: what is known of each, and what becomes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection as database

from b24app.messaging.models import Message
from b24app.messaging.models.guards import DUPLICATE_MINUTES
from b24app.messaging.models.statuses import Origin, Reason, Wait

LOOKED_AT = 5  # of the latest messages to a number, for one with the same text


@dataclass(frozen=True, slots=True)
class Facts:
    """What one query tells of a message's sender, its portal's rules and its number; the order is the query's."""

    pk: int
    sender_paused: bool
    transactional: bool
    per_hour: int | None
    per_day: int | None
    portal_paused: bool
    portal_per_hour: int | None
    employee_per_hour: int | None
    recipient_per_hour: int | None
    recipient_per_day: int | None
    quiet_from: time | None
    quiet_until: time | None
    zone: str
    stopped: bool
    repeats: UUID | None

    @property
    def home(self) -> ZoneInfo:
        """The portal's zone; UTC for one that is unknown here, for a claim must not break on it."""
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Hold:
    """Back to the waiting ones; `until` None: until somebody resumes, or it expires."""

    wait: Wait
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Fail:
    """It never goes."""

    reason: Reason
    code: str = ""


@dataclass(frozen=True, slots=True)
class MarkUnknown:
    """It must not be repeated, and nobody knows whether an earlier try was taken: a person decides."""


Fate = Hold | Fail | MarkUnknown


@dataclass(slots=True)
class QueuedBehind:
    """What waits behind held messages and would be held like them, in one go instead of claim by claim."""

    portal_id: int
    wait: Wait
    until: datetime | None
    sender_id: int | None = None
    author_id: int | None = None


@dataclass(slots=True)
class Screening:
    """The messages of a claim and what becomes of each; without a fate it goes."""

    messages: Sequence[Message]
    views: Mapping[int, Facts]
    now: datetime
    fates: dict[int, Fate] = field(default_factory=dict)
    behind: list[QueuedBehind] = field(default_factory=list)

    @property
    def going(self) -> list[Message]:
        # Without a view the row is gone: it was erased since it was claimed.
        return [one for one in self.messages if one.pk in self.views and one.pk not in self.fates]

    def waits_for(self, message: Message) -> Wait | None:
        """What a held message waits for; None for one that is not held."""
        fate = self.fates.get(message.pk)
        return fate.wait if isinstance(fate, Hold) else None


LOOK = """
SELECT m.id, s.paused_at IS NOT NULL, s.transactional, s.per_hour, s.per_day,
       r.paused_at IS NOT NULL, r.portal_per_hour, r.employee_per_hour, r.recipient_per_hour, r.recipient_per_day,
       r.quiet_from, r.quiet_until, p.time_zone,
       EXISTS (SELECT 1 FROM messaging_stoppednumber n WHERE n.portal_id = m.portal_id AND n.number = m.to),
       d.reference
FROM messaging_message m
JOIN messaging_sender s ON s.id = m.sender_id
JOIN portals_portal p ON p.id = m.portal_id
LEFT JOIN messaging_rules r ON r.portal_id = m.portal_id
LEFT JOIN LATERAL (
    SELECT e.reference FROM (
        SELECT b.reference, b.text, b.received_at, b.status FROM messaging_message b
        WHERE b.portal_id = m.portal_id AND b.to = m.to AND (b.received_at, b.id) < (m.received_at, m.id)
          AND m.attempts <= 1 AND m.origin = ANY(%(watched)s) AND coalesce(r.duplicate_minutes, %(minutes)s) > 0
        ORDER BY b.received_at DESC, b.id DESC LIMIT %(looked_at)s) e
    WHERE e.text = m.text AND e.status <> 'failed'
      AND e.received_at > m.received_at - make_interval(mins => coalesce(r.duplicate_minutes, %(minutes)s))
    LIMIT 1) d ON true
WHERE m.id = ANY(%(ids)s)
"""
# Who sends again by hand, or tests, knows what they do.
WATCHED = [Origin.PORTAL.value, Origin.CARD.value]


def gather_facts(messages: Sequence[Message]) -> dict[int, Facts]:
    """One query for a whole claim, by the messages' ids."""
    values: dict[str, Any] = {
        "ids": [one.pk for one in messages],
        "watched": WATCHED,
        "minutes": DUPLICATE_MINUTES,
        "looked_at": LOOKED_AT,
    }
    with database.cursor() as cursor:
        cursor.execute(LOOK, values)
        return {row[0]: Facts(*row) for row in cursor.fetchall()}
