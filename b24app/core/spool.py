"""A spool on the node's own disk, for what must not be lost while the database is unavailable.

A record is one encrypted file, flushed before `put_record` returns. Replaying calls the function the record was meant
for in the first place, so every handler must be safe to run twice.
"""

import hashlib
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from structlog.contextvars import clear_contextvars

from b24app.core.database.outage import AWAY, is_only_locked
from b24app.core.monitoring import metrics
from b24app.core.sealing import seal, unseal

log = structlog.get_logger(__name__)
Handler = Callable[[Mapping[str, Any]], object]
T = TypeVar("T")

PAUSE_AFTER_FAILURE = 2.0  # seconds without trying the database again
COUNT_INTERVAL = 5.0  # seconds
POISON = "poison"
REPLAY_LOCK = ".lock"
SHARES = {"unsigned": 0.1}  # of the capacity, for what strangers may write
OWNER_SHARE = 0.2  # for one sender's calls or one account's reports, of the capacity that all others leave
POISON_SHARE = 0.5  # of the capacity, for what no handler could process
BLOCK_SIZE = 4096  # bytes on disk of the smallest file
MAX_LOCKED = 3  # records of one replay that may find their rows locked: each waits for the lock

_away_until = 0.0
_locked: set[str] = set()  # names of records that found their rows locked: they go last


class SpoolFull(Exception):
    """The spool has reached SPOOL_MAX_MB; the record was not stored."""


def write_or_spool(kind: str, record: Mapping[str, Any], write: Callable[[], T], *, owner: str = "") -> T | None:
    """Run `write`; if the database is unavailable, spool the record instead, in its owner's share, and return None.

    Raise SpoolFull when neither is possible.
    """
    global _away_until  # noqa: PLW0603 - a fact about this process: is its database unavailable
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
                log.warning("database_unavailable", kind=kind)
    put_record(kind, record, owner=owner)
    metrics.DATABASE_AWAY.labels(kind).inc()
    return None


def put_record(kind: str, record: Mapping[str, Any], *, owner: str = "") -> None:
    """Store one record (JSON types only) on disk; it is flushed when this returns.

    A record from one tenant has an `owner`, whose records may take a limited share of the capacity. Raise SpoolFull
    where nothing of it is left.
    """
    folder = _spool_folder()
    data = seal(json.dumps(record).encode())
    tag = _owner_tag(owner)
    if not _capacity.reserve(len(data), SHARES.get(kind, 1.0), tag):
        metrics.SPOOL_LOST.labels("full").inc()
        raise SpoolFull
    write_record(folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}{tag}.{kind}", data)


