"""Requests that no browser makes, to every address of the console: hostile values in paths, queries and forms.

Seeded and lazy, so that a test sends a few hundred of them and an attack ten thousand, the same ones each time. Nothing
here sends anything: a `Shot` is what to send, over any client.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import quote, quote_from_bytes, quote_plus

from django.urls import URLPattern, URLResolver

# What filters, forms and launches read; `learn` adds what pages show.
NAMES = (
    "after", "account-title", "act", "AUTH_ID", "before", "by", "code", "country", "DOMAIN", "employee", "error",
    "file", "job", "keep", "keep_texts", "LANG", "m", "member_id", "nonce", "note", "number", "offered", "period",
    "per_hour", "phone", "PLACEMENT_OPTIONS", "PROTOCOL", "q", "query", "reference", "seen", "sender",
    "sender-name_en", "service", "shape", "since", "source", "state", "status", "sure", "text", "theme", "time_zone",
    "to", "until", "why",
)  # fmt: skip

# As bytes: some of it is no Unicode at all, and a query may hold it all the same.
VALUES: tuple[bytes, ...] = (
    b"", b" ", b"0", b"-1", b"1e308", b"NaN", b"Infinity", b"1_000", b"0x10", b"true", b"null", b"9" * 19,
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"9" * 400, b"0001-01-01",
    b"1000-01-01", b"1899-12-31", b"9998-12-31", b"9999-12-30", b"9999-12-31", b"10000-01-01", b"2026-02-30",
    b"2026-W01-1", b"20260101", b"2026-01-01T00:00:00+99:99", b"-0001-01-01", b"\0", b"a\0b", b"\xed\xa0\x80",
    b"\xff\xfe", b"\xc0\xaf", b"\xf4\x90\x80\x80", "٣٤".encode(), "²".encode(), "１２".encode(),
    "\u202eabc".encode(), "😀".encode() * 70, b"a" * 9000, b"%", b"%00", b"+", b"+1", b"++1 202 555 0147", b"'",
    b'"><script>alert(1)</script>', b"../../etc/passwd", b"{}", b"[[[[[[[[", b'{"a":' * 50, b"=1+1", b"\r\nX: y",
    b"00000000-0000-0000-0000-000000000000", b"{00000000000000000000000000000000}", b"urn:uuid:0", b"crm",
    b"failed", b"resend", b"mark_sent", b"days", b"demo", b"json", b"csv", b"US", b"en", b"90", b"last-month",
    b"unknown",
)  # fmt: skip

METHODS = ("GET", "GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS")
FORM, PARTS = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
PLACE = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Shot:
    """One request. `target` is path and query, percent-encoded; `body` goes with `content_type` unless it is empty."""

    name: str
    method: str
    target: str
    body: bytes = b""
    content_type: str = FORM


class Walker:
    """Makes requests to every address of `patterns`, as the resolver lists them.

    `ids` are values that exist, by the name of their place in a route: most paths get those, so that what lies behind
    them is reached. The same seed makes the same requests where the same pages were learnt.
    """

    def __init__(self, patterns: Iterable[URLPattern | URLResolver], ids: Mapping[str, str], seed: int = 1) -> None:
        self.routes = list(_routes(patterns))
        self.ids = ids
        self._own: dict[str, list[str]] = {}
        self._random = Random(seed)

    def learn(self, name: str, page: str) -> None:
        """Take the names of fields and of queries that an address shows: it will read them, too."""
        found = re.findall(r'name="([\w-]+)"|[?&;](\w+)=', page)
        self._own[name] = sorted({one for pair in found for one in pair if one})

    def plain(self) -> Iterator[Shot]:
        """Ask each address once, with ids that exist and nothing else: what to learn from."""
        for name, route in self.routes:
            yield Shot(name, "GET", self._path(route, hostile=0.0))

    def shots(self, count: int) -> Iterator[Shot]:
        """Make so many hostile requests, each address in its turn."""
        for turn in range(count):
            name, route = self.routes[turn % len(self.routes)]
            yield self._shot(name, route)

    def _shot(self, name: str, route: str) -> Shot:
        method = self._random.choice(METHODS)
        query = self._pairs(name, (0, 1, 2, 5))
        target = self._path(route, hostile=0.15) + (f"?{query}" if query else "")
        if method not in ("POST", "PUT"):
            return Shot(name, method, target)
        if self._random.random() < 0.2:
            return Shot(name, method, target, self._parts(name), PARTS)
        return Shot(name, method, target, self._pairs(name, (0, 1, 3, 12)).encode())

    def _path(self, route: str, *, hostile: float) -> str:
        def one(place: re.Match[str]) -> str:
            known = self.ids.get(place[1], "")
            if known and (place[1] == "key" or self._random.random() >= hostile):
                return quote(known, safe="")
            return quote_from_bytes(self._random.choice(VALUES)[:200], safe="")

        return "/" + PLACE.sub(one, route)

    def _name(self, address: str) -> str:
        own = self._own.get(address, [])
        return self._random.choice(own if own and self._random.random() < 0.7 else NAMES)

    def _pairs(self, address: str, counts: Sequence[int]) -> str:
        chosen = [(self._name(address), self._value()) for _ in range(self._random.choice(counts))]
        return "&".join(f"{quote_plus(name)}={quote_from_bytes(value)}" for name, value in chosen)

    def _parts(self, address: str) -> bytes:
        parts = []
        for _ in range(self._random.choice((1, 3))):
            name, value = self._name(address).encode(), self._value()
            file = b'; filename="x.csv"' if self._random.random() < 0.5 else b""
            parts.append(b'--x\r\nContent-Disposition: form-data; name="' + name + b'"' + file + b"\r\n\r\n" + value)
        return b"\r\n".join(parts) + b"\r\n--x--\r\n"

    def _value(self) -> bytes:
        """Hostile, or an id that exists: then the request gets further."""
        if self._random.random() < 0.1 and self.ids:
            return self._random.choice(sorted(self.ids.values())).encode()
        return self._random.choice(VALUES)


def _routes(patterns: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield str(pattern.name), route
