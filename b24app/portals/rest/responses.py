"""Responses of Bitrix24 and its OAuth server, parsed into our own types; nothing secret gets into an exception.

Shapes are in docs/bitrix24.md A.5, B.1, C.2 and C.5.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

MAX_MESSAGE = 300
_SECRET_LIKE = re.compile(r"https?://\S+|[A-Za-z0-9_-]{24,}|\+?\d[\d\s()-]{6,}\d")
_CODE = re.compile(r"[A-Z]+\d?(_[A-Z]+\d?)+")


class ErrorResponse(Exception):
    """Bitrix24 answered with an error: `code` in capitals, `message` without secrets."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class NoResponse(Exception):
    """No response, or an unreadable one; `reached` is False when the request surely did not arrive."""

    def __init__(self, message: str, *, reached: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.reached = reached


class Redirect(Exception):
    """A redirect; `host` is host[:port] of an https Location, "" for any other."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


@dataclass(frozen=True, slots=True)
class MethodResult:
    """A method's result, and when its operating time begins to be free again, where the portal said so."""

    result: Any
    reset_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenPair:
    """A pair of tokens as the OAuth server issues it."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime
    member_id: str
    user_id: int
    client_endpoint: str


@dataclass(frozen=True, slots=True)
class TokenOwner:
    """The user and portal a token belongs to, by the OAuth server's own app.info (docs/bitrix24.md A.5)."""

    client_id: str
    user_id: int
    member_id: str
    domain: str
    client_endpoint: str
    scope: str
    status: str
    version: str


def as_mapping(value: Any) -> dict[str, Any]:
    """Return an object, or an empty one for anything else: PHP writes [] for an empty object."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return the items of a PHP array, which arrives as a list or as an object keyed by numbers."""
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def as_positive_int(value: Any) -> int:
    """Read a whole number above 0 as Bitrix24 writes it; return 0 for anything else."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def require_result(response: Any) -> dict[str, Any]:
    """Return the response if it holds a result; raise KeyError otherwise."""
    if "result" not in response:
        raise KeyError("result")
    return dict(response)


def read_batch_entry(
    key: str, results: dict[str, Any], errors: dict[str, Any], times: dict[str, Any], access: str
) -> MethodResult | ErrorResponse | None:
    """Return one command's entry of a batch response; None where it is missing or unreadable."""
    if key in errors:
        return _read_batch_error(errors[key], access)
    return MethodResult(results[key], read_reset_time(times.get(key))) if key in results else None


def _read_batch_error(error: Any, access: str) -> ErrorResponse | None:
    failure = read_error(as_mapping(error), (access,))
    return failure if isinstance(failure, ErrorResponse) else None


def read_reset_time(block: Any) -> datetime | None:
    """Return when a method's operating time begins to be free again, from its `time` block (docs/bitrix24.md C.4)."""
    try:
        moment = float(as_mapping(block).get("operating_reset_at") or 0)
    except (TypeError, ValueError, OverflowError):
        return None
    return datetime.fromtimestamp(moment, UTC) if 0 < moment < 1e11 else None


def read_error(response: Mapping[str, Any], secrets: Sequence[str]) -> ErrorResponse | NoResponse:
    """Read `{"error", "error_description"}`, or the newer API's error object."""
    newer = as_mapping(response.get("error"))
    code = newer.get("code") or (not newer and response.get("error"))
    message = newer.get("message") or response.get("error_description") or ""
    if not code:
        return NoResponse("the answer is an error without a code")
    return ErrorResponse(
        redact_message(str(code).upper(), [secret.upper() for secret in secrets])[:60],
        redact_message(str(message), secrets),
    )


def redact_message(message: str, secrets: Sequence[str]) -> str:
    """Return the message without addresses, numbers, these secrets and what looks like a secret."""
    for secret in filter(None, secrets):
        message = message.replace(secret, "…")
    # ERROR_SENDER_VALIDATION_FAILURE is long, but no secret.
    return _SECRET_LIKE.sub(lambda found: found[0] if _CODE.fullmatch(found[0]) else "…", message)[:MAX_MESSAGE]


def read_non_json(status: int, location: str) -> NoResponse | Redirect:
    """Classify a response without JSON: a redirect, or an unreadable one."""
    if not 300 <= status < 400:
        return NoResponse(f"HTTP {status} without JSON")
    return Redirect(https_host(location))


def https_host(url: str) -> str:
    """Return host[:port] of a plain https address, "" for anything else."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and "@" not in parts.netloc and bool(parts.hostname)
    except ValueError:
        return ""
    return parts.netloc.lower() if plain else ""


def summarize_response(response: Any) -> str:
    """Return what the exchange log stores of a good response: its shape, never its values."""
    parts = as_mapping(as_mapping(response).get("result"))
    if "result_error" not in parts:
        return "ok"
    errors = (as_mapping(error).get("error") for error in as_mapping(parts["result_error"]).values())
    codes = [redact_message(str(code), ())[:60] for code in errors]
    wrong = " ".join(f"{code}={codes.count(code)}" for code in sorted(set(codes)))
    return f"ok={len(parts.get('result') or ())} {wrong}".strip()


def describe_failure(failure: ErrorResponse | NoResponse | Redirect | None) -> str:
    """Return a failure in one line, "" for none."""
    if isinstance(failure, ErrorResponse):
        return f"{failure.code}: {failure.message}"[:MAX_MESSAGE]
    if isinstance(failure, Redirect):
        return "redirected"
    return failure.message[:MAX_MESSAGE] if failure else ""


def read_token_pair(response: Mapping[str, Any]) -> TokenPair:
    """Read the token endpoint's response; raise KeyError, ValueError, TypeError for another shape."""
    return TokenPair(
        access=str(response["access_token"]),
        refresh=str(response["refresh_token"]),
        expires_at=timezone.now() + timedelta(seconds=int(response["expires_in"])),
        member_id=str(response["member_id"]),
        user_id=int(response["user_id"]),
        client_endpoint=str(response["client_endpoint"]),
    )


def read_token_owner(response: Mapping[str, Any]) -> TokenOwner:
    """Read app.info's response; raise KeyError, ValueError, TypeError for another shape."""
    result, install = response["result"], response["result"]["install"]
    return TokenOwner(
        client_id=str(result["client_id"]),
        user_id=int(result["user_id"]),
        member_id=str(install["member_id"]),
        domain=str(install["domain"]).lower(),
        client_endpoint=str(install["client_endpoint"]),
        scope=str(result.get("scope") or ""),
        status=str(install.get("status") or ""),
        version=str(install.get("version") or ""),
    )
