"""CPU and memory of process trees, from /proc."""

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid: int, *, alone: bool = False) -> float:
    """CPU seconds of a process and its children, living and reaped; `alone` leaves the children out."""
    if alone:
        return sum(_times(pid)[:2]) / TICK
    # A living child's own children may have been reaped by it, so each member counts with what it reaped.
    return sum(sum(_times(one)) for one in tree(pid)) / TICK


def pss(pid: int) -> float:
    """Proportional set size of a process and its living children, in MB: what is shared is divided."""
    total = 0
    for one in tree(pid):
        lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def tree(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            fields = _stat(int(entry.name))
            if fields:
                parents[int(entry.name)] = int(fields[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _times(pid: int) -> list[int]:
    fields = _stat(pid)
    return [int(value) for value in fields[11:15]] if fields else [0] * 4


def _stat(pid: int) -> list[str]:
    """Return the fields after the name: state, parent, …; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
