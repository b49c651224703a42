"""What a service said to a send, and the rows it changes. A verdict is plain data, so that it can wait on disk."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import itemgetter
from typing import Any, Self

from django.db import connection as database
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest, Least
from django.utils import timezone

from b24app.core import storable
from b24app.core.deadlock import repeated_on_deadlock
from b24app.core.times import backoff
from b24app.journal.models import Exchange as ExchangeRow
from b24app.journal.recording import row
from b24app.messaging import connections, stoplist
from b24app.messaging.guard_models import StopSource
from b24app.messaging.models import Connection, DeliveryReport, Message, MessagePart
from b24app.messaging.statuses import Change, Reason, Status, Wait
from providers.kit import errors
from providers.kit.contract import Accepted, Provider, Reports
from providers.kit.http import Exchange

ASK_POLLED = (5, 15, 60, 300, 1800, 7200, 21_600, 86_400)  # seconds after acceptance, one step a time
ASK_PUSHED = (1800, 10_800, 86_400)  # only what was never reported
ASK_UNKNOWN = 30.0
REPEAT_TAKES = timedelta(seconds=60)  # at most, from the claim to the service
BREAKER_AFTER = 3
SLOW_AFTER = 10_000  # milliseconds
LONGEST_PAUSE = 86_400.0  # seconds; a service that asks for more is asked again after a day


class Kind(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ACCOUNT_BLOCKED = "account_blocked"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    UNCERTAIN = "uncertain"


KINDS: Mapping[type[errors.SmsError], Kind] = {
    errors.Rejected: Kind.REJECTED,
    errors.AccountBlocked: Kind.ACCOUNT_BLOCKED,
    errors.Throttled: Kind.THROTTLED,
    errors.Unreachable: Kind.UNREACHABLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of handing one message to the service. `attempt` fences late verdicts off from a later attempt."""

    pk: int
    attempt: int
    kind: Kind
    first_attempt_at: str
    expires_at: str
    ref: str = ""
    refs: tuple[str, ...] = ()
    parts: int | None = None
    price: str = ""
    currency: str = ""
    reason: str = ""
    code: str = ""
    words: str = ""
    after: float | None = None
    ms: int = 0
    exchanges: tuple[Mapping[str, Any], ...] = field(default=())

    @classmethod
    def of(cls, message: Message, said: Accepted | errors.SmsError, exchanges: Sequence[Exchange]) -> Self:
        """Turn a receipt or an error into data."""
        common: dict[str, Any] = {
            "pk": message.pk,
            "attempt": message.attempts,
            "first_attempt_at": (message.first_attempt_at or timezone.now()).isoformat(),
            "expires_at": message.expires_at.isoformat(),
            "ms": sum(one.ms for one in exchanges),
            "exchanges": tuple({**asdict(one), "at": one.at.isoformat()} for one in exchanges),
        }
        if isinstance(said, Accepted):
            price = storable.price(said.price)
            return cls(
                kind=Kind.ACCEPTED,
                ref=storable.text(said.ref)[:128],
                refs=tuple(storable.text(ref)[:128] for ref in said.refs),
                parts=storable.count(said.parts),
                price="" if price is None else str(price),
                currency=storable.text(said.currency)[:3],
                **common,
            )
        kind = next((kind for error, kind in KINDS.items() if isinstance(said, error)), Kind.UNCERTAIN)
        words, code = storable.text(said.words), storable.text(said.code)
        after = None if said.after is None else min(said.after, LONGEST_PAUSE)
        return cls(kind=kind, reason=said.reason, code=code, words=words, after=after, **common)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read what `asdict` wrote and JSON kept."""
        tuples = {"refs": tuple(record["refs"]), "exchanges": tuple(record["exchanges"]), "kind": Kind(record["kind"])}
        return cls(**{**record, **tuples})

    @property
    def repeated(self) -> bool:
        return self.attempt > 1


@dataclass(slots=True)
class Outcome:
    """Rows to write for a batch of verdicts."""

    changes: list[Change] = field(default_factory=list)
    waits: list[tuple[Any, ...]] = field(default_factory=list)
    parts: list[MessagePart] = field(default_factory=list)


def record(connection: Connection, service: type[Provider], verdicts: Sequence[Verdict]) -> bool:
    """Write a batch of verdicts and what they say of the account; safe to run twice.

    Answers whether early reports wait for one of the refs. The refs are committed before they are looked for: reports
    are kept before they look for the ref, so whoever comes second sees the other.
    """
    outcome = Outcome()
    for verdict in verdicts:
        _judge(connection, service, verdict, outcome)
    _write(connection, outcome, verdicts)
    _judge_account(connection, verdicts)
    refs = [ref for verdict in verdicts for ref in (verdict.ref, *verdict.refs) if ref]
    early = DeliveryReport.objects.filter(connection=connection, ref__in=refs, message=None)
    return early.update(due_at=timezone.now()) > 0


@repeated_on_deadlock
def _write(connection: Connection, outcome: Outcome, verdicts: Sequence[Verdict]) -> None:
    with transaction.atomic():
        climbed = Message.objects.advance(outcome.changes)
        stoplist.learn_from((one.pk for one in outcome.changes if one.reason == Reason.OPT_OUT), StopSource.REFUSAL)
        _complete_late(change for change in outcome.changes if change.ref and change.pk not in climbed)
        _wait(outcome.waits)
        MessagePart.objects.bulk_create(outcome.parts, ignore_conflicts=True)
        _record_exchanges(connection, verdicts)


def _judge(connection: Connection, service: type[Provider], verdict: Verdict, outcome: Outcome) -> None:
    proven = verdict.kind == Kind.REJECTED and verdict.reason == "duplicate" and verdict.repeated
    if verdict.kind == Kind.ACCEPTED or proven:
        outcome.changes.append(_accepted(service, verdict))
        if len(verdict.refs) > 1:
            outcome.parts += [
                MessagePart(connection=connection, message_id=verdict.pk, ref=ref) for ref in verdict.refs
            ]
    elif verdict.kind == Kind.REJECTED:
        reason = Reason(verdict.reason) if verdict.reason in Reason.values else Reason.REJECTED
        outcome.changes.append(
            Change(pk=verdict.pk, status=Status.FAILED, reason=reason, code=verdict.code, detail=verdict.words)
        )
    else:
        after = _next(connection, service, verdict)
        outcome.waits.append((verdict.pk, verdict.attempt, *after, verdict.code, verdict.words))


def _accepted(service: type[Provider], verdict: Verdict) -> Change:
    return Change(
        pk=verdict.pk,
        status=Status.SENT,
        ref=verdict.ref or next(iter(verdict.refs), ""),
        parts=verdict.parts or len(verdict.refs) or None,
        price=Decimal(verdict.price) if verdict.price else None,
        currency=verdict.currency,
        poll_at=first_question(service),
    )


def first_question(service: type[Provider]) -> datetime | None:
    """When a service that can be asked is first asked about a message it has accepted."""
    if not service.can("look_up"):
        return None
    steps = ASK_POLLED if service.reports == Reports.POLLED else ASK_PUSHED
    return timezone.now() + timedelta(seconds=steps[0])


def _next(connection: Connection, service: type[Provider], verdict: Verdict) -> tuple[Any, ...]:
    """phase, wait, due_at, reason, repeat_until, poll_at after a send neither accepted nor refused for good."""
    now, expires = timezone.now(), datetime.fromisoformat(verdict.expires_at)
    if verdict.kind == Kind.ACCOUNT_BLOCKED:
        return "waiting", Wait.BLOCKED, now, "", None, None  # held when the account is blocked
    if verdict.kind == Kind.THROTTLED:
        pause = timedelta(seconds=verdict.after) if verdict.after else backoff(verdict.attempt, first=2, limit=600)
        return "waiting", Wait.RATE, min(now + pause, expires), "", None, None
    due = min(now + backoff(verdict.attempt, first=5, limit=3600), expires)
    if verdict.kind == Kind.UNREACHABLE:
        return "waiting", Wait.RETRY, due, "", None, None
    until = repeatable_until(connection, service, datetime.fromisoformat(verdict.first_attempt_at))
    if due < until:
        return "waiting", Wait.RETRY, due, "", until, None
    return "unknown", Wait.NONE, None, Reason.TIMED_OUT, None, question_of_unknown(service)


def repeatable_until(connection: Connection, service: type[Provider], first_attempt: datetime) -> datetime:
    """Until when the service surely recognises our reference, so that a repeat is not sent twice."""
    return first_attempt + service.recognises_for(connection.account) - REPEAT_TAKES


def question_of_unknown(service: type[Provider]) -> datetime | None:
    """When a service that knows our reference is asked whether it took the message."""
    return timezone.now() + timedelta(seconds=ASK_UNKNOWN) if service.known_by_reference else None


WAIT = """
UPDATE messaging_message m
SET phase = w.phase, wait = w.wait, due_at = w.due_at, reason = w.reason, service_code = left(w.code, 60),
    detail = left(w.words, 300), lease_until = NULL, repeat_until = coalesce(w.repeat_until, m.repeat_until),
    poll_at = w.poll_at
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[],
            %s::timestamptz[], %s::text[], %s::text[])
     AS w(id, attempt, phase, wait, due_at, reason, repeat_until, poll_at, code, words)
