"""One run: a load and faults by the schedule, healing, quiet, the books."""

import heapq
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import books, report, schedule
from tests.chaos.books import Finding
from tests.chaos.collect import Day
from tests.chaos.components import Components
from tests.chaos.event_log import Event, EventLog
from tests.chaos.fault_injector import FaultInjector, Heal
from tests.chaos.load import Load
from tests.chaos.quiet import Patience, Quiet
from tests.chaos.resolutions import Resolutions, resolve_unknown
from tests.chaos.schedule import Fault
from tests.chaos.tenants import install_portals
from tests.faults.house import running

LOCAL = Path(__file__).resolve().parents[2] / ".local" / "chaos"
TICK = 0.05


@dataclass(frozen=True)
class Form:
    """How long and how hard: seconds of load, messages per second, and the patience at the end."""

    seconds: float
    rate: float
    brief: bool
    patience: Patience
    only: str = ""


BRIEF = Form(20.0, 4.0, brief=True, patience=Patience(natural=5.0, lease=15.0, limit=120.0))


def long(minutes: float, rate: float, only: str) -> Form:
    """Return the full form: no clock is moved until leases have had their time."""
    return Form(minutes * 60, rate, brief=False, patience=Patience(natural=90.0, lease=100.0, limit=200.0), only=only)


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    seed: int
    start: float
    figures: dict[str, Any]
    findings: Sequence[Finding]
    event_log: EventLog

    @property
    def text(self) -> str:
        """The table, and below it what does not balance."""
        parts = [report.table(self.figures, self.findings), report.explain(self.findings, self.event_log, self.start)]
        return "\n".join(part for part in parts if part)


def run(seed: int, form: Form, say: Callable[[str], None]) -> Result:
    """Do it all, write `.local/chaos/<seed>.json` and keep the logs beside it where a book does not balance."""
    say(f"seed {seed}: starting everything")
    with running() as house:
        tenants = install_portals(house)
        components = Components(house)
        components.begin()
        injector, event_log = FaultInjector(tenants, components), EventLog()
        injector.peace()
        load = Load(
            tenants, schedule.plan_messages(seed, form.seconds, [line.service for line in tenants.lines], form.rate)
        )
        say(f"{form.seconds:.0f} s of load and faults")
        start = time.time()
        load.start()
        try:
            _injure(
                schedule.faults(seed, form.seconds, brief=form.brief, only=form.only),
                injector,
                components,
                event_log,
                start,
                say,
            )
            while load.is_alive():
                components.look()
                time.sleep(TICK)
        finally:
            load.halt.set()
            load.join()
        load.check()
        say("healing everything")
        _heal_all(injector, components, event_log)
        quiet = Quiet(tenants, form.patience, say)
        day = Day(tenants, components, load.posted, event_log.events, quiet)
        quiet.wait()
        evidence = day.evidence(Resolutions())
        figures, found = report.figures(evidence), books.findings(evidence)
        # Administrators decide about some of the unknown; the books must balance after that too.
        resolutions = resolve_unknown(tenants, say)
        quiet.wait()
        found += [one for one in books.findings(day.evidence(resolutions)) if one not in found]
        figures |= {
            "sent again": len(resolutions.resent),
            "marked as sent": len(resolutions.marked),
            "portals reopened by an administrator": quiet.reopened,
        }
        report.write(LOCAL / f"{seed}.json", seed=seed, numbers=figures, found=found, events=event_log.events)
        if found:
            _keep_logs(LOCAL / f"{seed}.logs", [*components.logs(), components.database_log])
        return Result(seed, start, figures, found, event_log)


def _injure(
    faults: Sequence[Fault],
    injector: FaultInjector,
    components: Components,
    event_log: EventLog,
    start: float,
    say: Callable[[str], None],
) -> None:
    """Begin and heal in time. It is all done by this thread: processes die with the thread that started them."""
    due = [(start + fault.at, fault.number, fault) for fault in faults]
    heals: list[tuple[float, int, Event, Heal]] = []
    while due or heals:
        now = time.time()
        while due and due[0][0] <= now:
            fault = heapq.heappop(due)[2]
            event = event_log.begin(fault)
            heal = injector.begin(event)
            if heal is None:
                event.healed = float(event.facts.get("until", time.time()))
            else:
                heapq.heappush(heals, (time.time() + fault.seconds, fault.number, event, heal))
            say(event.line(start))
        while heals and heals[0][0] <= now:
            _, _, event, heal = heapq.heappop(heals)
            heal()
            event.healed = time.time()
        components.look()
        time.sleep(TICK)


def _heal_all(injector: FaultInjector, components: Components, event_log: EventLog) -> None:
    components.all_up()
    injector.peace()
    for event in event_log.events:
        event.healed = min(event.healed, time.time())


def _keep_logs(folder: Path, paths: Sequence[Path]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copy(path, folder / path.name)
