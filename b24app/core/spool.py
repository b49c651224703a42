"""The node's own disk, for what may not be lost while the database is away.

A record is one encrypted file, flushed before `put` returns. Replaying is the same call the record would have made in
the first place, so every handler must be safe to run twice.
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

from b24app.core.outage import AWAY, is_only_locked
from b24app.core.sealing import seal, unseal

log = structlog.get_logger(__name__)
Handler = Callable[[Mapping[str, Any]], object]
T = TypeVar("T")

PAUSE_AFTER_FAILURE = 2.0  # seconds during which the database is not even tried
COUNT_EVERY = 5.0  # seconds
POISON = "poison"
SHARES = {"unsigned": 0.1}  # of the room, for what strangers may write
OWNER_SHARE = 0.2  # for one sender's calls or one account's reports, of the room that all others have left
POISON_SHARE = 0.5  # of the room, for what no handler could take
BLOCK = 4096  # bytes that the smallest file takes from the disk
LOCKED_AT_ONCE = 3  # records of one round that may find their rows locked; each has waited for the lock

_away_until = 0.0
_locked: set[str] = set()  # names of records that found their rows locked: the others go before them


class SpoolFull(Exception):
    """The spool has reached SPOOL_MAX_MB; the record was not kept."""


def write_or_spool(kind: str, record: Mapping[str, Any], write: Callable[[], T], *, owner: str = "") -> T | None:
    """Run `write`; when the database is away, keep the record on disk instead, in its owner's share, and answer None.

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
    put_record(kind, record, owner=owner)
    return None


def put_record(kind: str, record: Mapping[str, Any], *, owner: str = "") -> None:
    """Keep one record (JSON types only) on disk; it is safe there when this returns.

    What comes from one tenant has an `owner`, whose records take a limited share of the room. Raises SpoolFull where
    there is none left for it.
    """
    folder = _folder()
    data = seal(json.dumps(record).encode())
    tag = _tag(owner)
    if not _room.take(len(data), SHARES.get(kind, 1.0), tag):
        raise SpoolFull
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}{tag}.{kind}"
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


def size_in_bytes() -> int:
    """Bytes of the disk that the spool takes, with what was set aside."""
    return _used().total()


def _used() -> Counter[str]:
    """Bytes of the disk by the tag of their owner."""
    return _used_in(_folder()) + _used_in(_folder() / POISON)


def _used_in(folder: Path) -> Counter[str]:
    used: Counter[str] = Counter()
    with suppress(FileNotFoundError):  # nothing was ever set aside
        for entry in os.scandir(folder):
            with suppress(FileNotFoundError):  # replayed, or given its name, since the folder was read
                used[_tag_in(entry.name)] += _on_disk(entry.stat().st_size) if entry.is_file() else 0
    return used


def _tag(owner: str) -> str:
    """Return what the names of an owner's records carry: not who it is, only that they are of the same."""
    return f"-{hashlib.sha256(owner.encode()).hexdigest()[:12]}" if owner else ""


def _tag_in(name: str) -> str:
    """Return the tag in a record's name; empty where it belongs to no tenant."""
    parts = name.partition(".")[0].split("-")
    return f"-{parts[2]}" if len(parts) == 3 else ""


def _on_disk(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def room_in_bytes() -> int:
    """Bytes of the disk that the spool may take."""
    return int(settings.SPOOL_MAX_MB) * 1024 * 1024


class _Room:
    """How full the spool is: counted now and then, for a folder of many files takes long to read."""

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()
        self._count_at = 0.0

    def take(self, wanted: int, share: float, tag: str) -> bool:
        """Whether so many bytes more fit into that share of the whole and into their owner's; then they are counted.

        However many owners have filled their shares, so much is left for the first records of one more.
        """
        if time.monotonic() >= self._count_at:
            self._used = _used()
            self._count_at = time.monotonic() + COUNT_EVERY
        wanted = _on_disk(wanted)
        total, mine = self._used.total() + wanted, self._used[tag] + wanted
        left_by_others = room_in_bytes() - (total - mine)
        fits = total <= share * room_in_bytes() and (not tag or mine <= OWNER_SHARE * left_by_others)
        self._used[tag] += wanted if fits else 0
        return fits


_room = _Room()


def waiting_records() -> list[Path]:
    """The records that wait, oldest first."""
    return sorted(path for path in _folder().iterdir() if path.is_file() and not path.name.startswith("."))


def poisoned_records() -> list[Path]:
    """The records that no handler could take."""
    folder = _folder() / POISON
    return sorted(folder.iterdir()) if folder.exists() else []


def replay_records(handlers: Mapping[str, Handler]) -> int:
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
    paths = waiting_records()
    _locked.intersection_update(path.name for path in paths)
    return sorted(paths, key=lambda path: (path.name in _locked, path.name))


def retry_poisoned() -> int:
    """Give what was set aside another chance; called when a process starts, for it may bring the remedy.

    Answers how many records wait again.
    """
    again = 0
    for path in poisoned_records():
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

    What strangers wrote goes first, then what is of the owner with the most. Every record here has been refused at
    least once by the code that runs now.
    """
    held = _used_in(aside)
    over = held.total() - POISON_SHARE * room_in_bytes()

    def turn(path: Path) -> tuple[bool, int, str]:
        tag = _tag_in(path.name)
        return path.suffix != ".unsigned", -held[tag] if tag else 0, path.name

    for path in sorted(aside.iterdir(), key=turn) if over > 0 else ():
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
