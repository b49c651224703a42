"""One connection while a worker drains it: how many messages may be in flight, and sending one."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from django.utils import timezone

from b24app.core import signed_urls
from b24app.messaging.connections import lifecycle
from b24app.messaging.connections.token_cache import RedisTokenCache
from b24app.messaging.dispatch.rate_limit import RateLimit
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.send_results import ResultKind, SendResult
from providers.kit import errors
from providers.kit.contract import Accepted, Provider, Scope, Sms
from providers.kit.fields import Host, Url
from providers.kit.http import Exchange, Http

log = structlog.get_logger(__name__)

UNRESPONSIVE_AFTER = 2.0  # seconds without any answer
FIRST_WINDOW = 2
HOST_FIELDS = {"url", "base_url", "host"}  # of fields that are neither Url nor Host: templates and choices
BULK_EVERY = 5  # each fifth claim that found messages prefers bulk, which so keeps a fifth of the rate
FAILURES = frozenset({ResultKind.UNCERTAIN, ResultKind.UNREACHABLE, ResultKind.THROTTLED})


class Drain:
    """A connection whose lease this worker holds. Its window opens answer by answer, so a dead service costs little."""

    def __init__(self, connection: Connection, service: type[Provider], http: Http | None = None) -> None:
        self.connection = connection
        self.service = service
        self.http = http or lifecycle.http_for(service, connection.account, _ignore_exchange)
        self.token_cache = RedisTokenCache(connection.uuid.hex)
        self.rate_limit = RateLimit(connection.rate or service.rate, connection.paced_until)
        self.in_flight: dict[int, tuple[Message, float]] = {}
        self.senders: dict[int, Sender] = {}
        self.window = FIRST_WINDOW
        self.claim_count = 0
        self.host = host_of(service, connection.account)
        self.last_claim_at = 0.0  # when it was last asked whether it has messages to send
        self.last_active_at = self.last_finished_at = time.monotonic()
        self.last_answer_at: float | None = None
        self.closed = False

    @property
    def portal_id(self) -> int:
        return self.connection.portal_id

    @property
    def concurrency(self) -> int:
        """Return how many may be in flight; one trial at a time while the breaker is half open."""
        if self.connection.breaker_until is not None:
            return 1
        return self.connection.concurrency or self.service.concurrency

    @property
    def bulk_first(self) -> bool:
        return self.claim_count % BULK_EVERY == BULK_EVERY - 1

    @property
    def is_unresponsive(self) -> bool:
        """Return whether the service has answered nothing for a while."""
        if not self.in_flight:
            return False
        oldest = next(iter(self.in_flight.values()))[1]
        return time.monotonic() - max(oldest, self.last_finished_at) > UNRESPONSIVE_AFTER

    @property
    def is_responsive(self) -> bool:
        """Return whether the service answered a moment ago."""
        return self.last_answer_at is not None and time.monotonic() - self.last_answer_at < UNRESPONSIVE_AFTER

    @property
    def is_suspended(self) -> bool:
        """Return whether nothing may be sent now: the service throttles us, or the breaker is open."""
        until = (self.connection.throttled_until, self.connection.breaker_until)
        now = timezone.now()
        return any(moment is not None and moment > now for moment in until)

    def refresh(self) -> None:
        """Close the drain if its connection is suspended. Once closed it stays closed."""
        self.closed = self.closed or self.is_suspended

    def free_slots(self) -> int:
        """Return how many messages may start now."""
        if self.closed or self.is_unresponsive:
            return 0
        return max(0, min(min(self.concurrency, self.window) - len(self.in_flight), self.rate_limit.allowed()))

    def mark_active(self) -> None:
        """Note that something was done just now, so that the lease is held a while longer."""
        self.last_active_at = time.monotonic()

    def start(self, message: Message) -> None:
        """Count a message as in flight."""
        self.rate_limit.use(1)
        self.last_active_at = time.monotonic()
        self.in_flight[message.pk] = (message, self.last_active_at)

    def finish(self, result: SendResult) -> bool:
        """Apply a result to the window; return False if the message was given up meanwhile."""
        was_in_flight = self.in_flight.pop(result.pk, None) is not None
        self.last_active_at = self.last_finished_at = time.monotonic()
        if result.kind not in FAILURES:
            self.last_answer_at = self.last_finished_at
        self.window = FIRST_WINDOW if result.kind in FAILURES else min(self.window + 1, 1000)
        return was_in_flight

    def attempt(self, message: Message, sender: Sender) -> SendResult:
        """Send a message and return the result. Runs in a thread of its own, which does HTTP and nothing else."""
        sms = self._build_sms(message, sender)
        exchanges: list[Exchange] = []
        http = self.http.recording(exchanges.append)
        http = http.hiding(number=message.to, text={message.text, sms.text}, address=sms.report_url)
        answer: Accepted | errors.SmsError
        try:
            answer = self.service(self.connection.account, http, self.token_cache).send(sms)
        except errors.SmsError as error:
            answer = error
        except Exception as error:  # the adapter failed, perhaps after the message had left
            log.exception("service_adapter_failed", service=self.service.code, exc_info=error)
            answer = errors.Uncertain("The service's adapter broke.", code=type(error).__name__)
        return SendResult.of(message, answer, exchanges)

    def _build_sms(self, message: Message, sender: Sender) -> Sms:
        per_message = self.service.report_scope == Scope.MESSAGE
        connection = self.connection.uuid.hex
        return Sms(
            to=message.to,
            text=sender.written(message.text),
            reference=message.reference.hex,
            sender=sender.signature,
            report_url=signed_urls.report_url(connection, message.reference.hex) if per_message else "",
            options=sender.options,
        )


def host_of(service: type[Provider], account: Mapping[str, str]) -> str:
    """Return the host this account sends to if one of its fields names it, else the service's code."""
    for field in service.fields:
        value = account.get(field.name) or field.default
        if value and (isinstance(field, Url | Host) or field.name in HOST_FIELDS):
            with suppress(ValueError):
                return urlsplit(value if "//" in value else f"//{value}").netloc.lower()
    return service.code


@dataclass(frozen=True, slots=True)
class FinishedSend:
    """A send that ended, and its result."""

    drain: Drain
    result: SendResult


def _ignore_exchange(_exchange: Exchange) -> None:
    """Do nothing: each send records its own exchanges."""


def load_senders(drains: Mapping[int, Drain], messages: list[Message]) -> None:
    """Load senders that are not cached in their drain yet, for all connections at once."""
    missing = {one.sender_id for one in messages if one.sender_id not in drains[one.connection_id].senders}
    if missing:
        for sender in Sender.objects.filter(pk__in=missing):
            drains[sender.connection_id].senders[sender.pk] = sender
