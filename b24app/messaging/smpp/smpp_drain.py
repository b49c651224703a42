"""One account while this process keeps it bound: how much may be in flight, and the flight itself."""

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
from providers.kit.smpp.wire import Pdu
from providers.smpp import Smpp, exchange_status, status_code

log = structlog.get_logger(__name__)

ALL_IN = 100.0  # seconds for all parts of a message, well within its lease
PAUSES = (1.0, 2.0, 4.0)  # seconds until a later part is tried again that surely was not taken
TOLD = (
    *("source_addr", "source_addr_ton", "source_addr_npi", "destination_addr", "dest_addr_ton", "dest_addr_npi"),
    *("data_coding", "esm_class", "registered_delivery", "validity_period"),
)


class SmppDrain(Drain):
    """A connection that stays bound while its lease is held; there is room as long as it is."""

    def __init__(
        self,
        connection: Connection,
        service: type[Smpp],
        tell: Callable[[SessionEvent], None],
        allowance: RateAllowance,
    ) -> None:
        super().__init__(connection, service)
        self.smpp = service
        self.window_of_account = int(self._provider(self.http).account["window"])
        self.session = Session(connection.pk, self._provider(self.http), self._dial, tell, allowance)
        self.in_trouble = False  # and the administrator was told

    @property
    def concurrency(self) -> int:
        if self.connection.breaker_until is not None:
            return 1
        return min(self.connection.concurrency or self.window_of_account, self.window_of_account)

    @property
    def is_unresponsive(self) -> bool:
        """As long as parts of a long text are answered, it does not."""
        return super().is_unresponsive and time.monotonic() - self.session.last_read_at > drain.UNRESPONSIVE_AFTER

    def refresh(self) -> None:
        """That the service wants nothing now is no reason to unbind: receipts may come."""
        if not self.closed:
            self.session.start()

    def free_slots(self) -> int:
        return super().free_slots() if self.session.is_bound and not self.is_suspended else 0

    def start(self, message: Message) -> None:
        super().start(message)
        self.rate_limit.use(measure(message.text).parts - 1)  # a service counts parts

    def attempt(self, message: Message, sender: Sender) -> SendResult:
        """In a thread of its own: the session and nothing else."""
        sms = self._build_sms(message, sender)
        http = self.http.hiding(number=message.to, text=message.text)
        talk = _Talk(self._provider(http))
        said: Accepted | SmsError
        try:
            said = self._hand_over(talk, sms)
        except SmsError as error:
            said = error
        except Exception as error:  # as with HTTP: perhaps after it had left
            log.exception("service_broke", service=self.service.code, exc_info=error)
            said = Uncertain("The service's adapter broke.", code=type(error).__name__)
        return SendResult.of(message, said, [talk.exchange(said)])

    def _hand_over(self, talk: "_Talk", sms: Sms) -> Accepted:
        parts = talk.provider.parts(sms)
        refs: list[str] = []
        end = time.monotonic() + ALL_IN
        for place, part in enumerate(parts, 1):
            try:
                if time.monotonic() > end:
                    raise Uncertain("The answers take too long.")
                refs.append(self._submit_patiently(talk, part) if refs else self._submit(talk, part))
            except SmsError as error:
                if not refs:
                    raise
                words = f"Part {place} of {len(parts)} was not taken after others had been. {error.words}".strip()
                raise Uncertain(words, code=error.code, hint=error.hint) from None
        return Accepted(ref=refs[0], refs=tuple(refs) if len(refs) > 1 else (), parts=len(parts))

    def _submit_patiently(self, talk: "_Talk", part: Mapping[str, Any]) -> str:
        """A message of which one part is missing is worth a wait."""
        for pause in PAUSES:
            try:
                return self._submit(talk, part)
            except (Throttled, Unreachable):
                time.sleep(pause)
        return self._submit(talk, part)

    def _submit(self, talk: "_Talk", part: Mapping[str, Any]) -> str:
        answer = self.session.submit(talk.asks(part))
        talk.hears(answer)
        failure = talk.provider.refusal(answer)
        if failure is not None:
            raise failure
        return answer.text("message_id")[:MAX_ID_LENGTH]

    def _provider(self, http: Http) -> Smpp:
        return self.smpp(self.connection.account, http, self.token_cache)

    def _dial(self) -> DialResult:
        exchanges: list[Exchange] = []
        try:
            return self._provider(self.http.recording(exchanges.append)).dial(patient=True), exchanges
        except SmsError as error:
            return error, exchanges
        except Exception as error:
            log.exception("service_broke", service=self.service.code, exc_info=error)
            return Unreachable("The service's adapter broke.", code=type(error).__name__), exchanges


class _Talk:
    """What passed for one message, as one exchange: a line for each part, without its text."""

    def __init__(self, provider: Smpp) -> None:
        self.provider = provider
        self._at, self._started = datetime.now(UTC), time.monotonic()
        self._asked: list[str] = []
        self._heard: list[str] = []
        self._last: Pdu | None = None

    def asks(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        told = " ".join(f"{name}={part[name]}" for name in TOLD if part.get(name) not in (None, ""))
        body = part.get("short_message") or part.get("message_payload") or b""
        self._asked.append(f"submit_sm {told} octets={len(body)}")
        self._last = None
        return part

    def hears(self, pdu: Pdu) -> None:
        ref = pdu.text("message_id")[:MAX_ID_LENGTH]
        self._heard.append(f"{pdu.command} {status_code(pdu.status)}{f' message_id={ref}' if ref else ''}")
        self._last = pdu

    def exchange(self, said: Accepted | SmsError) -> Exchange:
        return Exchange(
            at=self._at,
            method="SMPP",
            host=self.provider.where,
            path="/submit_sm",
            status=exchange_status(self._last),
            ms=round((time.monotonic() - self._started) * 1000),
            request=self._kept(self._asked),
            response=self._kept(self._heard),
            error="" if isinstance(said, Accepted) else self.provider.http.strike(str(said)),
        )

    def _kept(self, lines: Sequence[str]) -> str:
        return self.provider.http.strike("\n".join(lines))[:MAX_KEPT]
