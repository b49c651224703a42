"""One claimed batch while the guards run: the facts about each message and the decision on it."""

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

COMPARED_WITH = 5  # latest messages to a number, in search of one with the same text


@dataclass(frozen=True, slots=True)
class Facts:
    """A message's sender, its portal's rules and its number's entry in the stop list; the order is the query's."""

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
    def portal_zone(self) -> ZoneInfo:
        """The portal's time zone; UTC if this machine does not have it, because a claim must not fail over it."""
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Hold:
    """Make it wait until `until`; None: until somebody resumes, or it expires."""

    wait: Wait
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Fail:
    """Fail it for good."""

    reason: Reason
    code: str = ""


@dataclass(frozen=True, slots=True)
class MarkUnknown:
    """Leave it to a person: it must not be repeated, and an earlier attempt may have been accepted."""


Decision = Hold | Fail | MarkUnknown


@dataclass(slots=True)
class QueuedBehind:
    """Messages that wait behind held ones and would be held as well: held in one statement, not claim by claim."""

    portal_id: int
    wait: Wait
    until: datetime | None
    sender_id: int | None = None
    author_id: int | None = None


@dataclass(slots=True)
class Screening:
    """The messages of a claim, what is known about each, and the decisions; a message without a decision passes."""

    messages: Sequence[Message]
    facts: Mapping[int, Facts]
    now: datetime
    decisions: dict[int, Decision] = field(default_factory=dict)
    queued_behind: list[QueuedBehind] = field(default_factory=list)

    @property
    def passed(self) -> list[Message]:
        # A message without facts has no row any more: it was erased after the claim.
        return [one for one in self.messages if one.pk in self.facts and one.pk not in self.decisions]

    def wait_of(self, message: Message) -> Wait | None:
        """Return what a held message waits for, None for one that is not held."""
        decision = self.decisions.get(message.pk)
        return decision.wait if isinstance(decision, Hold) else None


GATHER_FACTS = """
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
        SELECT b.reference, b.text, b.status, coalesce(b.scheduled_at, b.received_at) AS meant_for
        FROM messaging_message b
        WHERE b.portal_id = m.portal_id AND b.to = m.to AND (b.received_at, b.id) < (m.received_at, m.id)
          AND m.attempts <= 1 AND m.origin = ANY(%(watched)s) AND coalesce(r.duplicate_minutes, %(minutes)s) > 0
        ORDER BY b.received_at DESC, b.id DESC LIMIT %(looked_at)s) e
    WHERE e.text = m.text AND e.status <> 'failed'
      AND e.meant_for <= coalesce(m.scheduled_at, m.received_at)
      AND e.meant_for
          > coalesce(m.scheduled_at, m.received_at) - make_interval(mins => coalesce(r.duplicate_minutes, %(minutes)s))
    LIMIT 1) d ON true
WHERE m.id = ANY(%(ids)s)
"""
# Somebody who resends by hand or tests repeats a text on purpose.
CHECKED_FOR_DUPLICATES = [Origin.PORTAL.value, Origin.CARD.value]


def gather_facts(messages: Sequence[Message]) -> dict[int, Facts]:
    """Return the facts by message id, from one query for the whole claim."""
    values: dict[str, Any] = {
        "ids": [one.pk for one in messages],
        "watched": CHECKED_FOR_DUPLICATES,
        "minutes": DUPLICATE_MINUTES,
        "looked_at": COMPARED_WITH,
    }
    with database.cursor() as cursor:
        cursor.execute(GATHER_FACTS, values)
        return {row[0]: Facts(*row) for row in cursor.fetchall()}
