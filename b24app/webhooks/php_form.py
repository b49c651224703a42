"""PHP's bracketed form fields, `auth[user_id]=7`, as nested values; nothing a stranger writes can hurt."""

import re
from binascii import unhexlify
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

MAX_FIELDS = 10_000
MAX_DEPTH = 8  # keys nested deeper are cut here
STRETCH = 16 * 1024  # bytes
LONGEST_NAME_KNOWN = 64  # the names of a portal's calls are always the same: they are taken apart once
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
_KEYS = re.compile(r"\[([^\[\]]*)\]")


def read_pairs(body: bytes) -> Iterator[tuple[str, str]]:
    """Name and value of each field of a urlencoded body; what is not UTF-8 becomes the replacement character."""
    for item in body.split(b"&", MAX_FIELDS)[:MAX_FIELDS]:
        name, _, value = item.partition(b"=")
        yield _name(name) if len(name) <= LONGEST_NAME_KNOWN else _text(name), _text(value)


def nest_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nest flat pairs; never raises. Dictionaries keyed 0…n-1 become lists, `a[]` takes the next number.

    Of duplicates the last wins, also where one is a value and the other an array. Fields after the ten thousandth
    are left out, and so are fields without a name.
    """
    root: dict[str, Any] = {}
    for name, value in islice(pairs, MAX_FIELDS):
        path = _known_path(name) if len(name) <= LONGEST_NAME_KNOWN else _path(name)
        if path:
            _put(root, path, value)
    return {key: _listed(value) for key, value in root.items()}


def _text(quoted: bytes) -> str:
    spaced = quoted.replace(b"+", b" ")
    plain = b"".join(_unquoted(spaced)) if b"%" in spaced else spaced
    return plain.decode("utf-8", "replace")


def _unquoted(quoted: bytes) -> Iterator[bytes]:
    """Yield it stretch by stretch: each escape takes two hundred bytes while its stretch is worked on."""
    begin = 0
    while begin < len(quoted):
        end = begin + STRETCH
        cut = quoted.rfind(b"%", end - 2, end)
        if cut >= 0 and (escape := _ESCAPE.match(quoted, cut)):  # this end would cut it in two
            end = escape.end()
        yield _ESCAPES.sub(_plain, quoted[begin:end])
        begin = end


def _plain(escapes: re.Match[bytes]) -> bytes:
    return unhexlify(escapes[0].replace(b"%", b""))


def _path(name: str) -> tuple[str, ...]:
    """The keys from the outside in; none where the field has no name."""
    head, bracket, rest = name.partition("[")
    keys = islice(_KEYS.finditer(bracket + rest), MAX_DEPTH - 1)
    return (head, *(found[1] for found in keys)) if head else ()


_name = lru_cache(maxsize=1024)(_text)
_known_path = lru_cache(maxsize=1024)(_path)


def _put(node: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for key in path[:-1]:
        child = node.get(key) if key else None
        if not isinstance(child, dict):
            child = {}
            node[key or str(len(node))] = child
        node = child
    node[path[-1] or str(len(node))] = value


def _listed(value: Any) -> Any:
    """The depth is bounded, so recursion is."""
    if not isinstance(value, dict):
        return value
    if "0" in value and all(key == str(index) for index, key in enumerate(sorted(value, key=_order))):
        return [_listed(value[key]) for key in sorted(value, key=_order)]
    return {key: _listed(inner) for key, inner in value.items()}


def _order(key: str) -> int:
    return int(key) if key.isascii() and key.isdecimal() and len(key) < 6 else MAX_FIELDS
