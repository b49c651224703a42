"""The story of one message for an operator: what happened to it and to its account meanwhile, in plain sentences.

Read from rows alone: the message, its exchanges and reports, who held its account, and what people changed. No number
and no text is told.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from b24app.audit.models import Action, Change, Kind
from b24app.exchange_log.models import PORTAL_PEERS, WITH_PORTAL, Exchange
from b24app.messaging.models import LeaseTakeover, Message
from b24app.messaging.models.statuses import Origin, Phase, Reason, Wait
from b24app.operations.models import Heartbeat

MAX_LINES = 20  # of one kind
AHEAD_COUNTED = 10_000
AHEAD_WITHIN = timedelta(days=1)
DELAYING = (Action.PAUSED, Action.RESUMED, Action.BLOCKED, Action.EDITED, Action.CREDENTIALS)

_WAITS = {
    Wait.NONE: "it is due",
    Wait.RATE: "the service asked for fewer messages",
    Wait.RETRY: "it is tried again",
    Wait.PAUSED: "an administrator paused sending",
    Wait.BLOCKED: "the service refuses the account",
    Wait.UNAVAILABLE: "the service's file does not load on a node",
    Wait.QUIET_HOURS: "it is night at the recipient's, by the portal's quiet hours",
    Wait.CAP: "a limit of the portal is reached",
    Wait.SCHEDULED: "its author chose a time",
    Wait.COPY: "it came from another address of the portal, which an administrator has to allow",
}
_ORIGINS = {Origin.PORTAL: "received from Bitrix24", Origin.RESEND: "sent again by a person"}


@dataclass(frozen=True, slots=True)
class StoryLine:
    """What happened at one moment."""

    at: datetime
    text: str


def tell_story(message: Message) -> list[StoryLine]:
    """Return everything that is known of a message, oldest first."""
    holders = _Holders()
    lines = [
        StoryLine(message.received_at, _ORIGINS.get(Origin(message.origin), "written on a page of ours")),
        *_delays(message, holders),
        *_attempts(message, holders),
        *_reports(message),
        *_pushes(message),
    ]
    return [*sorted(lines, key=lambda line: line.at), _state_now(message, holders)]


def sum_up_times(message: Message) -> str:
    """Return where the time went, as in `waited 37.2 s, service 0.3 s, report 4.1 s`."""
    spans = [
        ("waited", message.received_at, message.first_attempt_at or (None if message.final_at else timezone.now())),
        ("attempts", message.first_attempt_at, message.sent_at),
        ("report", message.sent_at, message.final_at),
    ]
    told = [f"{name} {(end - start).total_seconds():.1f} s" for name, start, end in spans if start and end]
    return ", ".join(told) or "nothing was measured"


class _Holders:
    """Who the holders of leases were, by their heartbeats."""

    def __init__(self) -> None:
        self._known: dict[UUID, str] = {}

    def name(self, holder: UUID | None) -> str:
        """Return `worker on node-2`, with its last heartbeat if it is not alive."""
        if holder is None:
            return "a process that is not known"
        if holder not in self._known:
            self._known[holder] = self._describe(Heartbeat.objects.filter(holder=holder).first(), holder)
        return self._known[holder]

    @staticmethod
    def _describe(row: Heartbeat | None, holder: UUID) -> str:
        if row is None:
            return f"dispatcher {holder}, of which no heartbeat is left"
        if row.stopped_at is not None:
            return f"{row.role} on {row.node} (stopped {_clock(row.stopped_at)})"
        is_silent = timezone.now() - row.beat_at > timedelta(minutes=1)
        return f"{row.role} on {row.node}" + (f" (last heartbeat {_clock(row.beat_at)})" if is_silent else "")


def _delays(message: Message, holders: _Holders) -> Iterator[StoryLine]:
    """Yield what may have held it up between its arrival and its acceptance or end."""
    until = message.sent_at or message.final_at or timezone.now()
    meanwhile = (message.received_at, until)
    if message.scheduled_at:
        yield StoryLine(message.scheduled_at, "the time its author chose")
    yield from _deeds(message, meanwhile)
    for one in LeaseTakeover.objects.filter(connection_id=message.connection_id, at__range=meanwhile)[:MAX_LINES]:
        lost = f"its account's lease, held by {holders.name(one.previous_holder)}, ended without a release"
        yield StoryLine(one.ended_at, lost)
        yield StoryLine(one.at, f"its account was taken over by {holders.name(one.holder)}")
    yield from _troubles(message, meanwhile)
    ahead = _count_ahead(message)
    if ahead and message.first_attempt_at:
        more = " or more" if ahead == AHEAD_COUNTED else ""
        text = f"{ahead}{more} messages of the same account that had come before were tried while it waited"
        yield StoryLine(message.first_attempt_at - timedelta(microseconds=1), text)


def _deeds(message: Message, meanwhile: tuple[datetime, datetime]) -> Iterator[StoryLine]:
    about = Q(kind=Kind.ACCOUNT, object_id=message.connection_id) | Q(kind=Kind.SENDER, object_id=message.sender_id)
    about |= Q(kind__in=[Kind.PORTAL, Kind.LIMITS])
    rows = Change.objects.filter(about, portal=message.portal_id, at__range=meanwhile, action__in=DELAYING)
    for one in rows.order_by("at")[:MAX_LINES]:
        who = "Sendline" if one.user_id is None else f"user {one.user_id}"
        yield StoryLine(one.at, f"{who}: {Kind(one.kind).label} {Action(one.action).label}")


def _troubles(message: Message, meanwhile: tuple[datetime, datetime]) -> Iterator[StoryLine]:
    """Yield failed exchanges of its account about other messages."""
    rows = Exchange.objects.filter(portal_id=message.portal_id, at__range=meanwhile)
    rows = rows.filter(connection_id=message.connection_id).exclude(message_id=message.pk)
    for one in rows.filter(Q(status=0) | Q(status__gte=400)).order_by("at")[:MAX_LINES]:
        yield StoryLine(one.at, f"the account had trouble with another message: {_answer_of(one)}")


def _count_ahead(message: Message) -> int:
    since, first = message.received_at, message.first_attempt_at
    rows = Message.objects.filter(
        portal=message.portal_id, connection=message.connection_id, first_attempt_at__gt=since
    )
    rows = rows.filter(received_at__range=(since - AHEAD_WITHIN, since), first_attempt_at__lt=first or timezone.now())
    return rows.exclude(pk=message.pk)[:AHEAD_COUNTED].count()


def _attempts(message: Message, holders: _Holders) -> Iterator[StoryLine]:
    if message.first_attempt_at:
        text = "first claimed" if message.attempts > 1 else f"claimed by {holders.name(message.claimed_by)}"
        yield StoryLine(message.first_attempt_at, text)
    rows = Exchange.objects.filter(portal_id=message.portal_id, message_id=message.pk).exclude(peer__in=PORTAL_PEERS)
    for one in rows.order_by("at")[:MAX_LINES]:
        yield StoryLine(one.at, f"{one.peer}: {_answer_of(one)}")
    if message.sent_at:
        yield StoryLine(message.sent_at, f"accepted by {message.connection.service} at attempt {message.attempts}")


def _reports(message: Message) -> Iterator[StoryLine]:
    for one in message.reports.order_by("received_at")[:MAX_LINES]:
        yield StoryLine(one.received_at, f"the service reported {one.status or 'a word that we do not know'}")
    if message.final_at:
        why = f": {Reason(message.reason).label}" if message.reason else ""
        yield StoryLine(message.final_at, f"ended as {message.status}{why}")


def _pushes(message: Message) -> Iterator[StoryLine]:
    rows: Iterable[Exchange] = Exchange.objects.filter(
        WITH_PORTAL, portal_id=message.portal_id, messages__contains=[message.pk]
    ).order_by("at")[:MAX_LINES]
    for one in rows:
        yield StoryLine(one.at, f"its status was pushed to the portal: {_answer_of(one)}")


def _answer_of(one: Exchange) -> str:
    code = one.error.partition(":")[0]
    error = f", {code}" if code.isupper() else ""
    return f"{f'HTTP {one.status}' if one.status else 'no answer'} after {one.ms} ms{error}"


def _state_now(message: Message, holders: _Holders) -> StoryLine:
    now = timezone.now()
    if message.phase == Phase.WAITING:
        due = f", until {_clock(message.due_at)}" if message.due_at and message.due_at > now else ""
        return StoryLine(now, f"waits: {_WAITS[Wait(message.wait)]}{due}; it expires {_clock(message.expires_at)}")
    if message.phase == Phase.ON_WIRE:
        until = f" until {_clock(message.lease_until)}" if message.lease_until else ""
        return StoryLine(now, f"on the wire{until}, claimed by {holders.name(message.claimed_by)}")
    if message.phase == Phase.UNKNOWN:
        return StoryLine(now, f"unknown ({Reason(message.reason).label}): a look-up or a person decides")
    if message.message_id is None:
        return StoryLine(now, f"{message.status}; no status is pushed for it")
    if message.push_error:
        return StoryLine(now, f"{message.status}; its status was not taken by the portal: {message.push_error}")
    pushed = f"to be pushed {_clock(message.push_at)}" if message.push_at else f"the portal shows {message.pushed}"
    return StoryLine(now, f"{message.status}; {pushed}")


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
