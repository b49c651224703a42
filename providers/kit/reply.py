"""An answer of a service, and what its HTTP status means for all services alike."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from types import MappingProxyType

from providers.kit.errors import AccountBlocked, Hint, Rejected, SmsError, Throttled, Uncertain, error_for_code
from providers.kit.i18n import _

_NO_HINTS: Mapping[str, Hint] = MappingProxyType({})
MAX_WORDS = 500


def value_at(data: object, path: str) -> object | None:
    """Return what lies at a dotted path such as `messages.0.id` in parsed JSON, None where there is nothing."""
    for step in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list) and step.isdecimal() and int(step) < len(data):
            data = data[int(step)]
        else:
            return None
    return data


def _as_text(value: object | None) -> str:
    """Return a value as text, since ids are numbers here and strings there; lists and objects are no text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def text_at(data: object, path: str) -> str:
    """Return the text or number at a dotted path in parsed JSON as text, "" where there is none."""
    found = value_at(data, path)
    return "" if isinstance(found, bool) else _as_text(found)


def price_of(value: object) -> Decimal | None:
    """Return a positive price, None for anything else: services say 0 before they have charged anything."""
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() and price > 0 else None


def rows_at(data: object, path: str) -> list[Mapping[str, object]]:
    """Return the objects of the list at a dotted path in parsed JSON; what is no object is left out."""
    found = value_at(data, path)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def read_after(raw: str) -> float | None:
    """Return the seconds a Retry-After header asks to wait (a number or an HTTP date), None if unreadable."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", raw.strip()):
        return float(raw)
    try:
        moment = parsedate_to_datetime(raw)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Status, headers and text of an answer. `where` is "POST host/path"; `strike` strikes what must not be kept."""

    status: int
    headers: Mapping[str, str]
    text: str
    where: str
    strike: Callable[[str], str]

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> object:
        """Return the parsed body; raise `Uncertain` on garbage, which after a 2xx says neither yes nor no."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            pass
        raise self.unclear(_("The response is not valid JSON."))

    def find(self, path: str) -> str:
        """Return the text at a dotted JSON path, "" where there is none or the body is not JSON."""
        try:
            return _as_text(value_at(json.loads(self.text), path))
        except (ValueError, RecursionError):
            return ""

    def need(self, path: str) -> str:
        """Return the text at a dotted JSON path; raise `Uncertain` where there is none."""
        found = _as_text(value_at(self.json(), path))
        if not found:
            raise self.unclear(_("The response is missing required data."))
        return found

    def number(self, path: str) -> Decimal | None:
        """Return the number at a dotted JSON path, None where there is none."""
        try:
            found = Decimal(self.find(path))
        except InvalidOperation:
            return None
        return found if found.is_finite() else None

    def expect(self, hints: Mapping[str, Hint] = _NO_HINTS, *, code: str = "", words: str = "") -> "Reply":
        """Return self for a 2xx, else raise what the status means.

        `code` and `words` are the JSON paths of the service's own code and words; a code found in `hints` decides,
        but 429 is always `Throttled`. 401 and 403 are `AccountBlocked`, 402 is no balance, 3xx (never followed),
        408 and 5xx are `Uncertain`, any other 4xx is `Rejected`.
        """
        if self.ok:
            return self
        raise self.refusal(self.find(code) if code else "", self.find(words) if words else "", hints)

    def refusal(self, code: str, words: str, hints: Mapping[str, Hint] = _NO_HINTS) -> SmsError:
        """Return (not raise) the error for a service's own code and words, struck of secrets, numbers and texts.

        After a 2xx (a failure inside a success) an unknown code is `Rejected`.
        """
        words = self.strike(words)[:MAX_WORDS] or ("" if self.ok else f"HTTP {self.status}")
        after = read_after(self.headers.get("Retry-After", ""))
        if self.status != 429 and (self.ok or code in hints):
            return error_for_code(code, words, hints, after=after)
        hint = hints.get(code, Hint("", ""))
        kind, reason = self._status_error()
        return kind(words, code=code, reason=reason, hint=hint.text, link=hint.link, after=after)

    def unclear(self, words: str) -> Uncertain:
        """Return the error for an answer that cannot be understood."""
        return Uncertain(words, code=str(self.status))

    def _status_error(self) -> tuple[type[SmsError], str]:
        if self.status == 429:
            return Throttled, ""
        if self.status in {401, 403}:
            return AccountBlocked, "auth"
        if self.status == 402:
            return AccountBlocked, "balance"
        if self.status < 400 or self.status == 408 or self.status >= 500:
            return Uncertain, ""
        return Rejected, ""
