"""The node's own disk, for what may not be lost while the database is away.

A record is one encrypted file, flushed before `put` returns. Replaying is the same call the record would have made in
the first place, so every handler must be safe to run twice.
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from b24app.core.outage import AWAY
from b24app.core.sealing import seal, unseal

log = structlog.get_logger(__name__)
Handler = Callable[[Mapping[str, Any]], object]
T = TypeVar("T")

PAUSE_AFTER_FAILURE = 2.0  # seconds during which the database is not even tried
COUNT_EVERY = 5.0  # seconds
POISON = "poison"
SHARES = {"unsigned": 0.1}  # of the room, for what strangers may write

_away_until = 0.0


class SpoolFull(Exception):
    """The spool has reached SPOOL_MAX_MB; the record was not kept."""


def kept(kind: str, record: Mapping[str, Any], write: Callable[[], T]) -> T | None:
    """Run `write`; when the database is away, keep the record on disk instead and answer None.

    Raises SpoolFull when neither could be done.
    """
    global _away_until  # noqa: PLW0603 - one fact about this process: is its database away
    if time.monotonic() >= _away_until:
        try:
            return write()
        except AWAY:
            _away_until = time.monotonic() + PAUSE_AFTER_FAILURE
            with suppress(DatabaseError):
                connection.close()
            log.warning("database_away", kind=kind)
    put(kind, record)
    return None


def put(kind: str, record: Mapping[str, Any]) -> None:
    """Keep one record (JSON types only) on disk; it is safe there when this returns."""
    folder = _folder()
    data = seal(json.dumps(record).encode())
    if not _room.take(len(data), SHARES.get(kind, 1.0)):
        raise SpoolFull
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.{kind}"
    part = folder / f".{name}"
    try:
        with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(folder / name)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _flush(folder)


def size() -> int:
    """Bytes that wait to be replayed."""
    total = 0
    for entry in os.scandir(_folder()):
        with suppress(FileNotFoundError):  # replayed, or given its name, since the folder was read
            total += entry.stat().st_size if entry.is_file() else 0
    return total


class _Room:
    """How full the spool is: counted now and then, for a folder of many files takes long to read."""

    def __init__(self) -> None:
        self._used = 0
        self._count_at = 0.0

    def take(self, wanted: int, share: float) -> bool:
        """Whether so many bytes more fit into that share of the whole; if so they are counted."""
        if time.monotonic() >= self._count_at:
            self._used = size()
            self._count_at = time.monotonic() + COUNT_EVERY
        limit: float = share * settings.SPOOL_MAX_MB * 1024 * 1024
        fits = self._used + wanted <= limit
        self._used += wanted if fits else 0
        return fits


_room = _Room()


def waiting() -> list[Path]:
    """The records that wait, oldest first."""
    return sorted(path for path in _folder().iterdir() if path.is_file() and not path.name.startswith("."))


def poisoned() -> list[Path]:
    """The records that no handler could take."""
    folder = _folder() / POISON
    return sorted(folder.iterdir()) if folder.exists() else []


def replay(handlers: Mapping[str, Handler]) -> int:
    """Hand every record to its handler, oldest first; answers how many were taken.

    Stops at the first sign that the database is still away. A record that its handler cannot take is set aside.
    """
    taken = 0
    with _only_one() as mine:
        for path in waiting() if mine else ():
            try:
                handlers[path.suffix[1:]](json.loads(unseal(path.read_bytes())))
            except AWAY:
                connection.close()
                break
            except Exception as error:  # noqa: BLE001 - one bad record must not hold up those behind it
                _set_aside(path, error)
                continue
            path.unlink()
            taken += 1
    return taken


def try_again() -> None:
    """Give what was set aside another chance; called when a process starts, for it may bring the remedy."""
    for path in poisoned():
        with suppress(FileNotFoundError):  # another process did
            path.rename(_folder() / path.name)


def _set_aside(path: Path, error: Exception) -> None:
    aside = path.parent / POISON
    aside.mkdir(mode=0o700, exist_ok=True)
    path.rename(aside / path.name)
    log.error("spool_record_set_aside", name=path.name, error=type(error).__name__)


def _folder() -> Path:
    folder = Path(settings.SPOOL_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _only_one() -> Iterator[bool]:
    """Several processes share the folder; one replays at a time."""
    with (_folder() / ".lock").open("w") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
