"""One run: a load and faults by the schedule, healing, quiet, the books."""

import heapq
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import books, report, schedule
from tests.chaos.amends import Amends, make_amends
from tests.chaos.books import Finding
from tests.chaos.collect import Day
from tests.chaos.diary import Diary, Event
from tests.chaos.injuries import Heal, Injuries
from tests.chaos.load import Load
from tests.chaos.parts import Parts
from tests.chaos.quiet import Patience, Quiet
from tests.chaos.schedule import Fault
from tests.chaos.town import settle
from tests.faults.conftest import running

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
    """The full form: nothing is moved until leases have had their time."""
    return Form(minutes * 60, rate, brief=False, patience=Patience(natural=90.0, lease=100.0, limit=200.0), only=only)


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    seed: int
    start: float
    figures: dict[str, Any]
    findings: Sequence[Finding]
    diary: Diary

    @property
    def text(self) -> str:
        """The table, and below it what does not balance."""
        parts = [report.table(self.figures, self.findings), report.explain(self.findings, self.diary, self.start)]
        return "\n".join(part for part in parts if part)


def run(seed: int, form: Form, say: Callable[[str], None]) -> Result:
    """Do it all, write `.local/chaos/<seed>.json` and keep the logs beside it where a book does not balance."""
    say(f"seed {seed}: starting everything")
    with running() as house:
        town = settle(house)
        parts = Parts(house)
        parts.begin()
        injuries, diary = Injuries(town, parts), Diary()
        injuries.peace()
        load = Load(town, schedule.wishes(seed, form.seconds, [line.service for line in town.lines], form.rate))
        say(f"{form.seconds:.0f} s of load and faults")
        start = time.time()
        load.start()
        try:
            _injure(
                schedule.faults(seed, form.seconds, brief=form.brief, only=form.only),
                injuries,
                parts,
                diary,
                start,
                say,
            )
            while load.is_alive():
                parts.look()
                time.sleep(TICK)
        finally:
            load.halt.set()
            load.join()
        load.check()
        say("healing everything")
        _heal_all(injuries, parts, diary)
        quiet = Quiet(town, form.patience, say)
        day = Day(town, parts, load.posted, diary.events, quiet)
        quiet.wait()
        evidence = day.evidence(Amends())
        figures, found = report.figures(evidence), books.findings(evidence)
        # Administrators decide about some of the unknown; the books must balance after that too.
        amends = make_amends(town, say)
        quiet.wait()
        found += [one for one in books.findings(day.evidence(amends)) if one not in found]
        figures |= {
            "sent again": len(amends.resent),
            "marked as sent": len(amends.marked),
            "portals reopened by an administrator": quiet.reopened,
        }
        report.write(LOCAL / f"{seed}.json", seed=seed, numbers=figures, found=found, events=diary.events)
        if found:
            _keep_logs(LOCAL / f"{seed}.logs", [*parts.logs(), parts.database_log])
        return Result(seed, start, figures, found, diary)


def _injure(
    faults: Sequence[Fault], injuries: Injuries, parts: Parts, diary: Diary, start: float, say: Callable[[str], None]
) -> None:
    """Begin and heal in time. It is all done by this thread: processes die with the thread that started them."""
    due = [(start + fault.at, fault.number, fault) for fault in faults]
    heals: list[tuple[float, int, Event, Heal]] = []
    while due or heals:
        now = time.time()
        while due and due[0][0] <= now:
            fault = heapq.heappop(due)[2]
            event = diary.begin(fault)
            heal = injuries.begin(event)
            if heal is None:
                event.healed = float(event.facts.get("until", time.time()))
            else:
                heapq.heappush(heals, (time.time() + fault.seconds, fault.number, event, heal))
            say(event.line(start))
        while heals and heals[0][0] <= now:
            _, _, event, heal = heapq.heappop(heals)
            heal()
            event.healed = time.time()
        parts.look()
        time.sleep(TICK)


def _heal_all(injuries: Injuries, parts: Parts, diary: Diary) -> None:
    parts.all_up()
    injuries.peace()
    for event in diary.events:
        event.healed = min(event.healed, time.time())


def _keep_logs(folder: Path, paths: Sequence[Path]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copy(path, folder / path.name)
