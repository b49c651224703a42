"""PHP's form encoding: nested values under bracketed keys, as Bitrix24 sends and reads them (docs/bitrix24.md E.1)."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode

_SEGMENT = re.compile(r"\[([^\]]*)\]")


def encode_form(fields: Mapping[str, object]) -> str:
    """Return `{"a": {"b": 1}}` as `a%5Bb%5D=1`; empty arrays and nulls are omitted, booleans are 1 and 0."""
    # Lone surrogates go out as the bytes PHP would send, not as an error.
    return urlencode(list(_flatten_items(fields.items(), "")), errors="surrogatepass")


def decode_form(text: str) -> dict[str, object]:
    """Return the nested value of a query string or form body; arrays with the keys 0…n-1 become lists."""
    return nest_pairs(parse_qsl(text, keep_blank_values=True))


def nest_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Return the nested value of decoded pairs with bracketed keys; a later pair of the same key wins, as in PHP."""
    root: dict[str, object] = {}
    for key, value in pairs:
        head, _, _ = key.partition("[")
        path = [head, *_SEGMENT.findall(key[len(head) :])]
        _put_value(root, path, value)
    return {key: _convert_arrays(value) for key, value in root.items()}


def list_or_mapping(array: Mapping[str, object]) -> object:
    """Return what PHP writes as JSON for an array: a list if the keys are 0…n-1 in order, so also if it is empty."""
    if list(array) == [str(number) for number in range(len(array))]:
        return list(array.values())
    return dict(array)


def spell_numbers(value: object) -> object:
    """Return JSON values with all numbers as text, as PHP writes those from a database (docs/bitrix24.md J29)."""
    if isinstance(value, dict):
        return {key: spell_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [spell_numbers(item) for item in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _flatten_items(items: Iterable[tuple[str, object]], prefix: str) -> Iterable[tuple[str, str]]:
    for key, value in items:
        name = f"{prefix}[{key}]" if prefix else key
        if isinstance(value, Mapping):
            yield from _flatten_items(value.items(), name)
        elif isinstance(value, list | tuple):
            yield from _flatten_items(((str(index), item) for index, item in enumerate(value)), name)
        elif value is not None:
            yield name, str(int(value)) if isinstance(value, bool) else str(value)


def _put_value(node: dict[str, object], path: list[str], value: str) -> None:
    for segment in path[:-1]:
        child = node.setdefault(segment or str(len(node)), {})
        if not isinstance(child, dict):
            return
        node = child
    node[path[-1] or str(len(node))] = value


def _convert_arrays(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return list_or_mapping({key: _convert_arrays(item) for key, item in value.items()})
