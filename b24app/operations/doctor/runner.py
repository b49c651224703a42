"""Running checks side by side: none may hang, raise, or hold up another."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db import connections

from b24app.core.database import outage
from b24app.messaging import enqueue
from b24app.operations.doctor.findings import Check, Finding, Level, error

AWAY = (*outage.AWAY, *enqueue.AWAY)
EXIT_CODES = {Level.OK: 0, Level.WARNING: 1, Level.ERROR: 2}


@dataclass
class _Run:
    check: Check
    findings: list[Finding] = field(default_factory=list)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._work, name=f"doctor-{self.check.name}", daemon=True)

    def _work(self) -> None:
        found: list[Finding] = []
        try:
            found.extend(self.check.find())
        except Exception as failure:  # noqa: BLE001 - whatever one check meets, the others are shown
            found.append(_describe_failure(self.check, failure))
        finally:
            connections.close_all()
        self.findings = found


def run_checks(checks: Sequence[Check]) -> Iterator[tuple[Check, Sequence[Finding]]]:
    """Yield each check with what it found, in the order given; all run at once, each for as long as it may.

    That a store does not answer is said once.
    """
    said: set[Finding] = set()
    runs = [_Run(check) for check in checks]
    started = time.monotonic()
    for run in runs:
        run.thread.start()
    for run in runs:
        run.thread.join(max(0.0, started + run.check.seconds - time.monotonic()))
        if run.thread.is_alive():
            late = error(f"This did not end within {run.check.seconds:.0f} s.", "See whether what it asks answers.")
            yield run.check, [late]
        else:
            yield run.check, [finding for finding in run.findings if finding not in said]
            said.update(finding for finding in run.findings if finding.level is Level.ERROR)


def _describe_failure(check: Check, failure: Exception) -> Finding:
    """Return what to say of an exception: not its words, which may quote a secret."""
    if check.store and isinstance(failure, AWAY):
        return error(f"What {check.store} leads to does not answer.", "See whether it runs, and the address.")
    return error(f"This could not be checked ({type(failure).__name__}).", "See the log of what it asks.")


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 0 where all is well, 1 where something is not as it should be, 2 where something is wrong."""
    return max((EXIT_CODES[finding.level] for finding in findings), default=0)
