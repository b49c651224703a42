"""All that support needs to know of a message, without a secret, a number or a text of anybody's."""

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
from providers.kit.redaction import Redactor, forms
from providers.kit.segments import measure

MOST_EXCHANGES, MOST_REPORTS = 200, 200
SHINGLE = 10  # characters of a text in a row that nobody writes by chance
TAIL = 7  # digits that tell a number, however it is written
NUMBERLIKE = re.compile(r"\+?\(?[0-9][0-9 ().\-\u00a0/]{5,}[0-9]")
SHORTEST_VALUE = 6  # of an account, if it is no secret: "eu" stands everywhere

MESSAGE = (
    "origin", "module", "status", "phase", "wait", "reason", "service_code", "detail", "ref", "attempts", "polls",
    "bulk", "parts", "price", "currency", "note", "received_at", "due_at", "expires_at", "first_attempt_at",
    "repeat_until", "sent_at", "final_at", "poll_at", "pushed", "push_at", "push_tries", "push_error",
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
PORTAL = ("domain", "language", "time_zone", "country", "no_token_since", "suspension", "trouble", "senders_checked_at")
EXCHANGE = ("at", "peer", "method", "host", "path", "status", "ms", "request", "response", "error")
REPORT = (
    "received_at", "ref", "status", "word", "code", "detail", "reason", "price", "currency", "due_at", "tries",
)  # fmt: skip


def trace(message: Message) -> dict[str, Any]:
    """The trace of a message as JSON takes it; needs its sender, connection and portal."""
    exchanges = list(
        Exchange.objects.filter(portal_id=message.portal_id, message_id=message.pk).order_by("at", "pk")[
            :MOST_EXCHANGES
        ]
    )
    reports = list(message.reports.order_by("received_at", "pk")[:MOST_REPORTS])
    with override("en"):
        steps = [
            {"at": step.at, "title": str(step.title), "text": str(step.text), "code": step.code, "ahead": step.ahead}
            for step in build_history(message, exchanges, reports)
        ]
    told = {
        "made_at": timezone.now(),
        "portal": _facts(message.portal, PORTAL),
        "message": _message(message),
        "life": steps,
        "exchanges": [_facts(one, EXCHANGE) for one in exchanges],
        "reports": [_facts(one, REPORT) for one in reports],
        "sender": _sender(message.sender),
        "connection": _connection(message.connection),
    }
    found: dict[str, Any] = _struck(told, Striker(message, reports))
    return found


def _message(message: Message) -> dict[str, Any]:
    size = measure(message.sender.written(message.text))
    return {
        "reference": message.reference.hex,
        **_facts(message, MESSAGE),
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


def _sender(sender: Sender) -> dict[str, Any]:
    kind = "none" if not sender.signature else "number" if re.fullmatch(r"\+?[0-9]+", sender.signature) else "name"
    signature = {"kind": kind, "characters": len(sender.signature)}
    return {
        "uuid": sender.uuid.hex,
        **_facts(sender, SENDER),
        "signature": signature,
        "options": sorted(sender.options),
    }


def _connection(connection: Connection) -> dict[str, Any]:
    filled = sorted(name for name, value in connection.account.items() if value)
    return {"uuid": connection.uuid.hex, **_facts(connection, CONNECTION), "filled": filled}


def _facts(row: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _struck(value: Any, striker: "Striker") -> Any:
    """The same with every text in it struck, and as JSON takes it."""
    match value:
        case dict():
            return {name: _struck(one, striker) for name, one in value.items()}
        case list():
            return [_struck(one, striker) for one in value]
        case bool() | int() | float() | None:
            return value
        case datetime():
            return value.isoformat()
        case _:
            return striker.strike(str(value))


class Striker:
    """Knows what of a message must not be told, in every form; what is struck reads [secret], [number] or [text]."""

    def __init__(self, message: Message, reports: Iterable[DeliveryReport]) -> None:
        sender = message.sender
        recipients = {one.recipient for one in reports}
        numbers = {message.to, message.raw_to, sender.signature, *recipients}
        self._tails = {digits[-TAIL:] for one in numbers if len(digits := re.sub(r"[^0-9]", "", one)) >= TAIL}
        texts = {message.text, sender.written(message.text)} - {""}
        self._redactor = Redactor(
            {
                "secret": _secrets(message),
                "number": sorted(form for one in numbers if re.search(r"[0-9]{4}", one) for form in _written(one)),
                "text": sorted(texts),
            }
        )
        self._shingles = {
            form[at : at + SHINGLE].lower()
            for text in texts
            for form in forms(text)
            for at in range(len(form) - SHINGLE + 1)
        }

    def strike(self, text: str) -> str:
        """The text without what must not be told."""
        struck = self._redactor.strike(text)
        return NUMBERLIKE.sub(self._number, self._without_pieces(struck))

    def _number(self, found: re.Match[str]) -> str:
        digits = re.sub(r"[^0-9]", "", found[0])
        return "[number]" if any(tail in digits for tail in self._tails) else found[0]

    def _without_pieces(self, text: str) -> str:
        """Services quote the beginning of a text, or cut it."""
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


def _written(number: str) -> set[str]:
    """A number as people write it."""
    found = {number}
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return found
    shapes = (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.NATIONAL)
    return found | {phonenumbers.format_number(parsed, shape) for shape in shapes}


def _secrets(message: Message) -> list[str]:
    """Everything an account is made of, signed parts of addresses, and the portal's tokens."""
    account, sender, portal = message.connection.account, message.sender, message.portal
    try:
        secret = registry.get(message.connection.service).secrets(account)
    except registry.Unavailable:
        secret = tuple(str(value) for value in account.values())
    values = {*secret, *(str(value) for value in account.values() if len(str(value)) >= SHORTEST_VALUE)}
    key, reference = message.connection.uuid.hex, message.reference.hex
    values |= {signed_urls.sign_address("report", key, one) for one in ("-", reference)}
    values |= {signed_urls.sign_address("handler", sender.uuid.hex, str(sender.generation)), portal.application_token}
    for token in PortalToken.objects.filter(portal=portal):
        values |= {token.access, token.refresh}
    return sorted(values - {""})
