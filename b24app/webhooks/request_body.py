"""How much of a call is read, and how much of what was read is taken apart."""

import re

from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest

from b24app.core import signed_urls
from b24app.server.policy import LONGEST_BODY

LONGEST_CALL = 1024 * 1024  # a text keeps 20,000 characters, and stands in a call twice: 180 KB each at the worst
LONGEST_REPORT = 1024 * 1024
LONGEST_EVENT = LONGEST_BODY
MOST_VALUES = 25_000  # in JSON or XML: a thousand reports of a service that gathers them, and that is twice the most
MOST_OBJECTS = 5_000
_OURS = re.compile(r"/(?P<door>[hr])/(?P<first>[^/]+)/(?P<second>[^/]+)/(?P<mac>[^/]+)/")
_KINDS = {"h": ("handler", LONGEST_CALL), "r": ("report", LONGEST_REPORT)}


def longest_body(path: str) -> int:
    """Return the most bytes the server may read of a body for this path: of strangers no more than of a form."""
    found = _ours(path)
    return _KINDS[found["door"]][1] if found else LONGEST_BODY


def handler_of(path: str) -> str | None:
    """Return whose handler's good address this is: the sender's."""
    found = _ours(path)
    return found["first"] if found and found["door"] == "h" else None


def _ours(path: str) -> re.Match[str] | None:
    found = _OURS.fullmatch(path)
    if found and signed_urls.is_signed_by_us(found["mac"], _KINDS[found["door"]][0], found["first"], found["second"]):
        return found
    return None


def read_body(request: HttpRequest, most: int) -> bytes:
    """Return the body, never more than its Content-Length says.

    Raises RequestDataTooBig before anything is read; BadRequest, which Django answers with 400; UnreadablePostError.
    """
    if content_length(request) > most:
        raise RequestDataTooBig
    return request.read(most)


def content_length(request: HttpRequest) -> int:
    """Return the bytes by Content-Length, 0 where it is missing; raises BadRequest where it is no number."""
    said = request.META.get("CONTENT_LENGTH") or "0"
    if not str(said).isdecimal():
        raise BadRequest
    return int(said)


def refuse_many_values(body: bytes) -> None:
    """Raise RequestDataTooBig for JSON or XML that would become a hundred times its size in memory.

    Every value stands behind one of these marks, also those within texts, which therefore count too.
    """
    objects = body.count(b"{")
    if objects > MOST_OBJECTS or objects + sum(body.count(mark) for mark in (b"[", b",", b"<")) > MOST_VALUES:
        raise RequestDataTooBig
