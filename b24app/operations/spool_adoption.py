"""The spool of a node that never returns: its records are moved into this node's.

Each process that uses a spool holds a shared lock on its folder for as long as it lives, which ends with the process
however that ends. A folder is adopted under an exclusive one.
"""

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

from django.conf import settings

from b24app.core import spool

IN_USE = ".in-use"
RECORD_NAME = re.compile(r"(?P<time>\d{20})-(?P<token>[0-9a-f]{8})(?P<rest>(-[0-9a-f]{12})?\.[a-z]+)")
ADOPTED_SHARE = 0.8  # of the capacity: what arrives here meanwhile finds some too

START_SECONDS = 1.0  # that a start waits for whoever only looks whether the spool is used
_held: dict[Path, int] = {}  # open for as long as the process lives


class CannotAdopt(Exception):
    """This folder may not be adopted; the message says why, for the operator."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """How many records were moved, and how many did not fit and stay where they are."""

    moved: int
    left: int


def hold_spool() -> None:
    """Mark this node's spool as used until the process ends; raise OSError, also while another node adopts it."""
    path = Path(settings.SPOOL_DIR) / IN_USE
    if path in _held:
        return
    file, until = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), time.monotonic() + START_SECONDS
    while True:
        try:
            flock(file, LOCK_SH | LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
    _held[path] = file


def is_spool_used() -> bool:
    """Return whether a process that replays this node's spool is running."""
    try:
        with _lock_exclusively(Path(settings.SPOOL_DIR) / IN_USE):
            return False
    except BlockingIOError:
        return True


def adopt_folder(folder: Path) -> Adoption:
    """Move the records of another node's spool into this node's; safe to stop and to run again.

    A record is on our disk before it is removed from the other. Stopped in between it is replayed twice at worst, for
    which every handler is made. Raise CannotAdopt.
    """
    _refuse_wrong_folder(folder)
    try:
        with _lock_exclusively(folder / IN_USE), _lock_exclusively(folder / spool.REPLAY_LOCK):
            return _move_records(folder)
    except BlockingIOError:
        raise CannotAdopt(f"A process uses {folder}: only the spool of a node that is gone is adopted.") from None
    except OSError as error:
        raise CannotAdopt(f"The records of {folder} cannot be moved: {error.strerror or error}.") from None


def _refuse_wrong_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise CannotAdopt(f"There is no folder {folder}.")
    if folder.resolve() == Path(settings.SPOOL_DIR).resolve():
        raise CannotAdopt(f"{folder} is the spool of this node.")


def _move_records(folder: Path) -> Adoption:
    ours = Path(settings.SPOOL_DIR)
    moved = left = 0
    room = ADOPTED_SHARE * spool.capacity_in_bytes() - spool.size_in_bytes()
    for source, target in ((folder, ours), (folder / spool.POISON, ours / spool.POISON)):
        for record in _records_in(source):
            size = spool.size_on_disk(record.stat().st_size)
            if left or size > room:
                left += 1
                continue
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            _move_record(record, target)
            moved, room = moved + 1, room - size
    return Adoption(moved, left)


def _records_in(folder: Path) -> list[Path]:
    """Return the records, oldest first, and no file of another kind or half written."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if RECORD_NAME.fullmatch(path.name) and path.is_file())


def _move_record(record: Path, into: Path) -> None:
    sealed = record.read_bytes()
    target = into / record.name
    if not (target.exists() and target.read_bytes() == sealed):  # else an earlier run ended before it removed this one
        spool.write_record(_free_name(target), sealed)
    record.unlink()


def _free_name(path: Path) -> Path:
    """Return the path, under another name of the same time and owner if there is another record of its name."""
    while path.exists():
        path = path.with_name(RECORD_NAME.sub(rf"\g<time>-{secrets.token_hex(4)}\g<rest>", path.name))
    return path


@contextmanager
def _lock_exclusively(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        flock(file, LOCK_EX | LOCK_NB)
        yield
