"""The books: what the script sent and injected, against what the application, the services and the portals hold.

Pure functions from Evidence to findings, so that they can be shown books that do not balance.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.chaos.evidence import Acceptance, Evidence, Row, Told, Written
from tests.chaos.unknown import explanations

FINAL = ("delivered", "undelivered", "failed")
CONCURRENCY = 8  # of one connection, in a worker
RANK = {"queued": 0, "sent": 1, "failed": 2, "undelivered": 2, "delivered": 3}
REFUSED = {"99", "96"}  # number endings that the service refuses at once
OF_DEMO = (("85", "undelivered"), ("90", "failed"), ("95", "failed"))  # all others it delivers
ASKED_TOO = ("twilio", "demo")  # services that tell when they are asked


@dataclass(frozen=True, slots=True)
class Finding:
    """A book that does not balance: which, whose (ids and numbers), in words, and around when (0: no one moment)."""

    book: str
    who: str
    words: str
    at: float = 0.0


@dataclass(frozen=True)
class Ledgers:
    """The evidence, arranged by what belongs together."""

    evidence: Evidence
    rows: Mapping[tuple[str, str], list[Row]]
    entries: Mapping[str, list[Acceptance]]

    @classmethod
    def of(cls, evidence: Evidence) -> "Ledgers":
        rows: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in evidence.rows:
            rows[row.portal, row.message_id].append(row)
        entries: dict[str, list[Acceptance]] = defaultdict(list)
        for entry in evidence.ledger:
            entries[entry.text].append(entry)
        return cls(evidence, rows, entries)

    def row(self, written: Written) -> Row | None:
        """Return the row of a message; a resend has the same id and comes later."""
        mine = self.rows.get((written.portal, written.message_id), [])
        return next((row for row in mine if row.origin == "portal"), None)

    def entry(self, written: Written) -> Acceptance | None:
        mine = self.entries.get(written.text, [])
        return mine[-1] if mine else None


def findings(evidence: Evidence) -> list[Finding]:
    """Everything that does not balance; empty when all does."""
    ledgers = Ledgers.of(evidence)
    books = (lost, doubled, stuck, fates, untold, unexplained, doors, housekeeping)
    return [found for book in books for found in book(ledgers)]


def _who(written: Written, row: Row | None = None) -> str:
    inside = f" row {row.id}" if row else ""
    return f"message {written.number} ({written.portal}, {written.service}, {written.to}) {written.message_id}{inside}"


def _at(written: Written) -> float:
    return written.calls[0].at if written.calls else 0.0


def lost(ledgers: Ledgers) -> Iterator[Finding]:
    """Check that every call that got a 200 has a row."""
    for written in ledgers.evidence.written:
        if written.accepted and ledgers.row(written) is None:
            yield Finding("lost", _who(written), "was answered 200 and is not in the database", _at(written))


def doubled(ledgers: Ledgers) -> Iterator[Finding]:
    """Check for one row per message and one acceptance per text and reference, except what was resent."""
    known = {(written.portal, written.message_id) for written in ledgers.evidence.written}
    for written in ledgers.evidence.written:
        rows = [row for row in ledgers.rows.get((written.portal, written.message_id), []) if row.origin == "portal"]
        if len(rows) > 1:
            yield Finding("doubled", _who(written), f"has {len(rows)} rows", _at(written))
        entries = ledgers.entries.get(written.text, [])
        most = max([len(entries), *(entry.accepted for entry in entries)])
        if most > (2 if written.text in ledgers.evidence.resent else 1):
            times = ", ".join(f"{entry.at:.1f}" for entry in entries)
            yield Finding("doubled", _who(written, ledgers.row(written)), f"accepted at {times}", entries[-1].at)
    for key, rows in ledgers.rows.items():
        if key not in known:
            yield Finding("doubled", f"row {rows[0].id} {key}", "nobody wrote this message")


def stuck(ledgers: Ledgers) -> Iterator[Finding]:
    """After quiet nothing waits, is on the wire, or has to be told."""
    for row in ledgers.evidence.rows:
        if row.phase in {"waiting", "on_wire"} or row.untold:
            state = f"{row.status}, {row.phase}, portal was told {row.pushed}{', untold' if row.untold else ''}"
            yield Finding("stuck", f"row {row.id} {row.portal} {row.message_id}", state, row.first_attempt or 0.0)
    evidence = ledgers.evidence
    for count, what in ((evidence.reports_due, "reports not understood"), (evidence.spooled, "records in the spool")):
        if count:
            yield Finding("stuck", what, f"{count} left after quiet")


def truth(written: Written, entry: Acceptance | None) -> str | None:
    """Return the only status that the service's words allow; None where they allow several."""
    if written.service == "demo":
        return next((word for ending, word in OF_DEMO if written.to.endswith(ending)), "delivered")
    if entry is None:
        return "failed" if written.to[-2:] in REFUSED else None
    words = [told.word for told in entry.reports if _heard(told)]
    if written.service in ASKED_TOO and entry.status in FINAL:
        words.append(entry.status)
    return max(["sent", *words], key=lambda word: RANK.get(word, -1))


