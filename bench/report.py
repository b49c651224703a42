"""The results: a table for people, JSON for comparison, and what the machine was."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    runs: int = 3
    intake_seconds: float = 8.0
    messages: int = 6000
    baseline_messages: int = 1500
    growth_messages: int = 2000
    samples: int = 60
    backlog: int = 50_000
    old: int = 5_000_000
    young: int = 50_000


QUICK = Sizes(
    runs=1, intake_seconds=3, messages=800, baseline_messages=300, growth_messages=800, samples=15, backlog=2000,
    old=100_000, young=5_000,
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """What a figure must show; `at_least` says on which side."""

    words: str
    bound: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


TARGETS: Mapping[str, Target] = {
    "intake_ratio": Target("intake, accepts/s against the bare insert view", 0.8, at_least=True),
    "report_ratio": Target("delivery reports/s against the same view", 0.8, at_least=True),
    "end_to_end_ratio": Target("end to end, messages/s against the baseline", 4, at_least=True),
    "cpu_ratio": Target("worker CPU per message against the baseline", 0.3),
    "rest_calls_per_1000": Target("REST calls per 1,000 final statuses, first words", 22),
    "confirm_calls_per_1000": Target("REST calls per 1,000 confirmations", 22),
    "idle_p50_ms": Target("idle p50, handler call to request at the service, ms", 40),
    "neighbour_ratio": Target("a small portal's p95 beside backlog or trouble, against idle", 2),
    "behind_bulk_p95_s": Target("ordinary p95 behind bulk on one connection at 10/s, s", 5),
    "growth_ratio": Target("end-to-end rate with many old rows against few", 0.9, at_least=True),
    "journal_growth_ratio": Target("journal p95 with many old rows against few", 1.3),
    "rss_mb": Target("memory of all Procfile processes (PSS), MB", 460),
}


@dataclass
class Result:
    """What a figure found: the keys of the table, and everything they were made from."""

    keys: dict[str, float]
    details: dict[str, Any] = field(default_factory=dict)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that the given percentage does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(percent) // 100) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the middle one."""
    return statistics.median(values)


def machine() -> dict[str, Any]:
    """Return what it was measured on."""
    words = Path("/proc/cpuinfo").read_text().splitlines()
    memory = Path("/proc/meminfo").read_text().split()[1]
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": head.stdout.strip(),
        "processor": next((line.partition(": ")[2] for line in words if line.startswith("model name")), ""),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": int(memory) // 1024,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg(),
    }


def write(content: Mapping[str, Any]) -> None:
    """Keep the results."""
    RESULTS.write_text(json.dumps(content, indent=1, default=str) + "\n")


def table(keys: Mapping[str, float]) -> str:
    """Return the figures that were measured, each with what it must show."""
    lines = [f"{'figure':<84}{'measured':>10}{'target':>10}"]
    for key, target in TARGETS.items():
        if key in keys:
            bound = f"{'≥' if target.at_least else '≤'} {target.bound:g}"
            mark = "" if target.met(keys[key]) else "   not reached"
            lines.append(f"{f'{key}: {target.words}':<84}{keys[key]:>10.2f}{bound:>10}{mark}")
    return "\n".join(lines)
