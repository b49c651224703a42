"""Record send results: messages, parts, exchanges and the health of accounts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import itemgetter
from typing import Any

from django.db import connection as database
from django.db import transaction

from b24app.core.database.deadlock_retry import retry_on_deadlock
from b24app.core.database.outage import AWAY
from b24app.core.isolation import work_apart
from b24app.core.monitoring import metrics
from b24app.exchange_log import recording
from b24app.exchange_log.models import Exchange as ExchangeRow
from b24app.messaging import dead_letters, early_reports
from b24app.messaging.dispatch import account_health
from b24app.messaging.guards import stop_list
from b24app.messaging.models import Connection, Message, MessagePart
from b24app.messaging.models.dead_letters import Kind as Letter
from b24app.messaging.models.guards import StopSource
from b24app.messaging.models.statuses import Change, Phase, Reason, Status
from b24app.messaging.retry_policy import first_poll_at, next_step
from b24app.messaging.send_results import ResultKind, SendResult
from providers.kit import registry
from providers.kit.contract import Provider


@dataclass(frozen=True, slots=True)
class Batch:
    """Results of one account."""

    connection: Connection
    service: type[Provider]
    results: Sequence[SendResult]


@dataclass(slots=True)
class PendingWrites:
    """Rows to write for some batches."""

    changes: list[Change] = field(default_factory=list)
    waits: list[tuple[Any, ...]] = field(default_factory=list)
    parts: list[MessagePart] = field(default_factory=list)
    exchanges: list[ExchangeRow] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)  # service and reason, for the metrics


def record_results(batches: Sequence[Batch]) -> set[int]:
    """Write results and the health of their accounts in one transaction; safe to run twice.

    Return the connections with early reports for one of the refs. Refs are committed before these reports are searched
    for, and reports are stored before they look for their ref: whichever comes second sees the other.
    """
    writes = PendingWrites()
    for batch in batches:
        for result in batch.results:
            _add_result(batch.connection, batch.service, result, writes)
            writes.exchanges += _exchange_rows(batch.connection, result)
    _write_rows(writes)
    _count_results(batches, writes)
    account_health.update_health((batch.connection, batch.results) for batch in batches)
    return _wake_early_reports(batches)


def record_isolated(batches: Sequence[Batch]) -> set[int]:
    """Do what `record_results` does, but let a result that cannot be written cost no other. Raise AWAY."""
    try:
        return record_results(batches)
    except AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a service said that we did not expect
        alone = [Batch(one.connection, one.service, [result]) for one in batches for result in one.results]
        return {pk for found in work_apart(alone, record_results, _note_failed_result, error) for pk in found}


def _note_failed_result(batch: Batch, error: Exception) -> None:
    """Leave the message on the wire: when its lease ends it becomes unknown, which is the truth."""
    dead_letters.note(Letter.VERDICT, batch.results[0].pk, error, portal=batch.connection.portal_id)


def replay_results(record: Mapping[str, Any]) -> None:
    """Write results that waited on disk."""
    connection = Connection.objects.get(pk=record["connection"])
    results = [SendResult.from_json(one) for one in record["verdicts"]]
    record_isolated([Batch(connection, registry.get(connection.service), results)])


def _wake_early_reports(batches: Sequence[Batch]) -> set[int]:
    results = [(batch.connection.pk, result) for batch in batches for result in batch.results]
    return early_reports.make_due([(pk, ref) for pk, one in results for ref in (one.ref, *one.refs) if ref])


@retry_on_deadlock
def _write_rows(writes: PendingWrites) -> None:
    with transaction.atomic():
        climbed = Message.objects.advance(writes.changes)
        stop_list.add_opt_outs((one.pk for one in writes.changes if one.reason == Reason.OPT_OUT), StopSource.REFUSAL)
        _complete_late_receipts(change for change in writes.changes if change.ref and change.pk not in climbed)
        _reschedule_messages(writes.waits)
        MessagePart.objects.bulk_create(writes.parts, ignore_conflicts=True)
        recording.insert_exchanges(writes.exchanges)


def _add_result(connection: Connection, service: type[Provider], result: SendResult, writes: PendingWrites) -> None:
    if result.kind == ResultKind.ACCEPTED or _is_proven_duplicate(result):
        writes.changes.append(_accepted_change(service, result))
        if len(result.refs) > 1:
            writes.parts += [MessagePart(connection=connection, message_id=result.pk, ref=ref) for ref in result.refs]
    elif result.kind == ResultKind.REJECTED:
        reason = Reason(result.reason) if result.reason in Reason.values else Reason.REJECTED
        writes.changes.append(
            Change(pk=result.pk, status=Status.FAILED, reason=reason, code=result.code, detail=result.detail)
        )
    else:
        step = next_step(connection, service, result)
        writes.waits.append((result.pk, result.attempt, *step, result.code, result.detail))
        if step.phase == Phase.UNKNOWN:
            writes.unknown.append((connection.service, step.reason))


def _count_results(batches: Sequence[Batch], writes: PendingWrites) -> None:
    for batch in batches:
        for result in batch.results:
            metrics.SENDS.labels(batch.connection.service, result.kind).inc()
            metrics.SEND_SECONDS.labels(batch.connection.service).observe(result.ms / 1000)
    for service, reason in writes.unknown:
        metrics.UNKNOWN.labels(service, reason).inc()


def _is_proven_duplicate(result: SendResult) -> bool:
    """Return whether "duplicate" proves that an earlier attempt was accepted.

    Without such an attempt it only says that somebody sent the same text a moment ago.
    """
    return result.kind == ResultKind.REJECTED and result.reason == "duplicate" and result.maybe_sent


def _accepted_change(service: type[Provider], result: SendResult) -> Change:
    return Change(
        pk=result.pk,
        status=Status.SENT,
        ref=result.ref or next(iter(result.refs), ""),
        parts=result.parts or len(result.refs) or None,
        price=Decimal(result.price) if result.price else None,
        currency=result.currency,
        poll_at=first_poll_at(service),
    )


RESCHEDULE = """
UPDATE messaging_message m
SET phase = w.phase, wait = w.wait, due_at = w.due_at, reason = w.reason, service_code = left(w.code, 60),
    detail = left(w.words, 300), lease_until = NULL, repeat_until = coalesce(w.repeat_until, m.repeat_until),
    poll_at = w.poll_at
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[],
            %s::timestamptz[], %s::text[], %s::text[])
     AS w(id, attempt, phase, wait, due_at, reason, repeat_until, poll_at, code, words)
WHERE m.id = w.id AND m.phase = 'on_wire' AND m.attempts = w.attempt
"""


def _reschedule_messages(waits: Sequence[tuple[Any, ...]]) -> None:
    if waits:
        with database.cursor() as cursor:
            cursor.execute(RESCHEDULE, [list(column) for column in zip(*sorted(waits, key=itemgetter(0)), strict=True)])


def _complete_late_receipts(changes: Iterable[Change]) -> None:
    """Complete messages whose report outran the receipt, so that their status stands already.

    The receipt still brings the ref, the price, and when to poll should no final status come.
    """
    for change in changes:
        Message.objects.filter(pk=change.pk, status=Status.SENT, poll_at=None).update(poll_at=change.poll_at)
        Message.objects.filter(pk=change.pk, ref="").update(
            ref=change.ref, parts=change.parts, price=change.price, currency=change.currency
        )


def _exchange_rows(connection: Connection, result: SendResult) -> Iterable[ExchangeRow]:
    for exchange in result.exchanges:
        yield recording.exchange_row(
            exchange, connection.service, portal=connection.portal_id, connection=connection.pk, message=result.pk
        )
