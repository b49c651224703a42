"""What an application says about its addresses, for the server to act on before a thread is taken."""

from collections.abc import Callable
from dataclasses import dataclass

LONGEST_BODY = 64 * 1024  # bytes of a form that a person fills in; also all that is read from strangers
OVERLOADED = "sendline.overloaded"  # in the WSGI environment: answer that there are too many requests, and do no more


@dataclass(frozen=True)
class Deadlines:
    """Seconds that a client has; none of them costs a thread meanwhile."""

    head: float = 10  # to send the head of a request
    request: float = 60  # to send all of it
    idle: float = 75  # between requests; longer than a proxy keeps a connection, for it must not find it closed
    stalled: float = 20  # to read anything of an answer
    answer: float = 300  # to read all of it


def _longest_body(_path: str) -> int:
    return LONGEST_BODY


def _nothing(*_: object) -> None:
    return None


def _well() -> int:
    return 0


@dataclass(frozen=True)
class Policy:
    """How requests are let in.

    `longest_body` answers the bytes a body may have at a path. Requests whose path begins with one of `reserved` have
    threads that no other request may take, and the others are told OVERLOADED when too many of them wait. Bodies longer
    than LONGEST_BODY at paths that begin with one of `in_turn` are answered one after the other.
    `on_too_long` is called with the path of a request that was refused for its length, once that is answered.
    `on_start` is called once before the first request, and the process ends with what `exit_code` answers.
    """

    longest_body: Callable[[str], int] = _longest_body
    reserved: tuple[str, ...] = ()
    in_turn: tuple[str, ...] = ()
    deadlines: Deadlines = Deadlines()
    on_too_long: Callable[[str], None] = _nothing
    on_start: Callable[[], None] = _nothing
    exit_code: Callable[[], int] = _well
