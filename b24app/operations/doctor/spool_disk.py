"""Checks of the spool: that its folder can be written, outlives a restart, and is not filling up."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from b24app.core import spool
from b24app.operations.doctor.findings import Finding, count_of, error, ok, warning

FORGETFUL = {"tmpfs", "ramfs", "devtmpfs", "overlay", "aufs"}
REMOTE = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "ceph", "glusterfs"}
MOUNTS = Path("/proc/self/mountinfo")
OUTSIDE = "Set SPOOL_DIR to a folder on a disk of this node's own, for example /var/lib/sendline/spool."
MB = 1024 * 1024
LONG_WAIT = 60  # seconds; replaying takes a few
FULL, NEARLY_FULL = 0.8, 0.5  # of SPOOL_MAX_MB


def check_writable() -> Iterator[Finding]:
    """Find a spool in which nothing can be kept."""
    try:
        spool.check_writable()
    except OSError as failure:
        why = failure.strerror or type(failure).__name__
        yield error(
            f"SPOOL_DIR, {settings.SPOOL_DIR}, cannot be written ({why}).",
            "It has to be a folder on a disk that this process may write to.",
        )
    else:
        yield ok(f"SPOOL_DIR, {settings.SPOOL_DIR}, can be written.")


def check_place() -> Iterator[Finding]:
    """Find a spool that a restart of the node, or an upgrade of the code, would empty."""
    folder = Path(settings.SPOOL_DIR)
    if not folder.is_absolute():
        yield error(f"SPOOL_DIR, {folder}, depends on the folder in which a process is started.", OUTSIDE)
        return
    kind = find_filesystem(folder)
    if folder.resolve().is_relative_to(settings.BASE_DIR):
        yield error(f"SPOOL_DIR, {folder}, lies in the folder of the code, which an upgrade replaces.", OUTSIDE)
    elif kind in FORGETFUL:
        yield error(f"SPOOL_DIR, {folder}, is on a disk that forgets ({kind}).", OUTSIDE)
    elif kind in REMOTE:
        yield warning(f"SPOOL_DIR, {folder}, is on a network's disk ({kind}), which may be away too.", OUTSIDE)
    else:
        yield ok(f"SPOOL_DIR is on a disk of this node ({kind or 'of unknown kind'}).")


def check_depth() -> Iterator[Finding]:
    """Find records that nobody replays, and a spool or disk that is nearly full."""
    waiting, aside = spool.waiting_records(), spool.poisoned_records()
    used, room = spool.size_in_bytes(), spool.capacity_in_bytes()
    age = max(0.0, time.time() - int(waiting[0].name.partition("-")[0]) / 1e9) if waiting else 0.0
    if age > LONG_WAIT:
        yield error(
            f"The spool holds {count_of(len(waiting), 'record')}, the oldest for {age:.0f} s.",
            "Start a process on this node that reaches the database: any but beat replays them.",
        )
    else:
        yield ok(f"The spool holds {count_of(len(waiting), 'record')}; {used / MB:.1f} of {room / MB:.0f} MB are used.")
    if aside:
        yield error(
            f"The spool has set aside {count_of(len(aside), 'record')} that no handler could take.",
            "Look for spool_record_set_aside in the log, then run `manage.py spool --again`.",
        )
    if used > NEARLY_FULL * room:
        yield (error if used > FULL * room else warning)(
            f"{100 * used / room:.0f} % of the spool are used.", "Bring the database back, or raise SPOOL_MAX_MB."
        )
    free = shutil.disk_usage(settings.SPOOL_DIR).free
    if free < room - used:
        yield warning(
            f"The disk of the spool has {free / MB:.0f} MB left, less than SPOOL_MAX_MB allows for.",
            "Free some, or lower SPOOL_MAX_MB.",
        )


def find_filesystem(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of the file system that a folder is or would be on; "" where this system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    folder = folder.resolve()
    found, longest = "", -1
    for line in lines:
        left, _, right = line.partition(" - ")
        point = Path(left.split()[4].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= longest:  # of two at one place the later one is seen
            found, longest = right.split()[0], len(point.parts)
    return found
