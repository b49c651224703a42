"""Recording exchanges with Bitrix24, ours and the portal's; a record that cannot be written changes nothing else."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import structlog
from django.db import DatabaseError
from django.utils import timezone

from b24app.core.monitoring import metrics
from b24app.core.sanitize import sanitize_text
from b24app.core.ttl_cache import TtlCache
from b24app.exchange_log.models import INCOMING, Exchange
from b24app.portals.models import Portal
from b24app.portals.rest.bitrix import RECORDED_PARAMS, Command
from b24app.portals.rest.responses import ErrorResponse, MethodResult

log = structlog.get_logger(__name__)

BATCH, BATCH_PATH = "batch", "/rest/batch.json"  # the name of a batch of several methods; the path of any
HANDLER = "handler"  # the name of calls that hand a message over
UNKNOWN = "unknown"  # the name of events that have none
MISSING = "missing"  # the error of a command that the portal left out
MAX_EVENT_DIGITS = 4  # of the entity type in ONCRMDYNAMICITEMADD_1036
REFUSED_A_MINUTE, MAX_PORTALS = 60, 10_000

_refused = TtlCache[int, list[int]](60.0, MAX_PORTALS)
_REST_PATH = re.compile(r"/rest/([\w.]+)\.json")
_COUNTED = re.compile(r"([^\s=]+)=\d+")
_EVENT = re.compile(r"[A-Za-z]\w{0,99}", re.ASCII)
_PLAIN = re.compile(r"[\w.:/-]{1,128}", re.ASCII)


def record_exchange(portal: Portal | None, exchange: Exchange) -> None:
    """Save one exchange for a portal, or for one that is not identified yet."""
    exchange.portal_id = portal.pk if portal else None
    exchange.name = exchange.name or _name_of(exchange)
    exchange.error = sanitize_text(exchange.error or _command_errors(exchange))
    exchange.response = sanitize_text(exchange.response)
    if exchange.method not in INCOMING:
        outcome = metrics.outcome_of_call(exchange.status, exchange.error)
        metrics.REST_CALLS.labels(metrics.group_of_method(exchange.name), outcome).inc()
    try:
        exchange.save()
    except DatabaseError as error:
        log.warning("exchange_not_recorded", portal=exchange.portal_id, kind=type(error).__name__)


def exchange_recorder(portal: Portal | None, message: int | None = None) -> Callable[[Exchange], None]:
    """Return a function that saves a portal's exchanges at once, as being about this message if one is given.

    Of an error of such a call only the code is kept: the portal may quote the message's text in its words.
    """

    def record(exchange: Exchange) -> None:
        if message is not None:
            exchange.message_id = message
            exchange.error = exchange.error.partition(":")[0]
        record_exchange(portal, exchange)

    return record


@dataclass(slots=True)
class BatchRecorder:
    """Saves the exchange of one batch with each of its commands, at the end of the block.

    `messages` has our id of the message that each command is about. The block sets `entries` if there is an answer.
    """

    portal: Portal
    commands: Sequence[Command]
    messages: Sequence[int | None]
    entries: Sequence[MethodResult | ErrorResponse | None] = ()
    _exchanges: list[Exchange] = field(default_factory=list)

    def __call__(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for exchange in self._exchanges:
            errors = [_command_error(entry) for entry in self.entries] or [""] * len(self.commands)
            told = zip(self.commands, self.messages, errors, strict=True)
            exchange.commands = [_describe_command(command, message, code) for command, message, code in told]
            exchange.messages = sorted({one for one in self.messages if one is not None}) or None
            exchange.error = exchange.error or (MISSING if MISSING in errors else "")
            record_exchange(self.portal, exchange)


def _command_error(entry: MethodResult | ErrorResponse | None) -> str:
    if isinstance(entry, MethodResult):
        return ""
    return entry.code if entry else MISSING


def _describe_command(command: Command, message: int | None, error: str) -> dict[str, Any]:
    method, params = command
    notes = _describe_notes({key: value for key, value in params.items() if key.upper() in RECORDED_PARAMS})
    return {"method": method, "notes": notes, "message": message, "error": sanitize_text(error)}


def _describe_notes(notes: Mapping[str, object]) -> str:
    """Return values by their names, without those that are no ids, codes or names."""
    return " ".join(f"{key}={value}" for key, value in notes.items() if _PLAIN.fullmatch(str(value)))


def record_event(portal: Portal | None, event: str, note: str) -> None:
    """Save an event from the portal; `note` says why it had no effect, "" when it had."""
    name = _event_name(event)
    _record_incoming(portal, "EVENT", name, path=name, status=200, error=note)


def record_launch(portal: Portal, path: str, notes: Mapping[str, object], status: int, ms: int, error: str) -> None:
    """Save that a user of the portal opened one of our pages; `path` is that page's."""
    _record_incoming(portal, "LAUNCH", path, notes, path=path, status=status, ms=ms, error=error)


def record_refused_call(portal: Portal, notes: Mapping[str, object], status: int, error: str) -> None:
    """Save a handler call that became no message, up to REFUSED_A_MINUTE of a portal in this process.

    Calls that became a message are not saved: the message's row says all of them.
    """
    count = _refused.get(portal.pk)
    if count is None:
        count = [0]
        _refused.put(portal.pk, count)
    count[0] += 1  # without a lock: a lost count does no harm
    if count[0] > REFUSED_A_MINUTE:
        return
    _record_incoming(portal, "CALL", HANDLER, notes, path="/h/", status=status, error=error)


def _record_incoming(
    portal: Portal | None, method: str, name: str, notes: Mapping[str, object] | None = None, **columns: Any
) -> None:
    host, request = portal.domain if portal else "", _describe_notes(notes or {})
    exchange = Exchange(at=timezone.now(), peer="bitrix24", method=method, name=name, host=host, request=request)
    for column, value in columns.items():
        setattr(exchange, column, value[:300] if isinstance(value, str) else value)
    record_exchange(portal, exchange)


def _name_of(exchange: Exchange) -> str:
    """Return the method that an exchange is found by: of a batch that of its commands, if all have the same."""
    found = _REST_PATH.fullmatch(exchange.path)
    if not found:  # of the OAuth server
        return f"{exchange.peer}/{exchange.path.strip('/').rpartition('/')[2]}"[:100]
    if exchange.path != BATCH_PATH:
        return found[1][:100]
    methods = [name for name in _COUNTED.findall(exchange.request) if name != "commands"]
    return methods[0][:100] if len(methods) == 1 else BATCH


def _command_errors(exchange: Exchange) -> str:
    """Return the codes of commands that failed in a batch that did not, so that it is found among errors."""
    codes = _COUNTED.findall(exchange.response) if exchange.path == BATCH_PATH else []
    return " ".join(code for code in codes if code != "ok")[:300]


def _event_name(event: str) -> str:
    """Return an event's name, UNKNOWN for what is none: a stranger may have written a number or a secret there."""
    digits = sum(letter.isdigit() for letter in event)
    return event if _EVENT.fullmatch(event) and digits <= MAX_EVENT_DIGITS else UNKNOWN


def printable_name(event: str) -> str:
    """Return the event's name without what cannot be printed: a stranger may have written anything."""
    return "".join(letter for letter in event[:100] if letter.isascii() and letter.isprintable())
