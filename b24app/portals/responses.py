"""What Bitrix24 and its OAuth server answer, read into our own words; nothing secret gets into an exception.

Shapes are in docs/bitrix24.md A.5, B.1, C.2 and C.5.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

MAX_WORDS = 300
_SECRET_LIKE = re.compile(r"https?://\S+|[A-Za-z0-9_-]{24,}|\+?\d[\d\s()-]{6,}\d")
_CODE = re.compile(r"[A-Z]+\d?(_[A-Z]+\d?)+")


class ErrorAnswer(Exception):
    """Bitrix24 answered with an error: `code` in capitals, `words` without secrets."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words


class NoAnswer(Exception):
    """No answer, or none that can be read; `reached` is False when surely nothing was taken."""

    def __init__(self, words: str, *, reached: bool = True) -> None:
        super().__init__(words)
        self.words = words
        self.reached = reached


class Moved(Exception):
    """A redirect; `host` is host[:port] of an https Location, "" for any other."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


@dataclass(frozen=True, slots=True)
class Reply:
    """A method's result, and when its operating time begins to be free again, where the portal said so."""

    result: Any
    reset_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A fresh pair of tokens as the OAuth server hands it out."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime
    member_id: str
    user_id: int
    client_endpoint: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a token belongs to, by the OAuth server's own app.info (docs/bitrix24.md A.5)."""

    client_id: str
    user_id: int
    member_id: str
    domain: str
    client_endpoint: str
    scope: str
    status: str
    version: str


def as_mapping(value: Any) -> dict[str, Any]:
    """PHP writes an empty array as [] where an object is meant."""
    return value if isinstance(value, dict) else {}


def require_result(answer: Any) -> dict[str, Any]:
    """The answer, if it holds a result; raises KeyError otherwise."""
    if "result" not in answer:
        raise KeyError("result")
    return dict(answer)


def batch_entry(
    key: str, results: dict[str, Any], errors: dict[str, Any], times: dict[str, Any], access: str
) -> Reply | ErrorAnswer | None:
    """One command's part of a batch answer; None where there is none, or none that can be read."""
    if key in errors:
        return _in_batch(errors[key], access)
    return Reply(results[key], reset_at(times.get(key))) if key in results else None


def _in_batch(error: Any, access: str) -> ErrorAnswer | None:
    failure = error_of(as_mapping(error), (access,))
    return failure if isinstance(failure, ErrorAnswer) else None


def reset_at(block: Any) -> datetime | None:
    """When a method's operating time begins to be free again, from its `time` block (docs/bitrix24.md C.4)."""
    moment = as_mapping(block).get("operating_reset_at")
    return datetime.fromtimestamp(moment, UTC) if isinstance(moment, int | float) and 0 < moment < 1e11 else None


def error_of(answer: Mapping[str, Any], secrets: Sequence[str]) -> ErrorAnswer | NoAnswer:
    """`{"error", "error_description"}`, or the newer API's error object."""
    newer = as_mapping(answer.get("error"))
    code = newer.get("code") or (not newer and answer.get("error"))
    words = newer.get("message") or answer.get("error_description") or ""
    if not code:
        return NoAnswer("the answer is an error without a code")
    return ErrorAnswer(
        clean_words(str(code).upper(), [secret.upper() for secret in secrets])[:60], clean_words(str(words), secrets)
    )


def clean_words(words: str, secrets: Sequence[str]) -> str:
    """Words without addresses, numbers, these secrets and what looks like one."""
    for secret in filter(None, secrets):
        words = words.replace(secret, "…")
    # ERROR_SENDER_VALIDATION_FAILURE is long, but no secret.
    return _SECRET_LIKE.sub(lambda found: found[0] if _CODE.fullmatch(found[0]) else "…", words)[:MAX_WORDS]


def unreadable_answer(status: int, location: str) -> NoAnswer | Moved:
    """What an answer without JSON means: a redirect, or nothing that can be read."""
    if not 300 <= status < 400:
        return NoAnswer(f"HTTP {status} without JSON")
    return Moved(https_host(location))


def https_host(url: str) -> str:
    """host[:port] of a plain https address, "" for anything else."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and "@" not in parts.netloc and bool(parts.hostname)
    except ValueError:
        return ""
    return parts.netloc.lower() if plain else ""


def outline_of(answer: Any) -> str:
    """What an exchange keeps of a good answer: its shape, never its values."""
    parts = as_mapping(as_mapping(answer).get("result"))
    if "result_error" not in parts:
        return "ok"
    codes = [str(as_mapping(error).get("error"))[:60] for error in as_mapping(parts["result_error"]).values()]
    wrong = " ".join(f"{code}={codes.count(code)}" for code in sorted(set(codes)))
    return f"ok={len(parts.get('result') or ())} {wrong}".strip()


def line_of(failure: ErrorAnswer | NoAnswer | Moved | None) -> str:
    """A failure in one line, "" for none."""
    if isinstance(failure, ErrorAnswer):
        return f"{failure.code}: {failure.words}"[:MAX_WORDS]
    if isinstance(failure, Moved):
        return "redirected"
    return failure.words[:MAX_WORDS] if failure else ""


def pair_of(answer: Mapping[str, Any]) -> Pair:
    """The answer of the token endpoint; raises KeyError, ValueError, TypeError for another shape."""
    return Pair(
        access=str(answer["access_token"]),
        refresh=str(answer["refresh_token"]),
        expires_at=timezone.now() + timedelta(seconds=int(answer["expires_in"])),
        member_id=str(answer["member_id"]),
        user_id=int(answer["user_id"]),
        client_endpoint=str(answer["client_endpoint"]),
    )


def owner_of(answer: Mapping[str, Any]) -> Owner:
    """The answer of app.info; raises KeyError, ValueError, TypeError for another shape."""
    result, install = answer["result"], answer["result"]["install"]
    return Owner(
        client_id=str(result["client_id"]),
        user_id=int(result["user_id"]),
        member_id=str(install["member_id"]),
        domain=str(install["domain"]).lower(),
        client_endpoint=str(install["client_endpoint"]),
        scope=str(result.get("scope") or ""),
        status=str(install.get("status") or ""),
        version=str(install.get("version") or ""),
    )
