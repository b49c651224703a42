"""What a service said to a send, as plain data, so that it can wait on disk."""

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

LONGEST_PAUSE = 86_400.0  # seconds; a service that asks for more is asked again after a day


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What came of handing one message to the service. `attempt` fences late verdicts off from a later attempt.

    `doubted`: an earlier attempt may have been taken.
    """

    pk: int
    attempt: int
    doubted: bool = False
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
    words: str = ""
    after: float | None = None
    ms: int = 0
    exchanges: tuple[Exchange, ...] = ()

    @classmethod
    def of(cls, message: Message, said: Accepted | errors.SmsError, exchanges: Sequence[Exchange]) -> Self:
        """Turn a receipt or an error into data."""
        common: dict[str, Any] = {
            "pk": message.pk,
            "attempt": message.attempts,
            "doubted": message.repeat_until is not None,
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
        words, code = sanitize.sanitize_text(said.words), sanitize.sanitize_text(said.code)
        after = sanitize.sanitize_seconds(said.after, LONGEST_PAUSE)
        reason = sanitize.sanitize_text(said.reason)[:20]
        return cls(kind=kind, reason=reason, code=code, words=words, after=after, **common)

    @classmethod
    def interrupted(cls, message: Message) -> Self:
        """The verdict on a message whose service had not answered when the worker had to stop."""
        return cls.of(message, errors.Uncertain("The worker was stopped before the service had answered."), [])

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        exchanges = tuple(Exchange(**{**one, "at": datetime.fromisoformat(one["at"])}) for one in record["exchanges"])
        return cls(
            **{**record, "refs": tuple(record["refs"]), "exchanges": exchanges, "kind": ResultKind(record["kind"])}
        )

    def to_json(self) -> dict[str, Any]:
        """The verdict in JSON's own types."""
        exchanges = [{**asdict(one), "at": one.at.isoformat()} for one in self.exchanges]
        return {**asdict(self), "exchanges": exchanges}
