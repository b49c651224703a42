"""What this process may know by heart for some seconds."""

import time
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class TtlCache(Generic[Key, Value]):
    """A mapping that forgets after `seconds` and never holds more than `most`; safe among threads."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds, self._most = seconds, most
        self._known: dict[Key, tuple[float, Value]] = {}

    def get(self, key: Key) -> Value | None:
        known = self._known.get(key)
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def put(self, key: Key, value: Value) -> None:
        """Keep it; when there is no room, everything else is forgotten, which costs a read each."""
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[key] = (time.monotonic() + self._seconds, value)

    def forget(self, key: Key) -> None:
        self._known.pop(key, None)
