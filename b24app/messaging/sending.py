"""The sending half of step 2: claims what goes on the wire at once and holds verdicts until they are written.

Threads do HTTP and nothing else; the drain's own thread does the database, in bulk.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection as database
from django.utils import timezone

from b24app.core import addresses, spool, stopping
from b24app.core.outage import AWAY
from b24app.messaging import connections, guards
from b24app.messaging.memo import SharedMemo
from b24app.messaging.models import Connection, ConnectionState, Message, Sender
from b24app.messaging.pace import Pace
from b24app.messaging.statuses import Phase, Wait
from b24app.messaging.verdicts import Verdict, record
from providers.kit import errors, registry
from providers.kit.contract import Accepted, Provider, Scope, Sms
from providers.kit.http import Exchange

log = structlog.get_logger(__name__)

SLICE = 10.0  # seconds a drain claims new messages before it lets others have the worker
CONNECTION_LEASE = timedelta(seconds=30)
RENEW_EVERY = 5.0  # seconds
MESSAGE_LEASE = timedelta(seconds=180)  # longer than the longest send and a minute without a database
LINGER = 0.005  # seconds in which verdicts gather to be written together
LOOK_AGAIN = 0.25  # seconds after which new messages go out beside those that hang

# One class at a time, for only so does the index give the order.
CLAIM = """
UPDATE messaging_message SET
    phase = 'on_wire', wait = '', lease_until = %(lease)s, attempts = attempts + 1,
    first_attempt_at = coalesce(first_attempt_at, %(now)s)
