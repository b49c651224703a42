"""Rounds of many steps, each apart: what one step raises ends neither the round nor the others."""

from collections.abc import Callable, Mapping

from b24app.core.isolation import work_each
from b24app.messaging import dead_letters
from b24app.messaging.models.dead_letters import Kind

Steps = Mapping[str, Callable[[], object]]


def run_steps(steps: Steps) -> None:
    """Run steps, given by name, in their order; one that raises is noted under its name. Raise AWAY."""
    work_each(steps.items(), _run, _set_aside)


def _run(step: tuple[str, Callable[[], object]]) -> None:
    _name, work = step
    work()


def _set_aside(step: tuple[str, Callable[[], object]], error: Exception) -> None:
    name, _work = step
    dead_letters.note(Kind.STEP, name, error, retry=True)
