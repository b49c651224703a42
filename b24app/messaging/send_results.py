"""What a service answered to a send, as plain data that can wait on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from django.utils import timezone

from b24app.core import sanitize
from b24app.messaging.models import Message
from providers.kit import errors
from providers.kit.contract import Accepted
from providers.kit.http import Exchange

MAX_PAUSE = 86_400.0  # seconds; a service that asks for more is called again after a day


class ResultKind(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ACCOUNT_BLOCKED = "account_blocked"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    UNCERTAIN = "uncertain"


RESULT_KINDS: Mapping[type[errors.SmsError], ResultKind] = {
    errors.Rejected: ResultKind.REJECTED,
    errors.AccountBlocked: ResultKind.ACCOUNT_BLOCKED,
    errors.Throttled: ResultKind.THROTTLED,
    errors.Unreachable: ResultKind.UNREACHABLE,
}

# Keys of the spool's files where they differ from the fields: files of an older version must still be read.
JSON_KEYS: Mapping[str, str] = {"maybe_sent": "doubted", "detail": "words"}
_FIELDS_BY_KEY: Mapping[str, str] = {key: name for name, key in JSON_KEYS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """The result of one attempt to send a message. `attempt` fences late results off from a later attempt.

    `maybe_sent`: an earlier attempt may have reached the service. `detail` is the service's own text.
    """

    pk: int
    attempt: int
    maybe_sent: bool = False
    kind: ResultKind
    first_attempt_at: str
    expires_at: str
    ref: str = ""
    refs: tuple[str, ...] = ()
    parts: int | None = None
    price: str = ""
    currency: str = ""
    reason: str = ""
    code: str = ""
    detail: str = ""
    after: float | None = None
    ms: int = 0
    exchanges: tuple[Exchange, ...] = ()

    @classmethod
    def of(cls, message: Message, said: Accepted | errors.SmsError, exchanges: Sequence[Exchange]) -> Self:
        """Return the result for what the service's file returned or raised."""
        common: dict[str, Any] = {
            "pk": message.pk,
            "attempt": message.attempts,
            "maybe_sent": message.repeat_until is not None,
            "first_attempt_at": (message.first_attempt_at or timezone.now()).isoformat(),
            "expires_at": message.expires_at.isoformat(),
            "ms": sum(one.ms for one in exchanges),
            "exchanges": tuple(exchanges),
        }
        if isinstance(said, Accepted):
            price = sanitize.sanitize_price(said.price)
            return cls(
                kind=ResultKind.ACCEPTED,
                ref=sanitize.sanitize_text(said.ref)[:128],
                refs=tuple(sanitize.sanitize_text(ref)[:128] for ref in said.refs[: sanitize.MAX_PARTS]),
                parts=sanitize.sanitize_parts(said.parts),
                price="" if price is None else str(price),
                currency=sanitize.sanitize_currency(said.currency),
                **common,
            )
        kind = next((kind for error, kind in RESULT_KINDS.items() if isinstance(said, error)), ResultKind.UNCERTAIN)
        detail, code = sanitize.sanitize_text(said.words), sanitize.sanitize_text(said.code)
        after = sanitize.sanitize_seconds(said.after, MAX_PAUSE)
        reason = sanitize.sanitize_text(said.reason)[:20]
        return cls(kind=kind, reason=reason, code=code, detail=detail, after=after, **common)

    @classmethod
    def interrupted(cls, message: Message) -> Self:
        """Return the result for a message whose service had not answered when the worker had to stop."""
        return cls.of(message, errors.Uncertain("The worker was stopped before the service had answered."), [])

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Return the result that `to_json` wrote, in this or an older version."""
        exchanges = tuple(Exchange(**{**one, "at": datetime.fromisoformat(one["at"])}) for one in record["exchanges"])
        fields = {_FIELDS_BY_KEY.get(key, key): value for key, value in record.items()}
        return cls(
            **{**fields, "refs": tuple(record["refs"]), "exchanges": exchanges, "kind": ResultKind(record["kind"])}
        )

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON types."""
        exchanges = [{**asdict(one), "at": one.at.isoformat()} for one in self.exchanges]
        record = {JSON_KEYS.get(name, name): value for name, value in asdict(self).items()}
        return {**record, "exchanges": exchanges}
