"""The table for people and the file for machines."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.books import Finding, Ledgers
from tests.chaos.components import MUST_END_WITHIN
from tests.chaos.event_log import Event, EventLog
from tests.chaos.evidence import Evidence
from tests.chaos.unknown import FLIGHT, brings_no_verdict, explanations, is_kill

SHOWN = 40  # findings
AROUND = 20.0  # seconds


def figures(evidence: Evidence) -> dict[str, Any]:
    """Return counts of everything, by name."""
    ledgers = Ledgers.of(evidence)
    accepted = [written for written in evidence.written if written.accepted]
    rows = [ledgers.row(written) for written in evidence.written]
    causes = Counter(why.fault or "unexplained" for why in explanations(evidence).values())
    done = [event for event in evidence.events if "impossible" not in event.facts]
    ends = [event.facts["seconds to end"] for event in done if "seconds to end" in event.facts]
    return {
        "faults": len(done),
        "kinds": len({event.kind for event in done}),
        "faults by kind": dict(sorted(Counter(event.kind for event in done).items())),
        "sends hit": dict(sorted(Counter(hit.fault for hit in evidence.hits).items())),
        "wishes": len(evidence.written),
        "accepted": len(accepted),
        "not accepted": len(evidence.written) - len(accepted),
        "not accepted, and known all the same": sum(
            row is not None and not written.accepted for written, row in zip(evidence.written, rows, strict=True)
        ),
        "fates": dict(sorted(Counter(_fate(row.status, row.phase) for row in rows if row).items())),
        "unknown by cause": dict(sorted(causes.items())),
        "unknown at most": _bound(evidence),
        "most unknown by one kill": max(_by_kill(evidence).values(), default=0),
        "unknown around PostgreSQL's faults, by no other": _of_database(evidence),
        "acceptances at the service": len(evidence.ledger),
        "reports": dict(sorted(_reports(evidence).items())),
        "deadlocks": len(evidence.deadlocks),
        "deadlocks repeated": evidence.deadlocks_repeated,
        "seconds to end after SIGTERM": sorted(ends),
        "killed after SIGTERM": sum("killed after" in event.facts for event in done),
        f"ends within {MUST_END_WITHIN:.0f} s": all(
            event.facts.get("seconds to end", 0) <= MUST_END_WITHIN and "killed after" not in event.facts
            for event in done
        ),
    }


def _fate(status: str, phase: str) -> str:
    return status if phase == "done" else phase


def _reports(evidence: Evidence) -> Counter[str]:
    told = [report for entry in evidence.ledger for report in entry.reports]
    return Counter(f"answered {report.status}" if report.status else "not answered" for report in told)


def _bound(evidence: Evidence) -> int:
    """Return the sends without a result by the service's fault, plus kills times the concurrency of a worker."""
    return sum(brings_no_verdict(hit) for hit in evidence.hits) + 16 * sum(is_kill(one) for one in evidence.events)


def _by_kill(evidence: Evidence) -> Counter[int]:
    return Counter(why.event for why in explanations(evidence).values() if why.event)


def _of_database(evidence: Evidence) -> int:
    """Unknown outcomes that nothing explains but that PostgreSQL was away: there should be none."""
    away = [event for event in evidence.events if event.kind.startswith("postgresql")]
    nobody = [why for why in explanations(evidence).values() if not why.fault]
    return sum(any(event.covers(why.at, FLIGHT, FLIGHT) for event in away) for why in nobody)


def table(numbers: Mapping[str, Any], found: Sequence[Finding]) -> str:
    """Return the figures, one a line, and whether the books balance."""
    lines = []
    for name, value in numbers.items():
        if isinstance(value, dict):
            lines.append(f"{name}:")
            lines += [f"    {inner:38} {count:>6}" for inner, count in value.items()]
        else:
            lines.append(f"{name:42} {value!s:>6}")
    books = Counter(finding.book for finding in found)
    lines += ["books:"] + [f"    {book:38} {books[book]:>6}" for book in ("lost", "doubled", "stuck")]
    lines += [f"    {book:38} {count:>6}" for book, count in books.items() if book not in {"lost", "doubled", "stuck"}]
    return "\n".join(lines)


def explain(found: Sequence[Finding], event_log: EventLog, start: float) -> str:
    """Each finding, and below them what went wrong around them."""
    lines, near = [], []
    for finding in found[:SHOWN]:
        when = f"{finding.at - start:.1f} s" if finding.at else "no one moment"
        lines.append(f"{finding.book.upper()} at {when}: {finding.who}: {finding.words}")
        near += event_log.near(finding.at, AROUND) if finding.at else []
    if len(found) > SHOWN:
        lines.append(f"… and {len(found) - SHOWN} more, all in the file")
    around = [event.line(start) for event in event_log.events if event in near]
    return "\n".join([*lines, *(["the faults around them:"] if around else []), *around])


def write(
    path: Path, *, seed: int, numbers: Mapping[str, Any], found: Sequence[Finding], events: Sequence[Event]
) -> None:
    """Return the whole run as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "seed": seed,
        "balances": not found,
        "figures": numbers,
        "findings": [asdict(finding) for finding in found],
        "events": [asdict(event) for event in events],
    }
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False, default=str) + "\n")
