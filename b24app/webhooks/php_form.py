"""Parsing PHP's bracketed form fields, `auth[user_id]=7`, into nested values, safe against hostile input."""

import re
from binascii import unhexlify
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

MAX_FIELDS = 10_000
MAX_DEPTH = 8  # keys nested deeper are cut here
STRETCH_SIZE = 16 * 1024  # bytes
LONGEST_CACHED_NAME = 64  # the names in a portal's calls repeat, so they are parsed once
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
_KEYS = re.compile(r"\[([^\[\]]*)\]")


def read_pairs(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each field of a urlencoded body; other bytes than UTF-8 become U+FFFD."""
    for item in body.split(b"&", MAX_FIELDS)[:MAX_FIELDS]:
        name, _, value = item.partition(b"=")
        yield _decode_name(name) if len(name) <= LONGEST_CACHED_NAME else _decode_text(name), _decode_text(value)


def nest_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nest flat pairs; never raise. Dictionaries keyed 0…n-1 become lists, `a[]` takes the next number.

    Of duplicates the last wins, also where one is a value and the other an array. Fields after the ten thousandth
    are left out, and so are fields without a name.
    """
    root: dict[str, Any] = {}
    for name, value in islice(pairs, MAX_FIELDS):
        path = _split_name_cached(name) if len(name) <= LONGEST_CACHED_NAME else _split_name(name)
        if path:
            _put_nested(root, path, value)
    return {key: _convert_lists(value) for key, value in root.items()}


def _decode_text(quoted: bytes) -> str:
    spaced = quoted.replace(b"+", b" ")
    plain = b"".join(_unquote_stretches(spaced)) if b"%" in spaced else spaced
    return plain.decode("utf-8", "replace")


def _unquote_stretches(quoted: bytes) -> Iterator[bytes]:
    """Yield the unquoted bytes in stretches, because each escape takes 200 bytes while its stretch is processed."""
    begin = 0
    while begin < len(quoted):
        end = begin + STRETCH_SIZE
        cut = quoted.rfind(b"%", end - 2, end)
        if cut >= 0 and (escape := _ESCAPE.match(quoted, cut)):  # do not split this escape
            end = escape.end()
        yield _ESCAPES.sub(_unhex_escapes, quoted[begin:end])
        begin = end


def _unhex_escapes(escapes: re.Match[bytes]) -> bytes:
    return unhexlify(escapes[0].replace(b"%", b""))


def _split_name(name: str) -> tuple[str, ...]:
    """Return the keys from the outside in; none where the field has no name."""
    head, bracket, rest = name.partition("[")
    keys = islice(_KEYS.finditer(bracket + rest), MAX_DEPTH - 1)
    return (head, *(found[1] for found in keys)) if head else ()


_decode_name = lru_cache(maxsize=1024)(_decode_text)
_split_name_cached = lru_cache(maxsize=1024)(_split_name)


def _put_nested(node: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for key in path[:-1]:
        child = node.get(key) if key else None
        if not isinstance(child, dict):
            child = {}
            node[key or str(len(node))] = child
        node = child
    node[path[-1] or str(len(node))] = value


def _convert_lists(value: Any) -> Any:
    """Turn dictionaries keyed 0…n-1 into lists; the recursion is bounded by MAX_DEPTH."""
    if not isinstance(value, dict):
        return value
    if "0" in value and all(key == str(index) for index, key in enumerate(sorted(value, key=_sort_index))):
        return [_convert_lists(value[key]) for key in sorted(value, key=_sort_index)]
    return {key: _convert_lists(inner) for key, inner in value.items()}


def _sort_index(key: str) -> int:
    return int(key) if key.isascii() and key.isdecimal() and len(key) < 6 else MAX_FIELDS
