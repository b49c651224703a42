"""A fake network: a test says what it answers, then reads what it was asked."""

import json as json_module
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Unpack

from providers.kit.contract import Provider
from providers.kit.fields import Choice, Field, Host, Number, Secret, Url
from providers.kit.http import Exchange, Http, Options, Reply
from providers.kit.ssrf_guard import AddressRefused, Broken, NotConnected, TimedOut, describe_connect_error


@dataclass(frozen=True, slots=True)
class PaperReply:
    """An answer that is prepared."""

    status: int
    text: str
    headers: Mapping[str, str]


Script = PaperReply | Exception


def reply(
    status: int = 200, *, json: object = None, text: str = "", headers: Mapping[str, str] | None = None
) -> PaperReply:
    """Say what the network answers, as JSON or as text."""
    return PaperReply(status, text if json is None else json_module.dumps(json), headers or {})


def refused() -> Exception:
    """Say that nobody listens there."""
    return NotConnected(describe_connect_error(ConnectionRefusedError()))


def not_allowed() -> Exception:
    """Say that the guard refuses the address."""
    return AddressRefused()


def read_timeout() -> Exception:
    """Say that the request left and no answer came in time."""
    return TimedOut()


def reset() -> Exception:
    """Say that the connection broke after the request left."""
    return Broken()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the network was asked, before encoding."""

    method: str
    url: str
    params: Any = None
    form: Any = None
    json: Any = None
    body: Any = None
    headers: Mapping[str, str]
    auth: tuple[str, str] | None = None


class FakeHttp(Http):
    """`Http` without a network: redaction, records and errors are the real ones.

    Answers are used in order, by all clones together. `asked` and `exchanges` show what happened.
    """

    def __init__(self, *replies: Script, secrets: tuple[str, ...] = (), words: frozenset[str] = frozenset()) -> None:
        self.asked: list[Asked] = []
        self.exchanges: list[Exchange] = []
        self._replies = list(replies)
        super().__init__(self.exchanges.append, secrets=secrets, words=words)

    def answer_with(self, *replies: Script) -> None:
        """Replace the answers that are left by these."""
        self._replies[:] = replies

    def request(self, method: str, url: str, **options: Unpack[Options]) -> Reply:
        """Note what is asked, then answer from the prepared replies."""
        self.asked.append(
            Asked(
                method=method,
                url=url,
                params=options.get("params"),
                form=options.get("form"),
                json=options.get("json"),
                body=options.get("body"),
                headers=options.get("headers") or {},
                auth=options.get("auth"),
            )
        )
        return super().request(method, url, **options)

    def _send_request(self, prepared: object, timeout: float) -> tuple[int, Mapping[str, str], bytes]:  # noqa: ARG002 (no wire)
        if not self._replies:
            raise AssertionError("The network was asked once more than the test has answers.")
        answer = self._replies.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer.status, CaseInsensitive(answer.headers), answer.text.encode()

    def done(self) -> None:
        """Assert that no answer is left unused."""
        if self._replies:
            raise AssertionError(f"{len(self._replies)} answers were not asked for.")


class CaseInsensitive(dict[str, str]):
    """Headers as the wire has them: a name in any case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header whatever its case."""
        return super().get(name.lower(), default)


class MemoryMemo:
    """A `Memo` for one process; `seconds` of the last put are kept to be looked at, and nothing expires."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self._locks: dict[str, threading.Lock] = {}

    def get(self, key: str) -> str | None:
        """Return what was put, None if nothing was."""
        return self.values.get(key)

    def put(self, key: str, value: str, seconds: float) -> None:
        """Keep a value."""
        self.values[key] = value
        self.seconds[key] = seconds

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold a lock over the threads of this process."""
        with self._locks.setdefault(key, threading.Lock()):
            yield


class KnowingMemo(MemoryMemo):
    """A memo in which every key has a value already: a service that logs in finds its token."""

    def get(self, key: str) -> str | None:
        """Return what was put, else a token."""
        return self.values.get(key, f"token-of-{key}")


def make_account(service: type[Provider], **given: str) -> dict[str, str]:
    """Fill the declared fields of a service with values that are easy to find again, through its own cleaning."""
    values = {field.name: given.get(field.name, field.default or _sample_value(field)) for field in service.fields}
    return {field.name: field.clean(values[field.name]) for field in service.fields}


def _sample_value(field: Field) -> str:
    match field:
        case Choice():
            return field.choices[0][0]
        case Number():
            return str(field.min or 0)
        case Secret():
            return field.placeholder or f'sentinel/{field.name}+key&"42'
        case Url():
            return f"https://{field.name.replace('_', '-')}.example.com/sms"
        case Host():
            return f"{field.name.replace('_', '-')}.example.com"
        case _:
            return field.placeholder or f"sentinel-{field.name}"
