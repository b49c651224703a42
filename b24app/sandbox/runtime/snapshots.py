"""Dataclasses in a JSON file: written shortly after a change and on stop, read on start."""

import dataclasses
import json
import threading
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PAUSE_SECONDS = 1.0


class SnapshotWriter:
    """Writes what `snapshot` returns to `path`, at most once a second after `touch`."""

    def __init__(self, path: Path, snapshot: Callable[[], object]) -> None:
        self._path = path
        self._snapshot = snapshot
        self._dirty = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-snapshots", daemon=True)

    def start(self) -> None:
        """Start the writing thread."""
        self._thread.start()

    def touch(self) -> None:
        """Schedule a write."""
        self._dirty.set()

    def stop(self) -> None:
        """Write pending changes and stop."""
        self._stopped.set()
        self._dirty.set()
        self._thread.join()

    def read(self) -> Any:
        """Return the JSON written last, or None."""
        return json.loads(self._path.read_text()) if self._path.exists() else None

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._dirty.wait()
            self._dirty.clear()
            self._write()
            self._stopped.wait(_PAUSE_SECONDS)
        if self._dirty.is_set():
            self._write()

    def _write(self) -> None:
        text = json.dumps(self._snapshot())
        scratch = self._path.with_suffix(".tmp")
        scratch.touch(mode=0o600)
        scratch.write_text(text)
        scratch.replace(self._path)


def restore_dataclass(kind: Any, data: Any) -> Any:
    """Return a `kind` (dataclass, list, dict, optional or plain value) built from JSON; unknown keys are dropped."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: restore_dataclass(hints[name], value) for name, value in data.items() if name in hints})  # type: ignore[operator] # a class, not an instance
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return [restore_dataclass(arguments[0], item) for item in data]
    if origin is dict:
        return {arguments[0](key): restore_dataclass(arguments[1], item) for key, item in data.items()}
    if origin is types.UnionType:
        return None if data is None else restore_dataclass(arguments[0], data)
    return data
