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

from b24app.core.outage import AWAY, is_only_locked
from b24app.core.sealing import seal, unseal

log = structlog.get_logger(__name__)
Handler = Callable[[Mapping[str, Any]], object]
T = TypeVar("T")

PAUSE_AFTER_FAILURE = 2.0  # seconds during which the database is not even tried
COUNT_EVERY = 5.0  # seconds
POISON = "poison"
SHARES = {"unsigned": 0.1}  # of the room, for what strangers may write
POISON_SHARE = 0.5  # of the room, for what no handler could take
BLOCK = 4096  # bytes that the smallest file takes from the disk
LOCKED_AT_ONCE = 3  # records of one round that may find their rows locked; each has waited for the lock

_away_until = 0.0
_locked: set[str] = set()  # names of records that found their rows locked: the others go before them


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
        except AWAY as error:
            if is_only_locked(error):
                log.warning("row_locked", kind=kind)
            else:
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


def check_writable() -> None:
    """Write and flush a file in the spool's folder as `put` would. Raises OSError where that cannot be done."""
    folder = _folder()
    with _only_one():
        pass
    probe = folder / f".{secrets.token_hex(8)}.probe"
    try:
        with open(probe, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(b"written")
            file.flush()
            os.fsync(file.fileno())
    finally:
        probe.unlink(missing_ok=True)


def size() -> int:
    """Bytes of the disk that the spool takes, with what was set aside."""
    return _bytes(_folder()) + _bytes(_folder() / POISON)


def _bytes(folder: Path) -> int:
    total = 0
    with suppress(FileNotFoundError):  # nothing was ever set aside
        for entry in os.scandir(folder):
            with suppress(FileNotFoundError):  # replayed, or given its name, since the folder was read
                total += _on_disk(entry.stat().st_size) if entry.is_file() else 0
    return total


def _on_disk(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def room() -> int:
    """Bytes of the disk that the spool may take."""
    return int(settings.SPOOL_MAX_MB) * 1024 * 1024


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
        limit = share * room()
        wanted = _on_disk(wanted)
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

    Stops at the first sign that the database is still away; a record that finds its rows locked lets others go first.
    One that its handler cannot take is set aside.
    """
    taken = locked = 0
    with _only_one() as mine:
        for path in _in_turn() if mine else ():
            try:
                handlers[path.suffix[1:]](json.loads(unseal(path.read_bytes())))
            except AWAY as error:
                locked += 1
                if not is_only_locked(error) or locked == LOCKED_AT_ONCE:
                    connection.close()
                    break
                _locked.add(path.name)
                continue
            except Exception as error:  # noqa: BLE001 - one bad record must not hold up those behind it
                _set_aside(path, error)
                continue
            path.unlink()
            taken += 1
    return taken


def _in_turn() -> list[Path]:
    """The oldest first, but those whose rows were locked before after all others: they may be for long."""
    paths = waiting()
    _locked.intersection_update(path.name for path in paths)
    return sorted(paths, key=lambda path: (path.name in _locked, path.name))


def try_again() -> int:
    """Give what was set aside another chance; called when a process starts, for it may bring the remedy.

    Answers how many records wait again.
    """
    again = 0
    for path in poisoned():
        with suppress(FileNotFoundError):  # another process did
            path.rename(_folder() / path.name)
            again += 1
    return again


def _set_aside(path: Path, error: Exception) -> None:
    aside = path.parent / POISON
    aside.mkdir(mode=0o700, exist_ok=True)
    path.rename(aside / path.name)
    log.error("spool_record_set_aside", name=path.name, error=type(error).__name__)
    _make_room(aside)


def _make_room(aside: Path) -> None:
    """Let what no handler can take never fill the place of what one could: beyond its share the oldest goes, aloud.

    What strangers wrote goes first. Every record here has been refused at least once by the code that runs now.
    """
    over = _bytes(aside) - POISON_SHARE * room()
    for path in sorted(aside.iterdir(), key=lambda path: (path.suffix != ".unsigned", path.name)) if over > 0 else ():
        if over <= 0:
            break
        over -= _on_disk(path.stat().st_size)
        path.unlink()
        log.critical("spool_record_lost", name=path.name)


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
