"""What waits on this node's disk, and which folder that is."""

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from b24app.core import spool
from b24app.core.monitoring import metrics

IDENTITY = ".identity"  # a file whose content tells this folder from all others, wherever it is mounted


@dataclass(frozen=True, slots=True)
class SpoolState:
    """The folder's identity and what is in it; `oldest` is the age in seconds of the oldest waiting record."""

    identity: str = ""
    waiting: int = 0
    set_aside: int = 0
    bytes: int = 0
    oldest: float = 0.0

    @property
    def share(self) -> float:
        """Return how much of the capacity is used, from 0 to 1."""
        return self.bytes / max(1, spool.capacity_in_bytes())


def read_spool() -> SpoolState:
    """Write and flush a file as a record would be, and return the state of this node's spool. Raise OSError."""
    spool.check_writable()
    waiting = spool.waiting_records()
    oldest = max(0.0, time.time() - _written_at(waiting[0])) if waiting else 0.0
    aside = len(spool.poisoned_records())
    return SpoolState(_read_identity(), len(waiting), aside, spool.size_in_bytes(), oldest)


def show_spool(state: SpoolState) -> None:
    """Set the gauges of this node's spool."""
    metrics.SPOOL_RECORDS.labels("waiting").set(state.waiting)
    metrics.SPOOL_RECORDS.labels("set_aside").set(state.set_aside)
    metrics.SPOOL_BYTES.set(state.bytes)
    metrics.SPOOL_CAPACITY.set(spool.capacity_in_bytes())
    metrics.SPOOL_OLDEST.set(state.oldest)


def _written_at(record: Path) -> float:
    """Return when a record was written, as a Unix time: its name begins with it; 0 for a name that is none of ours."""
    nanoseconds = record.name.partition("-")[0]
    return int(nanoseconds) / 1e9 if nanoseconds.isdecimal() else 0.0


def _read_identity() -> str:
    """Return the folder's identity; the first process that asks writes it."""
    path = Path(settings.SPOOL_DIR) / IDENTITY
    with suppress(FileExistsError), path.open("x") as file:
        file.write(secrets.token_hex(16))
    return path.read_text().strip()[:32]