WHERE id IN (
    SELECT m.id FROM messaging_message m
    WHERE m.connection_id = %(connection)s AND m.phase = 'waiting' AND m.bulk = %(bulk)s
      AND m.due_at <= %(now)s AND m.expires_at > %(now)s
      AND (m.repeat_until IS NULL OR m.repeat_until > %(now)s)
      AND EXISTS (SELECT 1 FROM messaging_connection c JOIN portals_portal p ON p.id = c.portal_id
                  WHERE c.id = %(connection)s AND c.state = 'active' AND p.uninstalled_at IS NULL)
    ORDER BY m.due_at, m.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING *
"""


class Drain:
    """One visit to a connection: claims, sends in threads, writes verdicts."""

    def __init__(self, connection: Connection, service: type[Provider]) -> None:
        self.connection = connection
        self.service = service
        self.local = threading.local()
        self.http = connections.http_for(service, connection.account, self._keep)
        self.memo = SharedMemo(connection.uuid.hex)
        self.pace = Pace(connection.rate or service.rate, connection.paced_until)
        self.senders: dict[int, Sender] = {}
        self.claims = 0
        self.renew_at = time.monotonic() + RENEW_EVERY
        self.closed = False
        self.early_reports = False
        self.in_doubt: list[datetime] = []

    @property
    def concurrency(self) -> int:
        """One trial at a time while the breaker is open."""
        if self.connection.breaker_until is not None:
            return 1
        return self.connection.concurrency or self.service.concurrency

    def run(self) -> bool:
        """Send until nothing is due, the slice is over, or the service says stop."""
        if self.connection.breaker_until and self.connection.breaker_until > timezone.now():
            return False
        until = time.monotonic() + SLICE
        flying: dict[Future[Verdict], Message] = {}
        pool = ThreadPoolExecutor(self.connection.concurrency or self.service.concurrency)
        try:
            while True:
                self._renew()
                if not self.closed and time.monotonic() < until and not stopping.asked():
                    flying |= self._launch(pool, self.concurrency - len(flying))
                if not flying:
                    if self.closed or not self._worth_waiting(until):
                        break
                    continue
                landed = wait(flying, timeout=LOOK_AGAIN, return_when=FIRST_COMPLETED).done
                if not landed:
                    continue
                landed |= wait(flying, timeout=LINGER).done
                for future in landed:
                    del flying[future]
                self._write([future.result() for future in landed])
        finally:
            pool.shutdown()
            self.http.close()
            self.connection.paced_until = self.pace.used_until
        self._give_back()
        return self.early_reports

    def _renew(self) -> None:
        """Hold the lease while the service takes its time; whoever lost it claims nothing more."""
        if time.monotonic() < self.renew_at or self.closed:
            return
        self.renew_at = time.monotonic() + RENEW_EVERY
        mine = Connection.objects.filter(pk=self.connection.pk, lease_holder=self.connection.lease_holder)
        try:
            self.closed = not mine.update(lease_until=timezone.now() + CONNECTION_LEASE)
        except AWAY:
            database.close()
            self.closed = True

    def _worth_waiting(self, until: float) -> bool:
        """Sleep to the next token where the rate is all that holds us; not when nothing is due."""
        pause = self.pace.seconds_to_next()
        if pause <= 0 or time.monotonic() + pause > until or stopping.asked():
            return False
        return not stopping.wait(pause)

    def _launch(self, pool: ThreadPoolExecutor, free: int) -> dict[Future[Verdict], Message]:
        messages = self._claim(min(free, self.pace.allowed()))
        self.pace.use(len(messages))
        return {pool.submit(self._attempt, message): message for message in messages}

    def _claim(self, limit: int) -> list[Message]:
        """Ordinary before bulk; every fifth claim turns it round, so that bulk keeps a fifth of the rate."""
        if limit <= 0:
            return []
        self.claims += 1
        bulk_first = self.claims % 5 == 0
        now = timezone.now()
        lease = now + MESSAGE_LEASE
        values = {"connection": self.connection.pk, "now": now, "lease": lease}
        messages: list[Message] = []
        try:
            for bulk in (bulk_first, not bulk_first):
                if len(messages) < limit:
                    messages += Message.objects.raw(CLAIM, {**values, "bulk": bulk, "limit": limit - len(messages)})
            messages = guards.sift(messages)
            self._know_senders(messages)
        except AWAY:
            database.close()
            self.closed = True
            self.in_doubt.append(lease)
            return []
        return messages

    def _know_senders(self, messages: Sequence[Message]) -> None:
        missing = {message.sender_id for message in messages} - self.senders.keys()
        if missing:
            self.senders |= Sender.objects.in_bulk(missing)

    def _keep(self, exchange: Exchange) -> None:
        self.local.exchanges.append(exchange)

    def _attempt(self, message: Message) -> Verdict:
        """In a thread of the pool: HTTP and nothing else."""
        self.local.exchanges = []
        sms = self._sms(message)
        http = self.http.hiding(number=message.to, text=message.text, address=sms.report_url)
        said: Accepted | errors.SmsError
        try:
            said = self.service(self.connection.account, http, self.memo).send(sms)
        except errors.SmsError as error:
            said = error
        except Exception as error:  # the file of a service broke, perhaps after the message had left
            log.exception("service_broke", service=self.service.code, exc_info=error)
            said = errors.Uncertain("The service's adapter broke.", code=type(error).__name__)
        return Verdict.of(message, said, self.local.exchanges)

    def _sms(self, message: Message) -> Sms:
        sender = self.senders[message.sender_id]
        per_message = self.service.report_scope == Scope.MESSAGE
        connection = self.connection.uuid.hex
        return Sms(
            to=message.to,
            text=message.text,
            reference=message.reference.hex,
            sender=sender.signature,
            report_url=addresses.report(connection, message.reference.hex) if per_message else "",
            options=sender.options,
        )

    def _write(self, verdicts: list[Verdict]) -> None:
        """Record verdicts, however long the database is away."""

        def write() -> None:
            self.early_reports |= record(self.connection, self.service, verdicts)
            self._look_again()

        kept = {"connection": self.connection.pk, "verdicts": [asdict(one) for one in verdicts]}
        if not held_until_written("verdicts", kept, write):
            self.closed = True

    def _give_back(self) -> None:
        """The database went away during a claim: what it may have handed out all the same was never sent."""
        for lease in self.in_doubt:
            kept = {"connection": self.connection.pk, "lease": lease.isoformat()}
            held_until_written("claim", kept, lambda kept=kept: take_claim(kept))  # type: ignore[misc]

    def _look_again(self) -> None:
        """The verdicts may have blocked or throttled the account, and people may have; once closed stays closed."""
        fresh = Connection.objects.only("state", "throttled_until", "breaker_until", "checked_at").get(
            pk=self.connection.pk
        )
        now = timezone.now()
        self.connection.breaker_until = fresh.breaker_until
        self.closed = (
            self.closed
            or fresh.checked_at != self.connection.checked_at  # there are new credentials
            or fresh.state != ConnectionState.ACTIVE
            or bool(fresh.throttled_until and fresh.throttled_until > now)
            or bool(fresh.breaker_until and fresh.breaker_until > now)
        )


def held_until_written(kind: str, kept: Mapping[str, Any], write: Callable[[], None]) -> bool:
    """Write, again and again while the database is away; False when the worker had to stop and left it on disk."""
    pause = 0.2
    while True:
        try:
            write()
            return True
        except AWAY:
            database.close()
        if stopping.wait(pause):
            spool.put(kind, kept)
            return False
        pause = min(pause * 2, 5.0)


def take_claim(kept: Mapping[str, Any]) -> None:
    """Let messages wait again that were claimed under this very lease and surely never left."""
    Message.objects.filter(
        connection=kept["connection"], phase=Phase.ON_WIRE, lease_until=datetime.fromisoformat(kept["lease"])
    ).update(phase=Phase.WAITING, wait=Wait.RETRY, due_at=timezone.now(), lease_until=None)


def take_verdicts(kept: Mapping[str, Any]) -> None:
    """Write verdicts that waited on disk."""
    connection = Connection.objects.get(pk=kept["connection"])
    verdicts = [Verdict.from_json(one) for one in kept["verdicts"]]
    record(connection, registry.get(connection.service), verdicts)
