"""A bounded cache in this process's memory."""

import threading
import time
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class TtlCache(Generic[Key, Value]):
    """A mapping that drops entries after `seconds` and never holds more than `max_size`; safe among threads."""

    def __init__(self, seconds: float, max_size: int) -> None:
        self._seconds, self._max_size = seconds, max_size
        self._entries: dict[Key, tuple[float, Value]] = {}  # the one written first stands first
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """Return the value, or None where there is none or it has expired."""
        with self._lock:  # or it might be missed while it is being replaced
            entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] > time.monotonic() else None

    def put(self, key: Key, value: Value) -> None:
        """Store a value; when there is no room, the one written first goes."""
        with self._lock:
            self._entries.pop(key, None)
            if len(self._entries) >= self._max_size:
                del self._entries[next(iter(self._entries))]
            self._entries[key] = (time.monotonic() + self._seconds, value)

    def forget(self, key: Key) -> None:
        """Drop a value, if there is one."""
        with self._lock:
            self._entries.pop(key, None)
