"""The rows that verdicts change: messages, parts, exchanges, and what is thought of the accounts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import itemgetter
from typing import Any

from django.db import connection as database
from django.db import transaction

from b24app.core.deadlock_retry import retry_on_deadlock
from b24app.core.isolation import work_apart
from b24app.core.outage import AWAY
from b24app.exchange_log import recording
from b24app.exchange_log.models import Exchange as ExchangeRow
from b24app.messaging import dead_letters, early_reports
from b24app.messaging.dispatch import account_health
from b24app.messaging.guards import stop_list
from b24app.messaging.models import Connection, Message, MessagePart
from b24app.messaging.models.dead_letters import Kind as Letter
from b24app.messaging.models.guards import StopSource
from b24app.messaging.models.statuses import Change, Reason, Status
from b24app.messaging.retry_policy import first_poll_at, next_step
from b24app.messaging.send_results import ResultKind, SendResult
from providers.kit import registry
from providers.kit.contract import Provider


@dataclass(frozen=True, slots=True)
class Batch:
    """What one account's service said."""

    connection: Connection
    service: type[Provider]
    verdicts: Sequence[SendResult]


@dataclass(slots=True)
class Outcome:
    """Rows to write for some batches."""

    changes: list[Change] = field(default_factory=list)
    waits: list[tuple[Any, ...]] = field(default_factory=list)
    parts: list[MessagePart] = field(default_factory=list)
    exchanges: list[ExchangeRow] = field(default_factory=list)


def record_results(batches: Sequence[Batch]) -> set[int]:
    """Write verdicts and what they say of their accounts, in one transaction; safe to run twice.

    Answers the connections where early reports wait for one of the refs. The refs are committed before they are looked
    for: reports are kept before they look for the ref, so whoever comes second sees the other.
    """
    outcome = Outcome()
    for batch in batches:
        for verdict in batch.verdicts:
            _judge(batch.connection, batch.service, verdict, outcome)
            outcome.exchanges += _exchanges(batch.connection, verdict)
    _write(outcome)
    account_health.update_health((batch.connection, batch.verdicts) for batch in batches)
    return _reported_early(batches)


def record_isolated(batches: Sequence[Batch]) -> set[int]:
    """Like `record`, but a verdict that cannot be written costs no other: its message becomes unknown. Raises AWAY."""
    try:
        return record_results(batches)
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a service said that we did not expect
        alone = [Batch(one.connection, one.service, [verdict]) for one in batches for verdict in one.verdicts]
        return {pk for found in work_apart(alone, record_results, _set_aside, error) for pk in found}


def _set_aside(batch: Batch, error: Exception) -> None:
    """Its message stays on the wire until its lease is over; then nobody knows what became of it, which is true."""
    dead_letters.note(Letter.VERDICT, batch.verdicts[0].pk, error, portal=batch.connection.portal_id)


def replay_results(kept: Mapping[str, Any]) -> None:
    """Write verdicts that waited on disk."""
    connection = Connection.objects.get(pk=kept["connection"])
    verdicts = [SendResult.from_json(one) for one in kept["verdicts"]]
    record_isolated([Batch(connection, registry.get(connection.service), verdicts)])


def _reported_early(batches: Sequence[Batch]) -> set[int]:
    verdicts = [(batch.connection.pk, verdict) for batch in batches for verdict in batch.verdicts]
    return early_reports.make_due([(pk, ref) for pk, one in verdicts for ref in (one.ref, *one.refs) if ref])


@retry_on_deadlock
def _write(outcome: Outcome) -> None:
    with transaction.atomic():
        climbed = Message.objects.advance(outcome.changes)
        stop_list.learn_from((one.pk for one in outcome.changes if one.reason == Reason.OPT_OUT), StopSource.REFUSAL)
        _complete_late(change for change in outcome.changes if change.ref and change.pk not in climbed)
        _wait(outcome.waits)
        MessagePart.objects.bulk_create(outcome.parts, ignore_conflicts=True)
        recording.insert_exchanges(outcome.exchanges)


def _judge(connection: Connection, service: type[Provider], verdict: SendResult, outcome: Outcome) -> None:
    if verdict.kind == ResultKind.ACCEPTED or _is_proven(verdict):
        outcome.changes.append(_accepted(service, verdict))
        if len(verdict.refs) > 1:
            outcome.parts += [
                MessagePart(connection=connection, message_id=verdict.pk, ref=ref) for ref in verdict.refs
            ]
    elif verdict.kind == ResultKind.REJECTED:
        reason = Reason(verdict.reason) if verdict.reason in Reason.values else Reason.REJECTED
        outcome.changes.append(
            Change(pk=verdict.pk, status=Status.FAILED, reason=reason, code=verdict.code, detail=verdict.words)
        )
    else:
        after = next_step(connection, service, verdict)
        outcome.waits.append((verdict.pk, verdict.attempt, *after, verdict.code, verdict.words))


def _is_proven(verdict: SendResult) -> bool:
    """A duplicate of a try that may have been taken; else it says only that somebody had the same text a moment ago."""
    return verdict.kind == ResultKind.REJECTED and verdict.reason == "duplicate" and verdict.doubted


def _accepted(service: type[Provider], verdict: SendResult) -> Change:
    return Change(
        pk=verdict.pk,
        status=Status.SENT,
        ref=verdict.ref or next(iter(verdict.refs), ""),
        parts=verdict.parts or len(verdict.refs) or None,
        price=Decimal(verdict.price) if verdict.price else None,
        currency=verdict.currency,
        poll_at=first_poll_at(service),
    )


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
    """A report outran the receipt, so the status stands already; the receipt still brings the ref, the price, and when
    the service is to be asked should no final word come."""
    for change in changes:
        Message.objects.filter(pk=change.pk, status=Status.SENT, poll_at=None).update(poll_at=change.poll_at)
        Message.objects.filter(pk=change.pk, ref="").update(
            ref=change.ref, parts=change.parts, price=change.price, currency=change.currency
        )


def _exchanges(connection: Connection, verdict: SendResult) -> Iterable[ExchangeRow]:
    for kept in verdict.exchanges:
        yield recording.exchange_row(
            kept, connection.service, portal=connection.portal_id, connection=connection.pk, message=verdict.pk
        )
