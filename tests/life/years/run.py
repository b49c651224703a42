"""One simulation from its first day to its last, and what was found."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from b24app.messaging.models import Message
from b24app.portals.models import Portal
from b24app.sandbox.world import World
from tests.life.years import books, history
from tests.life.years.clock import DAY
from tests.life.years.meter import Meter
from tests.life.years.seat import Seat
from tests.life.years.stage import STEP, Stage

START = 1.8e9  # of the simulation, whenever it is run: January 2027
REPORT_EVERY = 30  # days
STEPS_A_DAY = round(DAY / STEP)

Say = Callable[[str], None]


@dataclass
class Run:
    """A simulation that can be driven day by day."""

    stage: Stage
    seats: list[Seat]
    meter: Meter
    order: Random
    end: float
    findings: list[str] = field(default_factory=list)

    def live_day(self, day: int) -> None:
        for step in range(STEPS_A_DAY):
            now = START + (day - 1) * DAY + step * STEP  # exactly, so that the same seed makes the same history
            self.stage.live_step(now + STEP, partial(self._act, now))
        self.meter.end_day(self.seats, day)
        now = self.stage.clock.now()
        for seat in self.seats:
            self.findings += books.check_letters(seat, now)
            _forget_old_tokens(self.stage.box.world, seat, now)

    def close_books(self) -> None:
        now, world = self.stage.clock.now(), self.stage.box.world
        for seat in self.seats:
            self.findings += books.check_seat(seat, world, now)
            self.findings += books.check_copies(seat)
        self.findings += [*books.find_orphans(), *books.find_failures()]
        self.findings += [*self.meter.foreign, *self.meter.over]

    def _act(self, now: float) -> bool:
        """Let people act; return whether anybody did, or a day begins, when the routine is due anyway."""
        before = sum(seat.acts for seat in self.seats)
        for seat in self.order.sample(self.seats, len(self.seats)):
            self.findings += history.live(seat, now, self.end)
            seat.today.add(seat.state_now())
        return sum(seat.acts for seat in self.seats) > before or (now - START) % DAY == 0


def run(seed: int, portals: int, days: int, pace: float, folder: Path, say: Say) -> list[str]:
    """Run once and return the findings."""
    random.seed(seed)
    began = time.perf_counter()
    hosts = [f"127.0.{number // 200 + 1}.{number % 200 + 10}" for number in range(portals * history.HOSTS_EACH)]
    stage = Stage(START, folder, hosts)
    try:
        homes = [hosts[number * history.HOSTS_EACH :][: history.HOSTS_EACH] for number in range(portals)]
        seats = [
            history.new_seat(stage.box, _random(f"{seed}:{number}"), number, home, START, pace)
            for number, home in enumerate(homes)
        ]
        meter = Meter(stage.box.world)
        stage.box.world.on_request = meter.see
        life = Run(stage, seats, meter, _random(f"{seed}"), START + days * DAY)
        for day in range(1, days + 1):
            known = len(life.findings)
            life.live_day(day)
            for finding in life.findings[known:]:
                say(f"day {day}: {finding}")
            if day % REPORT_EVERY == 0:
                say(_progress(day, life, time.perf_counter() - began))
        known = len(life.findings)
        life.close_books()
        for finding in life.findings[known:]:
            say(finding)
        if life.findings and os.environ.get("YEARS_HISTORY"):
            for seat in seats:
                say(f"{seat.there.state.key} {seat.there.member_id} {seat.temper}: {'; '.join(seat.done)}")
        _tell_result(life, say)
        spent = f"{time.perf_counter() - began:.0f} s, {time.process_time():.0f} s of them of this process"
        say(f"seed {seed}: {portals} portals, {days} days in {spent}")
        return life.findings
    finally:
        stage.close()


def _random(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - a history, not a secret


def _progress(day: int, life: Run, seconds: float) -> str:
    shown = sum(seat.told for seat in life.seats)
    portals, messages = Portal.objects.filter(uninstalled_at=None).count(), Message.objects.count()
    return (
        f"day {day}: {portals} installed, {messages} messages kept, {shown} statuses seen, "
        f"{life.meter.totals['rest']} REST, {life.meter.totals['refresh']} refreshes, {seconds:.0f} s"
    )


def _tell_result(life: Run, say: Say) -> None:
    for line in life.meter.lines():
        say(line)
    acts = sum(len(seat.done) for seat in life.seats)
    say(f"{acts} turns of fate, {sum(seat.told for seat in life.seats)} final statuses shown")
    meter = life.meter
    say(f"calls: {dict(meter.totals)}; with tokens that nobody has: {meter.unknown}; foreign: {len(meter.foreign)}")
    for name, count in books.tell_states(life.seats).items():
        say(f"{count:5d} {name}")


def _forget_old_tokens(world: World, seat: Seat, now: float) -> None:
    """Drop what no call can carry any more, as the OAuth server does: looking for a token reads them all."""
    with world.lock:
        held = seat.there.state.tokens
        for access in [
            one.access
            for one in held.values()
            if one.expires < now - DAY and (not one.refresh or one.refresh_expires < now)
        ]:
            del held[access]
