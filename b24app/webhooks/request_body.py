"""Limits on the bodies of calls: how many bytes are read, and how many values are parsed."""

import re

from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest

from b24app.core import signed_urls
from b24app.server.policy import DEFAULT_BODY_SIZE

MAX_CALL = 1024 * 1024  # a text has up to 20,000 characters, twice in a call: 180 KB each at the worst
MAX_REPORT = 1024 * 1024
MAX_EVENT = DEFAULT_BODY_SIZE
MAX_VALUES = 25_000  # in JSON or XML: a thousand batched reports, twice what any service sends
MAX_OBJECTS = 5_000
_SIGNED_PATH = re.compile(r"/(?P<kind>[hr])/(?P<first>[^/]+)/(?P<second>[^/]+)/(?P<mac>[^/]+)/")
_KINDS = {"h": ("handler", MAX_CALL), "r": ("report", MAX_REPORT)}


def max_body_size(path: str) -> int:
    """Return how many bytes of a body the server may read at this path: of strangers no more than a form has."""
    match = _match_signed(path)
    return _KINDS[match["kind"]][1] if match else DEFAULT_BODY_SIZE


def sender_of_handler(path: str) -> str | None:
    """Return the sender whose handler has this address; None for a forged or another one."""
    match = _match_signed(path)
    return match["first"] if match and match["kind"] == "h" else None


def _match_signed(path: str) -> re.Match[str] | None:
    match = _SIGNED_PATH.fullmatch(path)
    if match and signed_urls.is_signed_by_us(match["mac"], _KINDS[match["kind"]][0], match["first"], match["second"]):
        return match
    return None


def read_body(request: HttpRequest, longest: int) -> bytes:
    """Return the body, never more than its Content-Length.

    Raise RequestDataTooBig before anything is read; BadRequest, which Django answers with 400; UnreadablePostError.
    """
    if content_length(request) > longest:
        raise RequestDataTooBig
    return request.read(longest)


def content_length(request: HttpRequest) -> int:
    """Return the request's Content-Length in bytes, 0 where it is missing; raise BadRequest where it is no number."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not str(length).isdecimal():
        raise BadRequest
    return int(length)


def refuse_many_values(body: bytes) -> None:
    """Raise RequestDataTooBig for JSON or XML that would take a hundred times its size in memory.

    Every value follows one of these characters; those inside texts are counted too.
    """
    objects = body.count(b"{")
    if objects > MAX_OBJECTS or objects + sum(body.count(mark) for mark in (b"[", b",", b"<")) > MAX_VALUES:
        raise RequestDataTooBig