def write_record(path: Path, sealed: bytes) -> None:
    """Write a record's file, or replace it; it is flushed when this returns, and until then it does not exist."""
    part = path.with_name(f".{path.name}")
    try:
        _write_flushed(part, sealed)
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _write_flushed(path: Path, data: bytes) -> None:
    with open(path, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def check_writable() -> None:
    """Write and flush a file in the spool's folder as `put_record` would; raise OSError where that fails."""
    folder = _spool_folder()
    with replay_lock():
        pass
    probe = folder / f".{secrets.token_hex(8)}.probe"
    try:
        _write_flushed(probe, b"written")
    finally:
        probe.unlink(missing_ok=True)


def size_in_bytes() -> int:
    """Return the bytes on disk of the spool, poisoned records included."""
    return _usage_by_owner().total()


def _usage_by_owner() -> Counter[str]:
    """Return bytes on disk by owner tag."""
    return _usage_of_folder(_spool_folder()) + _usage_of_folder(_spool_folder() / POISON)


def _usage_of_folder(folder: Path) -> Counter[str]:
    used: Counter[str] = Counter()
    with suppress(FileNotFoundError):  # no record was ever poisoned
        for entry in os.scandir(folder):
            with suppress(FileNotFoundError):  # replayed or renamed since the folder was read
                is_record = entry.is_file() and not entry.name.startswith(".")
                used[_tag_of_name(entry.name)] += size_on_disk(entry.stat().st_size) if is_record else 0
    return used


def _owner_tag(owner: str) -> str:
    """Return the tag in the file names of an owner's records, which does not reveal the owner."""
    return f"-{hashlib.sha256(owner.encode()).hexdigest()[:12]}" if owner else ""


def _tag_of_name(name: str) -> str:
    """Return the owner tag in a record's name; empty where it has no owner."""
    parts = name.partition(".")[0].split("-")
    return f"-{parts[2]}" if len(parts) == 3 else ""


def size_on_disk(size: int) -> int:
    """Return the bytes on disk that a file of this size takes."""
    return -(-size // BLOCK_SIZE) * BLOCK_SIZE


def capacity_in_bytes() -> int:
    """Return the bytes on disk that the spool may take."""
    return int(settings.SPOOL_MAX_MB) * 1024 * 1024


class _Capacity:
    """How full the spool is, counted every few seconds because a folder of many files takes long to read."""

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()
        self._count_at = 0.0

    def reserve(self, wanted: int, share: float, tag: str) -> bool:
        """Reserve bytes within this share of the whole and within the owner's; return False where they do not fit.

        However many owners have filled their shares, some capacity is left for the first records of another.
        """
        if time.monotonic() >= self._count_at:
            self._used = _usage_by_owner()
            self._count_at = time.monotonic() + COUNT_INTERVAL
        wanted = size_on_disk(wanted)
        total, mine = self._used.total() + wanted, self._used[tag] + wanted
        left_by_others = capacity_in_bytes() - (total - mine)
        fits = total <= share * capacity_in_bytes() and (not tag or mine <= OWNER_SHARE * left_by_others)
        self._used[tag] += wanted if fits else 0
        return fits


_capacity = _Capacity()


def waiting_records() -> list[Path]:
    """Return the waiting records, oldest first."""
    return sorted(path for path in _spool_folder().iterdir() if path.is_file() and not path.name.startswith("."))


def poisoned_records() -> list[Path]:
    """Return the records that no handler could process."""
    folder = _spool_folder() / POISON
    return sorted(folder.iterdir()) if folder.exists() else []


def replay_records(handlers: Mapping[str, Handler]) -> int:
    """Hand every record to its handler, oldest first; return how many were processed.

    Stop at the first sign that the database is still unavailable. A record that finds its rows locked lets the others
    go first, and one that its handler cannot process is poisoned.
    """
    replayed = locked = 0
    with replay_lock() as is_held:
        for path in _replay_order() if is_held else ():
            clear_contextvars()  # what the record before was about
            try:
                handlers[path.suffix[1:]](json.loads(unseal(path.read_bytes())))
            except AWAY as error:
                locked += 1
                if not is_only_locked(error) or locked == MAX_LOCKED:
                    connection.close()
                    break
                _locked.add(path.name)
                continue
            except Exception as error:  # noqa: BLE001 - one bad record must not block those behind it
                _move_to_poison(path, error)
                continue
            path.unlink()
            replayed += 1
    return replayed


def _replay_order() -> list[Path]:
    """Return the records oldest first, but last those whose rows were locked, as they may be for long."""
    paths = waiting_records()
    _locked.intersection_update(path.name for path in paths)
    return sorted(paths, key=lambda path: (path.name in _locked, path.name))


def retry_poisoned() -> int:
    """Queue the poisoned records again and return how many; called when a process starts, as it may bring a fix."""
    count = 0
    for path in poisoned_records():
        with suppress(FileNotFoundError):  # another process did
            path.rename(_spool_folder() / path.name)
            count += 1
    return count


def _move_to_poison(path: Path, error: Exception) -> None:
    aside = path.parent / POISON
    aside.mkdir(mode=0o700, exist_ok=True)
    path.rename(aside / path.name)
    log.error("spool_record_set_aside", name=path.name, error=type(error).__name__)
    _evict_poison(aside)


def _evict_poison(aside: Path) -> None:
    """Delete, and log, the oldest poisoned records beyond their share, so that good records keep their capacity.

    Those of strangers go first, then those of the owner with the most. Every one of them has failed at least once with
    the code that runs now.
    """
    usage = _usage_of_folder(aside)
    excess = usage.total() - POISON_SHARE * capacity_in_bytes()

    def eviction_order(path: Path) -> tuple[bool, int, str]:
        tag = _tag_of_name(path.name)
        return path.suffix != ".unsigned", -usage[tag] if tag else 0, path.name

    for path in sorted(aside.iterdir(), key=eviction_order) if excess > 0 else ():
        if excess <= 0:
            break
        excess -= size_on_disk(path.stat().st_size)
        path.unlink()
        metrics.SPOOL_LOST.labels("evicted").inc()
        log.critical("spool_record_lost", name=path.name)


def _spool_folder() -> Path:
    folder = Path(settings.SPOOL_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replay_lock() -> Iterator[bool]:
    """Yield whether this process may replay: several share the folder, and one replays at a time."""
    with (_spool_folder() / REPLAY_LOCK).open("w") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