WHERE m.id = w.id AND m.phase = 'on_wire' AND m.attempts = w.attempt
"""


def _wait(waits: Sequence[tuple[Any, ...]]) -> None:
    if waits:
        with database.cursor() as cursor:
            cursor.execute(WAIT, [list(column) for column in zip(*sorted(waits, key=itemgetter(0)), strict=True)])


def _complete_late(changes: Iterable[Change]) -> None:
    """A report outran the receipt, so the status stands already; the receipt still brings the ref and the price."""
    for change in changes:
        Message.objects.filter(pk=change.pk, ref="").update(
            ref=change.ref, parts=change.parts, price=change.price, currency=change.currency
        )


def _record_exchanges(connection: Connection, verdicts: Sequence[Verdict]) -> None:
    rows = []
    for verdict in verdicts:
        for kept in verdict.exchanges:
            spoken = Exchange(**{**kept, "at": datetime.fromisoformat(kept["at"])})
            rows.append(
                row(
                    spoken,
                    connection.service,
                    portal=connection.portal_id,
                    connection=connection.pk,
                    message=verdict.pk,
                )
            )
    ExchangeRow.objects.bulk_create(rows)


def _judge_account(connection: Connection, verdicts: Sequence[Verdict]) -> None:
    """What the verdicts say of the account as a whole: working, throttled, in trouble, blocked."""
    now = timezone.now()
    row = Connection.objects.filter(pk=connection.pk)
    accepted = any(verdict.kind in (Kind.ACCEPTED, Kind.REJECTED) for verdict in verdicts)
    trouble = sum(verdict.kind in (Kind.UNCERTAIN, Kind.UNREACHABLE) for verdict in verdicts)
    if accepted:
        row.update(last_accepted_at=now, troubles_in_a_row=0, breaker_until=None, slow=False)
    elif trouble:
        _open_breaker(connection.pk, trouble, slow=any(verdict.ms > SLOW_AFTER for verdict in verdicts))
    worst = next((verdict for verdict in reversed(verdicts) if verdict.kind != Kind.ACCEPTED), None)
    if worst is not None:
        row.update(error_code=worst.code[:60], error_words=worst.words[:300], error_at=now)
    throttled = [verdict for verdict in verdicts if verdict.kind == Kind.THROTTLED]
    if throttled:
        until = now + timedelta(seconds=max(verdict.after or 2.0 for verdict in throttled))
        row.update(throttled_until=Greatest("throttled_until", Value(until)))
    for verdict in verdicts:
        if verdict.kind == Kind.ACCOUNT_BLOCKED:
            connections.block(connection, verdict.reason, verdict.code, verdict.words)
            break


def _open_breaker(connection_id: int, trouble: int, *, slow: bool) -> None:
    row = Connection.objects.filter(pk=connection_id)
    row.update(troubles_in_a_row=Least(F("troubles_in_a_row") + trouble, Value(1000)))
    if slow:
        row.update(slow=True)
    count = row.values_list("troubles_in_a_row", flat=True).first() or 0
    if count >= BREAKER_AFTER:
        row.update(breaker_until=timezone.now() + backoff(count - BREAKER_AFTER + 1, first=5, limit=300, factor=2))
