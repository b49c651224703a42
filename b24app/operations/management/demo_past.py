"""Two weeks of messages: they are processed at once, then their times are moved into the past.

The application's own steps process and count them; only the waiting in between is left out.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from b24app.messaging import send_results
from b24app.messaging.actions import messages
from b24app.messaging.connections import lifecycle
from b24app.messaging.connections.token_cache import RedisTokenCache
from b24app.messaging.dispatch import completer
from b24app.messaging.intake import acceptance
from b24app.messaging.models import Connection, DayTally, DeliveryReport, Message, Sender
from b24app.messaging.models.statuses import Phase
from b24app.messaging.reports import acceptance as reports
from b24app.messaging.reports import applier
from b24app.messaging.statistics import breakdowns
from b24app.operations.management.demo_plan import MODULES, PlannedMessage, plan_messages
from providers.demo import Demo
from providers.kit import contract, errors
from providers.kit.http import Exchange

SEED = 20_120_412  # any number, but always this one
PRICE, CURRENCY = Decimal("0.0079"), "USD"  # of one part, invented
Pair = tuple[PlannedMessage, Message]


def seed_messages(
    sender: Sender,
    *,
    seed: int = SEED,
    modules: Mapping[str, int] = MODULES,
    times: int = 1,
    authors: Sequence[int] = (),
) -> int:
    """Store the planned messages of a new sender with their results; return how many.

    `modules` and `times` are those of the plan; without `authors` the installing user writes from the cards. Call it
    in a transaction: half-way the messages are due, and a worker would send them.
    """
    random = Random(seed)  # noqa: S311 - not a secret
    planned = plan_messages(random, timezone.now(), sender.portal.zone, modules=modules, times=times)
    authors = authors or list(sender.portal.tokens.values_list("user_id", flat=True)[:1]) or [0]
    for place, one in enumerate(planned):
        _accept_message(sender, one, authors[place % len(authors)])
    due = [pair for pair in _pair_messages(planned, sender) if pair[1].phase == Phase.WAITING]
    _send_due(random, sender.connection, due)
    _spread_send_times(random, sender)
    _insert_reports(sender.connection, _pair_messages(planned, sender))
    breakdowns.count_climbs()
    _backdate_messages(random, sender)
    return len(planned)


def _pair_messages(planned: Sequence[PlannedMessage], sender: Sender) -> list[Pair]:
    return list(zip(planned, Message.objects.filter(sender=sender).order_by("pk"), strict=True))


def _accept_message(sender: Sender, one: PlannedMessage, author: int) -> None:
    """Accept a handler call as the portal makes it: people write from cards, robots and campaigns have no author."""
    payload = {
        "message_id": one.message_id,
        "message_to": one.to,
        "message_body": one.text,
        "module_id": one.module,
        "ts": str(int((one.received_at - one.outcome.late).timestamp())),
        "auth": {"user_id": str(author if one.module == "crm" else 0)},
    }
    acceptance.accept_call(sender.uuid.hex, payload, one.received_at)
    if one.outcome.is_cancelled:
        messages.cancel_message(Message.objects.get(sender=sender, message_id=one.message_id))


def _send_due(random: Random, connection: Connection, due: Sequence[Pair]) -> None:
    """Send as the dispatcher does, without its threads, rate limit and retries."""
    for one, message in due:
        message.phase, message.attempts = Phase.ON_WIRE, one.outcome.tries
        message.first_attempt_at = one.received_at + timedelta(seconds=random.uniform(0.1, 0.9))
    Message.objects.bulk_update([message for _one, message in due], ["phase", "attempts", "first_attempt_at"])
    http = lifecycle.http_for(Demo, {}, lambda _exchange: None)
    service = Demo({}, http, RedisTokenCache(connection.uuid.hex))
    completer.record_results(
        [completer.Batch(connection, Demo, [_make_result(random, service, message) for _one, message in due])]
    )
    http.close()


def _make_result(random: Random, service: contract.Provider, message: Message) -> send_results.SendResult:
    outcome: contract.Accepted | errors.SmsError
    try:
        receipt = service.send(contract.Sms(to=message.to, text=message.text, reference=message.reference.hex))
        price, currency = PRICE * (receipt.parts or 1), message.connection.currency or CURRENCY
        outcome = replace(receipt, ref=f"{random.getrandbits(128):032x}", price=price, currency=currency)
    except errors.SmsError as error:
        outcome = error
    return send_results.SendResult.of(message, outcome, _make_exchanges(random, message, outcome))


def _make_exchanges(random: Random, message: Message, outcome: contract.Accepted | errors.SmsError) -> list[Exchange]:
    """Return exchanges, which the demo service does not have, one per attempt."""
    began = message.first_attempt_at or message.received_at
    pause = (timezone.now() - began) / message.attempts
    return [_make_exchange(random, began + pause * place, outcome) for place in range(message.attempts)]


def _make_exchange(random: Random, at: datetime, outcome: contract.Accepted | errors.SmsError) -> Exchange:
    silent = isinstance(outcome, errors.Unreachable | errors.Uncertain)
    answer = (
        {"id": outcome.ref, "status": "accepted"} if isinstance(outcome, contract.Accepted) else {"error": outcome.code}
    )
    return Exchange(
        at=at,
        method="POST",
        host="sms.example",
        path="/messages",
        status=0 if silent else 202 if isinstance(outcome, contract.Accepted) else 400,
        ms=random.randint(60, 900),
        request="",
        response="" if silent else json.dumps(answer),
        error=type(outcome).__name__ if silent else "",
    )


def _spread_send_times(random: Random, sender: Sender) -> None:
    """Spread the time between acceptance and report: most within seconds, some later."""
    messages = list(Message.objects.filter(sender=sender).order_by("pk"))
    for message in messages:
        if message.sent_at:
            message.sent_at -= timedelta(seconds=min(1 + random.lognormvariate(1.3, 0.9), 90))
    Message.objects.bulk_update(messages, ["sent_at"])


def _insert_reports(connection: Connection, pairs: Iterable[Pair]) -> None:
    """Insert and apply the reports on accepted messages."""
    reported = [
        contract.Report(ref=message.ref, status=status, word=status.value, code=one.outcome.code)
        for one, message in pairs
        if message.ref and (status := one.outcome.reported)
    ]
    reports.insert_reports(connection.pk, reported)
    applier.apply_due()


def _backdate_messages(random: Random, sender: Sender) -> None:
    """Move ends shortly after the arrival and mark them as pushed; nothing is left to poll or push."""
    messages = list(Message.objects.filter(sender=sender).order_by("pk"))
    for message in messages:
        asked = message.first_attempt_at or message.received_at
        answered = asked + timedelta(seconds=random.uniform(0.1, 0.9))
        if message.sent_at:
            took = message.final_at - message.sent_at if message.final_at else timedelta(0)
            message.sent_at = answered
            answered += took
        if message.final_at:
            message.final_at = answered if message.attempts else message.received_at
        if message.phase != Phase.UNKNOWN:  # never pushed to the portal
            message.pushed = message.status
        message.poll_at = message.push_at = None
    Message.objects.bulk_update(messages, ["sent_at", "final_at", "pushed", "poll_at", "push_at"])
    _backdate_tallies(sender, messages)
    ends = Message.objects.filter(pk=OuterRef("message")).values("final_at")
    DeliveryReport.objects.filter(connection=sender.connection).update(received_at=Subquery(ends))


def _backdate_tallies(sender: Sender, messages: Sequence[Message]) -> None:
    """Set when a tally last counted a message."""
    tallies = list(DayTally.objects.filter(sender=sender))
    for tally in tallies:
        place = (tally.day, tally.status, tally.reason)
        moments = [one.final_at or one.sent_at for one in messages if (one.day, one.status, one.reason) == place]
        tally.last_at = max((moment for moment in moments if moment), default=None)
    DayTally.objects.bulk_update(tallies, ["last_at"])
