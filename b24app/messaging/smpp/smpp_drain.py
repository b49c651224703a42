"""One account while this process keeps it bound: how many messages may be in flight, and sending one."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from b24app.messaging.dispatch import drain
from b24app.messaging.dispatch.drain import Drain
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.send_results import SendResult
from b24app.messaging.smpp.rate_allowance import RateAllowance
from b24app.messaging.smpp.session import MAX_ID_LENGTH, Session
from b24app.messaging.smpp.session_events import DialResult, SessionEvent
from providers.kit.contract import Accepted, Sms
from providers.kit.errors import SmsError, Throttled, Uncertain, Unreachable
from providers.kit.http import MAX_KEPT, Exchange, Http
from providers.kit.segments import measure
from providers.kit.smpp.pdu import Pdu
from providers.smpp import Smpp, exchange_status, status_code

log = structlog.get_logger(__name__)

ALL_PARTS_TIMEOUT = 100.0  # seconds for all parts of a message, well within its lease
PART_RETRY_PAUSES = (1.0, 2.0, 4.0)  # seconds until a later part that surely was not accepted is submitted again
LOGGED_FIELDS = (
    *("source_addr", "source_addr_ton", "source_addr_npi", "destination_addr", "dest_addr_ton", "dest_addr_npi"),
    *("data_coding", "esm_class", "registered_delivery", "validity_period"),
)


class SmppDrain(Drain):
    """A connection that stays bound while its lease is held; it has free slots as long as it is."""

    def __init__(
        self,
        connection: Connection,
        service: type[Smpp],
        on_event: Callable[[SessionEvent], None],
        allowance: RateAllowance,
    ) -> None:
        super().__init__(connection, service)
        self.smpp_service = service
        self.account_window = int(self._create_provider(self.http).account["window"])
        self.session = Session(connection.pk, self._create_provider(self.http), self._dial, on_event, allowance)
        self.in_trouble = False  # since a bind failed

    @property
    def concurrency(self) -> int:
        if self.connection.breaker_until is not None:
            return 1
        return min(self.connection.concurrency or self.account_window, self.account_window)

    @property
    def is_unresponsive(self) -> bool:
        """Return whether the service has answered nothing for a while, not even a part of a long text."""
        return super().is_unresponsive and time.monotonic() - self.session.last_read_at > drain.UNRESPONSIVE_AFTER

    def refresh(self) -> None:
        """Start binding. A suspended account stays bound, for receipts may come."""
        if not self.closed:
            self.session.start()

    def free_slots(self) -> int:
        return super().free_slots() if self.session.is_bound and not self.is_suspended else 0

    def start(self, message: Message) -> None:
        super().start(message)
        self.rate_limit.use(measure(message.text).parts - 1)  # services count parts

    def attempt(self, message: Message, sender: Sender) -> SendResult:
        """Send a message and return the result. Runs in a thread of its own, which uses only the session."""
        sms = self._build_sms(message, sender)
        http = self.http.hiding(number=message.to, text=message.text)
        transcript = _Transcript(self._create_provider(http))
        answer: Accepted | SmsError
        try:
            answer = self._submit_parts(transcript, sms)
        except SmsError as error:
            answer = error
        except Exception as error:  # perhaps after the message had left
            log.exception("service_adapter_failed", service=self.service.code, exc_info=error)
            answer = Uncertain("The service's adapter broke.", code=type(error).__name__)
        return SendResult.of(message, answer, [transcript.to_exchange(answer)])

    def _submit_parts(self, transcript: "_Transcript", sms: Sms) -> Accepted:
        parts = transcript.provider.parts(sms)
        refs: list[str] = []
        end = time.monotonic() + ALL_PARTS_TIMEOUT
        for place, part in enumerate(parts, 1):
            try:
                if time.monotonic() > end:
                    raise Uncertain("The answers take too long.")
                refs.append(
                    self._submit_with_retries(transcript, part) if refs else self._submit_part(transcript, part)
                )
            except SmsError as error:
                if not refs:
                    raise
                words = f"Part {place} of {len(parts)} was not taken after others had been. {error.words}".strip()
                raise Uncertain(words, code=error.code, hint=error.hint) from None
        return Accepted(ref=refs[0], refs=tuple(refs) if len(refs) > 1 else (), parts=len(parts))

    def _submit_with_retries(self, transcript: "_Transcript", part: Mapping[str, Any]) -> str:
        """Submit a later part, again after pauses: a message that lacks one part is worth the wait."""
        for pause in PART_RETRY_PAUSES:
            try:
                return self._submit_part(transcript, part)
            except (Throttled, Unreachable):
                time.sleep(pause)
        return self._submit_part(transcript, part)

    def _submit_part(self, transcript: "_Transcript", part: Mapping[str, Any]) -> str:
        answer = self.session.submit(transcript.add_request(part))
        transcript.add_answer(answer)
        failure = transcript.provider.refusal(answer)
        if failure is not None:
            raise failure
        return answer.text("message_id")[:MAX_ID_LENGTH]

    def _create_provider(self, http: Http) -> Smpp:
        return self.smpp_service(self.connection.account, http, self.token_cache)

    def _dial(self) -> DialResult:
        exchanges: list[Exchange] = []
        try:
            return self._create_provider(self.http.recording(exchanges.append)).dial(patient=True), exchanges
        except SmsError as error:
            return error, exchanges
        except Exception as error:
            log.exception("service_adapter_failed", service=self.service.code, exc_info=error)
            return Unreachable("The service's adapter broke.", code=type(error).__name__), exchanges


class _Transcript:
    """What was exchanged for one message, as one exchange: a line for each part, without its text."""

    def __init__(self, provider: Smpp) -> None:
        self.provider = provider
        self._at, self._started = datetime.now(UTC), time.monotonic()
        self._requests: list[str] = []
        self._answers: list[str] = []
        self._last: Pdu | None = None

    def add_request(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        fields = " ".join(f"{name}={part[name]}" for name in LOGGED_FIELDS if part.get(name) not in (None, ""))
        body = part.get("short_message") or part.get("message_payload") or b""
        self._requests.append(f"submit_sm {fields} octets={len(body)}")
        self._last = None
        return part

    def add_answer(self, pdu: Pdu) -> None:
        ref = pdu.text("message_id")[:MAX_ID_LENGTH]
        self._answers.append(f"{pdu.command} {status_code(pdu.status)}{f' message_id={ref}' if ref else ''}")
        self._last = pdu

    def to_exchange(self, answer: Accepted | SmsError) -> Exchange:
        return Exchange(
            at=self._at,
            method="SMPP",
            host=self.provider.where,
            path="/submit_sm",
            status=exchange_status(self._last),
            ms=round((time.monotonic() - self._started) * 1000),
            request=self._redacted(self._requests),
            response=self._redacted(self._answers),
            error="" if isinstance(answer, Accepted) else self.provider.http.strike(str(answer)),
        )

    def _redacted(self, lines: Sequence[str]) -> str:
        return self.provider.http.strike("\n".join(lines))[:MAX_KEPT]
