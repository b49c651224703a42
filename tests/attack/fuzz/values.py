"""Hostile values: texts, numbers, structures, and their encodings as forms, JSON, XML and multipart."""

import json
import random
from collections.abc import Callable, Sequence
from urllib.parse import quote, quote_plus

TEXTS: Sequence[str] = (
    "", " ", "0", "-1", "1", "delivered", "DELIVRD", "null", "None", "true", "[]", "{}", "N", "Y", "..",
    "../../etc/passwd", "\0", "a\0b", "\r\nX-Injected: 1", "\ud800", "\udfff\ud800", "\U0001f600" * 20,
    "\u202e\u2066", "％", "＝1+1", "é" * 300, "x" * 5000, "%", "%%41", "%zz", "%u0041", "{to}", "{0}", "{{7*7}}",
    "${7*7}", "<script>alert(1)</script>", "' OR 1=1 --", "+12025550147", "12025550147", "+" + "9" * 40,
    "00000000-0000-0000-0000-000000000000", "0123456789abcdef" * 2, "99999999999999999999", "-99999999999999999999",
    "1e999", "1E+999999", "NaN", "Infinity", "-0", "0x10", "１２", "1.5e-7", "9" * 5000, "9999-12-31", "0001-01-01",
    "2026-02-30", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00", "253402300800", "-62135596801",
)  # fmt: skip
NUMBERS: Sequence[object] = (
    0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 0.1, 1e308, -1e308, float("nan"), float("inf"),
    True, False, None,
)  # fmt: skip
DEPTH = 5
VERY_DEEP = 3000


def text(rng: random.Random, words: Sequence[str]) -> str:
    """Return a text: hostile, random, or a word that the reader knows."""
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(TEXTS)
    if kind < 0.8 and words:
        return rng.choice(words)
    return "".join(
        chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x110000)))) for _ in range(rng.randrange(1, 30))
    )


def value(rng: random.Random, words: Sequence[str], depth: int = 0) -> object:
    """Return a JSON value, with known names where there are some."""
    kind = rng.random()
    if depth >= DEPTH or kind < 0.4:
        return rng.choice(NUMBERS) if rng.random() < 0.4 else text(rng, words)
    if kind < 0.6:
        return [value(rng, words, depth + 1) for _ in range(rng.randrange(4))]
    return {text(rng, words): value(rng, words, depth + 1) for _ in range(rng.randrange(6))}


def as_json(rng: random.Random, words: Sequence[str]) -> bytes:
    """Return JSON, sometimes broken, sometimes very deep, sometimes in another encoding."""
    kind = rng.random()
    if kind < 0.05:
        return rng.choice((b"[" * VERY_DEEP, b'{"a":' * VERY_DEEP, b"[" * VERY_DEEP + b"]" * VERY_DEEP))
    found = json.dumps(value(rng, words), ensure_ascii=rng.random() < 0.5)
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin-1"))
    data = found.encode(encoding, "surrogatepass" if kind < 0.5 and encoding != "latin-1" else "replace")
    return data[: rng.randrange(len(data) + 1)] if kind < 0.15 else data


def key(rng: random.Random, words: Sequence[str]) -> str:
    """Return the name of a form's field: plain, in brackets, or in brackets that do not close."""
    found = text(rng, words)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 6))):
        found += rng.choice((f"[{text(rng, words)}]", "[]", "[0]", "[", "]", "[[", "]]", "[99999999999]"))
    return found


def as_form(rng: random.Random, words: Sequence[str]) -> bytes:
    """Return a form, escaped well, badly or not at all."""
    escape: Callable[[str], str] = rng.choice((quote_plus, quote, str))
    pairs = [(key(rng, words), text(rng, words)) for _ in range(rng.choice((0, 1, 3, 10, 200)))]
    joined = rng.choice(("&", "&", "&", ";", "&&")).join(
        _escaped(escape, name) + rng.choice(("=", "=", "=", "==", "")) + _escaped(escape, said) for name, said in pairs
    )
    return joined.encode("utf-8", "surrogatepass")


def _escaped(escape: Callable[[str], str], said: str) -> str:
    try:
        return escape(said)
    except UnicodeEncodeError:
        return said.encode("utf-8", "replace").decode()


def as_xml(rng: random.Random, words: Sequence[str]) -> bytes:
    """Return XML, an entity bomb or something like it."""
    if rng.random() < 0.2:
        bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
        return f'<!DOCTYPE x [<!ENTITY e0 "ha">{bomb}]><x>&e8;</x>'.encode()
    inside = "".join(f"<{text(rng, words)}>{text(rng, words)}</{text(rng, words)}>" for _ in range(rng.randrange(5)))
    return f"<?xml version='1.0'?><report>{inside}</report>".encode("utf-8", "replace")


def as_multipart(rng: random.Random, words: Sequence[str]) -> tuple[bytes, str]:
    """Return parts with their boundary, sometimes with another one, or without an end."""
    boundary = rng.choice(("b", "x" * 70, "with space", "-", "\u00e9"))
    parts = b""
    for _ in range(rng.choice((0, 1, 3, 50))):
        name = key(rng, words).encode("utf-8", "replace").replace(b'"', b"")
        head = rng.choice(
            (b'form-data; name="%b"', b'form-data; name="%b"; filename="../x.csv"', b"attachment; %b", b"%b")
        )
        parts += b"--%b\r\nContent-Disposition: %b\r\n" % (boundary.encode(), head % name)
        parts += rng.choice(
            (b"\r\n", b"Content-Type: text/csv\r\n\r\n", b"Content-Transfer-Encoding: base64\r\n\r\n", b"")
        )
        parts += text(rng, words).encode("utf-8", "replace") + rng.choice((b"\r\n", b""))
    parts += rng.choice((b"--%b--\r\n" % boundary.encode(), b""))
    said = rng.choice((boundary, boundary, boundary, "another", ""))
    return parts, f"multipart/form-data; boundary={said}"
