"""All that support needs to know about a message, without anybody's secrets, numbers or texts."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import phonenumbers
from django.utils import timezone
from django.utils.translation import override

from b24app.console.journal.message_history import build_history
from b24app.core import signed_urls
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Connection, DeliveryReport, Message, Sender
from b24app.portals.models import PortalToken
from providers.kit import registry
from providers.kit.redaction import Redactor, all_forms
from providers.kit.segments import measure

MAX_EXCHANGES, MAX_REPORTS = 200, 200
SHINGLE = 10  # characters in a row of a text that nobody writes by chance
TAIL = 7  # last digits, which identify a number however it is written
NUMBERLIKE = re.compile(r"\+?\(?[0-9][0-9 ().\-\u00a0/]{5,}[0-9]")
MIN_VALUE_LENGTH = 6  # of a value of the account that is not a secret: "eu" stands everywhere

MESSAGE = (
    "origin", "module", "status", "phase", "wait", "reason", "service_code", "detail", "ref", "attempts", "polls",
    "bulk", "parts", "price", "currency", "note", "received_at", "due_at", "expires_at", "first_attempt_at",
    "repeat_until", "sent_at", "final_at", "poll_at", "pushed", "push_at", "push_tries", "push_error",
    "pushed_again_at",
)  # fmt: skip
SENDER = (
    "code", "state", "generation", "bulk", "max_age", "transactional", "per_hour", "per_day", "smart", "latin",
    "error_code", "error_words", "paused_at", "tested_at", "created_at", "removed_at",
)  # fmt: skip
CONNECTION = (
    "service", "state", "blocked_reason", "blocked_since", "error_code", "error_words", "error_at", "checked_at",
    "last_accepted_at", "last_report_at", "rate", "concurrency", "throttled_until", "paced_until",
    "troubles_in_a_row", "breaker_until", "slow", "created_at",
)  # fmt: skip
PORTAL = (
    "domain", "language", "time_zone", "country", "no_token_since", "suspension", "trouble", "senders_checked_at",
    "push_failures", "push_after", "push_batch_size", "token_retry_at", "statuses_given_up",
)  # fmt: skip
EXCHANGE = ("at", "peer", "method", "host", "path", "status", "ms", "request", "response", "error")
REPORT = (
    "received_at", "ref", "status", "word", "code", "detail", "reason", "price", "currency", "due_at", "tries",
)  # fmt: skip


def build_trace(message: Message) -> dict[str, Any]:
    """Return the trace of a message as JSON takes it; needs its sender, connection and portal."""
    exchanges = list(
        Exchange.objects.filter(portal_id=message.portal_id, message_id=message.pk).order_by("at", "pk")[:MAX_EXCHANGES]
    )
    reports = list(message.reports.order_by("received_at", "pk")[:MAX_REPORTS])
    with override("en"):
        steps = [
            {"at": step.at, "title": str(step.title), "text": str(step.text), "code": step.code, "ahead": step.ahead}
            for step in build_history(message, exchanges, reports)
        ]
    trace = {
        "made_at": timezone.now(),
        "portal": _read_columns(message.portal, PORTAL),
        "message": _message_facts(message),
        "life": steps,
        "exchanges": [_read_columns(one, EXCHANGE) for one in exchanges],
        "reports": [_read_columns(one, REPORT) for one in reports],
        "sender": _sender_facts(message.sender),
        "connection": _connection_facts(message.connection),
    }
    redacted: dict[str, Any] = _redact_value(trace, MessageRedactor(message, reports))
    return redacted


def _message_facts(message: Message) -> dict[str, Any]:
    size = measure(message.sender.written(message.text))
    return {
        "reference": message.reference.hex,
        **_read_columns(message, MESSAGE),
        "repeats": message.repeats.hex if message.repeats else "",
        "resend_of": message.resend_of.reference.hex if message.resend_of else "",
        "resends": [one.hex for one in message.resends.order_by("pk").values_list("reference", flat=True)],
        "number": {
            "country": message.country or "",
            "digits": len(message.to.removeprefix("+")),
        },
        "text": {"characters": len(message.text), "encoding": size.encoding, "segments": size.parts},
        "links": sorted(message.links) if isinstance(message.links, dict) else [],
    }


def _sender_facts(sender: Sender) -> dict[str, Any]:
    kind = "none" if not sender.signature else "number" if re.fullmatch(r"\+?[0-9]+", sender.signature) else "name"
    signature = {"kind": kind, "characters": len(sender.signature)}
    return {
        "uuid": sender.uuid.hex,
        **_read_columns(sender, SENDER),
        "signature": signature,
        "options": sorted(sender.options),
    }


def _connection_facts(connection: Connection) -> dict[str, Any]:
    filled = sorted(name for name, value in connection.account.items() if value)
    return {"uuid": connection.uuid.hex, **_read_columns(connection, CONNECTION), "filled": filled}


def _read_columns(row: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _redact_value(value: Any, redactor: "MessageRedactor") -> Any:
    """Return a value as JSON takes it, with every text in it redacted."""
    match value:
        case dict():
            return {name: _redact_value(one, redactor) for name, one in value.items()}
        case list():
            return [_redact_value(one, redactor) for one in value]
        case bool() | int() | float() | None:
            return value
        case datetime():
            return value.isoformat()
        case _:
            return redactor.redact(str(value))


class MessageRedactor:
    """Knows a message's secrets, numbers and texts in every form; redacted they read [secret], [number], [text]."""

    def __init__(self, message: Message, reports: Iterable[DeliveryReport]) -> None:
        sender = message.sender
        recipients = {one.recipient for one in reports}
        numbers = {message.to, message.raw_to, sender.signature, *recipients}
        self._tails = {digits[-TAIL:] for one in numbers if len(digits := re.sub(r"[^0-9]", "", one)) >= TAIL}
        texts = {message.text, sender.written(message.text)} - {""}
        self._redactor = Redactor(
            {
                "secret": _known_secrets(message),
                "number": sorted(form for one in numbers if re.search(r"[0-9]{4}", one) for form in _number_forms(one)),
                "text": sorted(texts),
            }
        )
        self._shingles = {
            form[at : at + SHINGLE].lower()
            for text in texts
            for form in all_forms(text)
            for at in range(len(form) - SHINGLE + 1)
        }

    def redact(self, text: str) -> str:
        """Return a text without any of them."""
        redacted = self._redactor.strike(text)
        return NUMBERLIKE.sub(self._redact_number, self._redact_fragments(redacted))

    def _redact_number(self, found: re.Match[str]) -> str:
        digits = re.sub(r"[^0-9]", "", found[0])
        return "[number]" if any(tail in digits for tail in self._tails) else found[0]

    def _redact_fragments(self, text: str) -> str:
        """Redact pieces of the message's text: services quote its beginning, or cut it."""
        lower, pieces, at = text.lower(), [], 0
        if len(lower) != len(text):
            return text
        while at < len(text):
            end = at
            while lower[end : end + SHINGLE] in self._shingles:
                end += 1
            pieces.append("[text]" if end > at else text[at])
            at = end + SHINGLE - 1 if end > at else at + 1
        return "".join(pieces)


def _number_forms(number: str) -> set[str]:
    """Return a number as people write it."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return {number}
    formats = (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.NATIONAL)
    return {number, *(phonenumbers.format_number(parsed, one) for one in formats)}


def _known_secrets(message: Message) -> list[str]:
    """Return everything an account is made of, the signed parts of addresses, and the portal's tokens."""
    account, sender, portal = message.connection.account, message.sender, message.portal
    try:
        secret = registry.get(message.connection.service).secrets(account)
    except registry.Unavailable:
        secret = tuple(str(value) for value in account.values())
    values = {*secret, *(str(value) for value in account.values() if len(str(value)) >= MIN_VALUE_LENGTH)}
    key, reference = message.connection.uuid.hex, message.reference.hex
    values |= {mac for one in ("-", reference) for mac in signed_urls.sign_with_all("report", key, one)}
    values |= signed_urls.sign_with_all("handler", sender.uuid.hex, str(sender.generation)) | {portal.application_token}
    for token in PortalToken.objects.filter(portal=portal):
        values |= {token.access, token.refresh}
    return sorted(values - {""})
