"""Run rounds of steps in isolation: a step that raises ends neither the round nor the steps after it."""

from collections.abc import Callable, Mapping

from b24app.core.isolation import work_each
from b24app.core.monitoring.loops import SLOW_TURN, timed_turn
from b24app.messaging import dead_letters
from b24app.messaging.models.dead_letters import Kind

Steps = Mapping[str, Callable[[], object]]


def run_steps(steps: Steps) -> None:
    """Run the steps in order; note one that raises as a dead letter under its name. Raise AWAY."""
    work_each(steps.items(), _run_step, _note_failed_step)


def _run_step(step: tuple[str, Callable[[], object]]) -> None:
    name, work = step
    with timed_turn(name, slow_after=SLOW_TURN):
        work()


def _note_failed_step(step: tuple[str, Callable[[], object]], error: Exception) -> None:
    name, _work = step
    dead_letters.note(Kind.STEP, name, error, retry=True)
