"""One connection while a worker drains it: how much may fly at once, and the flight itself."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from django.utils import timezone

from b24app.core import signed_urls
from b24app.messaging.connections import lifecycle
from b24app.messaging.connections.token_cache import SharedMemo
from b24app.messaging.dispatch.rate_limit import RateLimit
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.send_results import ResultKind, SendResult
from providers.kit import errors
from providers.kit.contract import Accepted, Provider, Scope, Sms
from providers.kit.fields import Host, Url
from providers.kit.http import Exchange, Http

log = structlog.get_logger(__name__)

HANGS_AFTER = 2.0  # seconds without any answer
FIRST_WINDOW = 2
NAMES_OF_HOSTS = {"url", "base_url", "host"}  # of fields that are neither Url nor Host, as a template or a choice
BULK_TURN = 5  # every so many claims that found something bulk goes first, so that it keeps a share of the rate
TROUBLE = frozenset({ResultKind.UNCERTAIN, ResultKind.UNREACHABLE, ResultKind.THROTTLED})


class Drain:
    """A connection whose lease this worker holds; its window opens answer by answer, so a dead service costs little."""

    def __init__(self, connection: Connection, service: type[Provider], http: Http | None = None) -> None:
        self.connection = connection
        self.service = service
        self.http = http or lifecycle.http_for(service, connection.account, _keep)
        self.memo = SharedMemo(connection.uuid.hex)
        self.pace = RateLimit(connection.rate or service.rate, connection.paced_until)
        self.flying: dict[int, tuple[Message, float]] = {}
        self.senders: dict[int, Sender] = {}
        self.window = FIRST_WINDOW
        self.claims = 0
        self.host = host_of(service, connection.account)
        self.asked_at = 0.0  # whether it has something to send
        self.touched_at = self.landed_at = time.monotonic()
        self.answered_at: float | None = None
        self.closed = False

    @property
    def portal(self) -> int:
        return self.connection.portal_id

    @property
    def concurrency(self) -> int:
        """One trial at a time while the breaker is half open."""
        if self.connection.breaker_until is not None:
            return 1
        return self.connection.concurrency or self.service.concurrency

    @property
    def bulk_first(self) -> bool:
        return self.claims % BULK_TURN == BULK_TURN - 1

    @property
    def hangs(self) -> bool:
        """Whether the service has not answered anything for a while."""
        if not self.flying:
            return False
        oldest = next(iter(self.flying.values()))[1]
        return time.monotonic() - max(oldest, self.landed_at) > HANGS_AFTER

    @property
    def answers(self) -> bool:
        """Whether it answered a moment ago."""
        return self.answered_at is not None and time.monotonic() - self.answered_at < HANGS_AFTER

    @property
    def barred(self) -> bool:
        """Whether the service wants nothing now: it said so, or its breaker is open."""
        until = (self.connection.throttled_until, self.connection.breaker_until)
        now = timezone.now()
        return any(moment is not None and moment > now for moment in until)

    def learn(self) -> None:
        """What is known of the account may close it; once closed stays closed."""
        self.closed = self.closed or self.barred

    def room(self) -> int:
        """How many messages may start now."""
        if self.closed or self.hangs:
            return 0
        return max(0, min(min(self.concurrency, self.window) - len(self.flying), self.pace.allowed()))

    def touch(self) -> None:
        """Something was done there just now."""
        self.touched_at = time.monotonic()

    def takes_off(self, message: Message) -> None:
        """A message goes on the wire."""
        self.pace.use(1)
        self.touched_at = time.monotonic()
        self.flying[message.pk] = (message, self.touched_at)

    def lands(self, result: SendResult) -> bool:
        """Its verdict came; False when it was given up meanwhile."""
        known = self.flying.pop(result.pk, None) is not None
        self.touched_at = self.landed_at = time.monotonic()
        if result.kind not in TROUBLE:
            self.answered_at = self.landed_at
        self.window = FIRST_WINDOW if result.kind in TROUBLE else min(self.window + 1, 1000)
        return known

    def attempt(self, message: Message, sender: Sender) -> SendResult:
        """In a thread of its own: HTTP and nothing else."""
        sms = self._sms(message, sender)
        exchanges: list[Exchange] = []
        http = self.http.recording(exchanges.append)
        http = http.hiding(number=message.to, text={message.text, sms.text}, address=sms.report_url)
        said: Accepted | errors.SmsError
        try:
            said = self.service(self.connection.account, http, self.memo).send(sms)
        except errors.SmsError as error:
            said = error
        except Exception as error:  # the file of a service broke, perhaps after the message had left
            log.exception("service_broke", service=self.service.code, exc_info=error)
            said = errors.Uncertain("The service's adapter broke.", code=type(error).__name__)
        return SendResult.of(message, said, exchanges)

    def _sms(self, message: Message, sender: Sender) -> Sms:
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
    """Return the host that this very account sends to, where it names one, else a name for the service's own."""
    for field in service.fields:
        value = account.get(field.name) or field.default
        if value and (isinstance(field, Url | Host) or field.name in NAMES_OF_HOSTS):
            with suppress(ValueError):
                return urlsplit(value if "//" in value else f"//{value}").netloc.lower()
    return service.code


@dataclass(frozen=True, slots=True)
class FinishedSend:
    """A flight is over."""

    drain: Drain
    result: SendResult


def _keep(_exchange: Exchange) -> None:
    """Every flight records on its own."""


def load_senders(drains: Mapping[int, Drain], messages: list[Message]) -> None:
    """Read the senders that are not known yet, for all connections at once."""
    missing = {one.sender_id for one in messages if one.sender_id not in drains[one.connection_id].senders}
    if missing:
        for sender in Sender.objects.filter(pk__in=missing):
            drains[sender.connection_id].senders[sender.pk] = sender
