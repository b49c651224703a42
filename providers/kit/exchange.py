"""What a request may carry, and the record of the exchange."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

_KEPT_HEADERS = frozenset(
    {"accept", "content-length", "content-type", "date", "retry-after", "server", "user-agent",
     "x-request-id", "request-id", "twilio-request-id"}
)  # fmt: skip


class Options(TypedDict, total=False):
    """What a request may carry besides method and address.

    One of `form`, `json` and `body` at most; `auth` is user and password for HTTP Basic; `timeout` is in seconds and
    counts to the last byte of the answer; `record_bodies=False` keeps a login's bodies out of the record. `record_as`
    is recorded in place of the request, of which only method and host are kept then: it must hold no secret.
    """

    params: Mapping[str, str] | Sequence[tuple[str, str]] | None
    form: Mapping[str, str] | Sequence[tuple[str, str]] | None
    json: object
    body: str | bytes | None
    headers: Mapping[str, str] | None
    auth: tuple[str, str] | None
    timeout: float | None
    record_bodies: bool
    record_as: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One conversation with a service, already redacted. `status` is 0 where no answer came, `ms` the time it took."""

    at: datetime
    method: str
    host: str
    path: str
    status: int
    ms: int
    request: str
    response: str
    error: str


def format_part(first: str, headers: Mapping[str, str], body: str) -> str:
    """Return a request or an answer as a record has it: the first line, harmless headers and the body."""
    named = [f"{name}: {value}" for name, value in headers.items() if name.lower() in _KEPT_HEADERS]
    return "\n".join([first, *named, "", body]).rstrip("\n")
