"""Why an outcome is unknown: the very fault of the service that hit it, or the kill of a worker that had it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.event_log import Event
from tests.chaos.evidence import Acceptance, Evidence, Hit, Row

NO_VERDICT = ("close", "server_error_after", "nonsense", "server_error", "hang")
TOO_LATE = 29.0  # seconds: longer than a service is waited for
PROCESSES = ("worker", "both", "pusher")  # all of them may send
WAITED_FOR = 12.0  # seconds: a process that ends within 20 cannot wait for services that take longer
FLIGHT = 60.0  # seconds that one send may take, from the claim to the verdict
SLACK = 2.0  # seconds between two clocks and what happens between two looks at them


@dataclass(frozen=True, slots=True)
class Why:
    """`fault` is empty where nothing explains it; `event` is the number of the kill, 0 where it was no kill."""

    fault: str
    at: float
    event: int = 0


def explanations(evidence: Evidence) -> Mapping[int, Why]:
    """By the row's id, for every row of unknown outcome about which no administrator has decided."""
    texts = {(one.portal, one.message_id): one.text for one in evidence.written}
    kills = [event for event in evidence.events if is_kill(event)]
    stops = [event for event in evidence.events if _is_stop(event)]
    found = {}
    for row in evidence.rows:
        text = texts.get((row.portal, row.message_id), "")
        if row.phase == "unknown" and text not in evidence.resent:
            hits = [hit for hit in evidence.hits if hit.text == text]
            entries = [entry for entry in evidence.ledger if entry.text == text]
            found[row.id] = _why(row, hits, entries, kills, stops)
    return found


def brings_no_verdict(hit: Hit) -> bool:
    """May a send that this fell on have been taken, for all that anybody can know?"""
    return hit.fault in NO_VERDICT or (hit.fault == "hold" and hit.seconds >= TOO_LATE)


def is_kill(event: Event) -> bool:
    """Return whether a worker was killed, also for not ending after SIGTERM."""
    if not event.kind.startswith(PROCESSES) or "impossible" in event.facts:
        return False
    return event.kind.endswith("killed") or "killed after" in event.facts


def _is_stop(event: Event) -> bool:
    return event.kind.startswith(PROCESSES) and event.kind.endswith("stopped") and "impossible" not in event.facts


def _while_held(hit: Hit, stop: Event) -> bool:
    """Was the process asked to stop while a service held this send for longer than anybody could wait?"""
    at = float(stop.facts.get("done at", stop.begun))
    ended = at + float(stop.facts.get("seconds to end", 0.0))
    return hit.fault == "hold" and hit.seconds >= WAITED_FOR and hit.at <= ended and at <= hit.at + hit.seconds


def _why(
    row: Row, hits: Sequence[Hit], entries: Sequence[Acceptance], kills: Sequence[Event], stops: Sequence[Event]
) -> Why:
    for hit in hits:
        if brings_no_verdict(hit):
            return Why(f"the service: {hit.fault}", hit.at)
        stop = next((event for event in stops if _while_held(hit, event)), None)
        if stop is not None:
            return Why(f"{stop.kind}, and the service took too long", hit.at, stop.number)
    accepted = entries[-1].at if entries else None
    started = row.first_attempt or 0.0
    for event in kills:
        at = float(event.facts.get("done at", event.begun)) + float(event.facts.get("killed after", 0.0))
        on_the_wire = at - FLIGHT <= accepted <= at + SLACK if accepted else started <= at + SLACK
        if on_the_wire and row.reason == "interrupted":
            return Why(event.kind, at, event.number)
    return Why("", accepted or started)