def _heard(told: Told) -> bool:
    return told.genuine and told.status == 200


def _heard_words(entry: Acceptance | None) -> str:
    told = entry.reports if entry else ()
    return ", ".join(f"{one.word} {one.status}{'' if one.genuine else ' forged'}" for one in told) or "nothing"


def fates(ledgers: Ledgers) -> Iterator[Finding]:
    """Each row's fate is the one that the service's words leave."""
    for written in ledgers.evidence.written:
        row, entry = ledgers.row(written), ledgers.entry(written)
        if row is None or row.phase != "done" or written.text in ledgers.evidence.amended:
            continue
        want = truth(written, entry)
        if want is None:
            words = f"is {row.status} {row.reason}; no service took it"
            yield Finding("fate", _who(written, row), words, _at(written))
        elif row.status != want:
            words = f"is {row.status} {row.reason}, the service says {want}: {_heard_words(entry)}"
            yield Finding("fate", _who(written, row), words, _at(written))
        elif row.status == "failed" and not row.reason:
            yield Finding("fate", _who(written, row), "failed without a reason", _at(written))


def untold(ledgers: Ledgers) -> Iterator[Finding]:
    """Every final word stands in the portal's own record."""
    for written in ledgers.evidence.written:
        row = ledgers.row(written)
        if row is None or row.status not in FINAL or written.text in ledgers.evidence.amended:
            continue
        if written.shown != row.status:
            words = f"is {row.status}, told {row.pushed} {row.push_error}; the portal shows {written.shown}"
            yield Finding("untold", _who(written, row), words, _at(written))


def unexplained(ledgers: Ledgers) -> Iterator[Finding]:
    """Every unknown outcome names the fault that caused it; no kill has more than its connections' concurrency."""
    explained = explanations(ledgers.evidence)
    by_id = {row.id: row for row in ledgers.evidence.rows}
    for row_id, why in explained.items():
        if not why.fault:
            row = by_id[row_id]
            who = f"row {row_id} {row.portal} {row.message_id}"
            yield Finding("unexplained", who, f"unknown ({row.reason}) without a fault that explains it", why.at)
    killed = Counter((why.event, by_id[row_id].connection) for row_id, why in explained.items() if why.event)
    for (event, connection), count in killed.items():
        if count > CONCURRENCY:
            yield Finding(
                "unexplained", f"fault {event}, connection {connection}", f"{count} unknown outcomes of one kill"
            )


def doors(ledgers: Ledgers) -> Iterator[Finding]:
    """No door answers 500, to portals and services alike."""
    for written in ledgers.evidence.written:
        for call in written.calls:
            if call.status not in {None, 200}:
                yield Finding("doors", _who(written), f"the handler answered {call.status}", call.at)
    for entry in ledgers.evidence.ledger:
        for told in entry.reports:
            if told.status not in {None, 200 if told.genuine else 403}:
                yield Finding("doors", entry.text, f"a report was answered {told.status}", told.at)


def housekeeping(ledgers: Ledgers) -> Iterator[Finding]:
    """Deadlocks were repeated, nothing broke that no fault explains, nothing was set aside, nobody died by himself."""
    evidence = ledgers.evidence
    if len(evidence.deadlocks) > evidence.deadlocks_repeated:
        words = f"{len(evidence.deadlocks)} in PostgreSQL's log, {evidence.deadlocks_repeated} repeated"
        yield Finding("deadlock", "postgresql", f"{words}: {'; '.join(evidence.deadlocks)}")
    if evidence.poisoned:
        yield Finding("set aside", "spool", f"{evidence.poisoned} records that no handler could take")
    for at, life in evidence.died:
        yield Finding("died", life, "ended without having been asked", at)
    for line in evidence.broken:
        yield Finding("log", line.process, line.line, line.at)
