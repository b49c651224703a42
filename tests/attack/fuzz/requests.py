"""Whole requests as bytes on a socket, so that heads may be wrong too."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.attack.fuzz import values

METHODS = ("POST",) * 12 + ("GET", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PROPFIND", "post")
FORM = "application/x-www-form-urlencoded"
TYPES = (
    FORM, FORM + "; charset=utf-16", FORM + "; charset=nonsense", "application/json",
    "application/json; charset=utf-8", "text/plain", "text/xml", "application/octet-stream", "multipart/form-data",
    "multipart/mixed; boundary=x", "", ";", "a" * 500,
)  # fmt: skip
HEADERS = (
    "X-Twilio-Signature: AAAA", "Authorization: Basic !!!", "Authorization: Bearer \x7f", "Cookie: sessionid=1; a",
    "Expect: 100-continue", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https",
    "Accept-Language: xx-" + "y" * 300, "Accept-Encoding: gzip;q=NaN", "If-Modified-Since: never", "Range: bytes=5-1",
    "X-HTTP-Method-Override: DELETE", "HX-Request: true", "Content-Encoding: gzip",
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """An address with the words that its reader knows; what every request to it carries beside its own headers."""

    path: str
    words: Sequence[str] = ()
    headers: Sequence[str] = field(default_factory=tuple)
    methods: Sequence[str] = METHODS


def make(rng: random.Random, target: Target, host: str) -> bytes:
    """Return one request to the target, or to an address much like it."""
    kind, body = _body(rng, target.words)
    path = _path(rng, target)
    lines = [f"{rng.choice(target.methods)} {path} HTTP/1.{rng.choice((1, 1, 1, 0))}", f"Host: {host}", *target.headers]
    lines += rng.sample(HEADERS, rng.choice((0, 0, 1, 3)))
    if kind:
        lines.append(f"Content-Type: {kind}")
    framing, body = _framed(rng, body)
    head = "\r\n".join([*lines, *framing, "Connection: close", "", ""])
    return head.encode("utf-8", "replace") + body


def _body(rng: random.Random, words: Sequence[str]) -> tuple[str, bytes]:
    kind = rng.random()
    if kind < 0.35:
        return FORM, values.as_form(rng, words)
    if kind < 0.65:
        return "application/json", values.as_json(rng, words)
    if kind < 0.8:
        body, said = values.as_multipart(rng, words)
        return said, body
    if kind < 0.85:
        return "text/xml", values.as_xml(rng, words)
    make_one = rng.choice((values.as_form, values.as_json, values.as_xml))
    return rng.choice(TYPES), make_one(rng, words) if rng.random() < 0.7 else rng.randbytes(rng.randrange(2000))


def _path(rng: random.Random, target: Target) -> str:
    path, kind = target.path, rng.random()
    if kind < 0.75:
        return path
    if kind < 0.85:
        query = values.as_form(rng, target.words).decode("utf-8", "replace")[:3000]
        return path + "?" + "".join(letter if letter.isprintable() and letter != " " else "%00" for letter in query)
    at = rng.randrange(len(path))
    odd = rng.choice(
        ("%00", "%ff", "%2e%2e", "/", "//", "..", "%", "\u00e9", "%ED%A0%80", "x" * 2000, ";a=b", "%0d%0a", "")
    )
    return path[:at] + odd + path[at + rng.choice((0, 1)) :]


def _framed(rng: random.Random, body: bytes) -> tuple[list[str], bytes]:
    """Return the headers that say how long the body is, mostly the truth, and the body as it goes out."""
    if rng.random() < 0.75:
        return [f"Content-Length: {len(body)}"], body
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    return rng.choice(
        (
            ([], body),
            ([f"Content-Length: {max(0, len(body) - 5)}"], body),
            ([f"Content-Length: {len(body) + 5}"], body),
            (["Content-Length: -1"], body),
            (["Content-Length: abc"], body),
            (["Content-Length: +5"], body),
            (["Content-Length: ２"], body),
            ([f"Content-Length: {10**30}"], body),
            ([f"Content-Length: {len(body)}", "Content-Length: 0"], body),
            (["Transfer-Encoding: chunked"], chunked),
            (["Transfer-Encoding: chunked"], chunked[:-3]),
            (["Transfer-Encoding: chunked", f"Content-Length: {len(body)}"], chunked),
            (["Transfer-Encoding: gzip, chunked"], chunked),
            (["Transfer-Encoding: chunked"], b"zz\r\n" + body),
            (["Transfer-Encoding: xchunked"], chunked),
        )
    )
