"""What an application demands of the server per URL path, applied before a request takes a thread."""

from collections.abc import Callable
from dataclasses import dataclass

DEFAULT_BODY_SIZE = 64 * 1024  # bytes: enough for a form that a person fills in, and all that is read from strangers
OVERLOADED = "sendline.overloaded"  # WSGI environment key: only respond that there are too many requests


@dataclass(frozen=True)
class Deadlines:
    """Seconds a client has before it is disconnected; it takes no thread meanwhile."""

    head: float = 10  # to send the head of a request
    request: float = 60  # to send all of it
    idle: float = 75  # between requests; longer than a proxy keeps a connection, so that it never finds it closed
    stalled: float = 20  # to read any part of a response
    response: float = 300  # to read all of it


def _default_body_size(_path: str) -> int:
    return DEFAULT_BODY_SIZE


def _do_nothing(*_: object) -> None:
    return None


def _trust_nobody(_peer: str) -> bool:
    return False


def _exit_normally() -> int:
    return 0


@dataclass(frozen=True)
class Policy:
    """How the server treats requests, by path prefix, and what it calls.

    max_body_size: returns the bytes a request body may have at a path; a larger one gets 413.
    reserved_paths: requests under these prefixes have threads of their own. When too many of the other requests wait,
        the next ones are passed on with OVERLOADED set.
    serialized_paths: bodies larger than DEFAULT_BODY_SIZE under these prefixes are handled one after the other.
    deadlines: how long a client may take.
    is_trusted_proxy: whether the client at this address is a proxy; what others say in X-Forwarded-* is dropped.
    on_body_too_large: called with the path of a request that got 413, after the response.
    prepare: called once, before the port is open; raises SystemExit where the process cannot serve.
    on_start: called once, before the first request.
    exit_code: returns what the process exits with.
    """

    max_body_size: Callable[[str], int] = _default_body_size
    reserved_paths: tuple[str, ...] = ()
    serialized_paths: tuple[str, ...] = ()
    deadlines: Deadlines = Deadlines()
    is_trusted_proxy: Callable[[str], bool] = _trust_nobody
    on_body_too_large: Callable[[str], None] = _do_nothing
    prepare: Callable[[], None] = _do_nothing
    on_start: Callable[[], None] = _do_nothing
    exit_code: Callable[[], int] = _exit_normally
