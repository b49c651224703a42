"""The short form of the fault suite; `CHAOS_SEED=7 pytest tests/chaos` has another day."""

import os

import pytest

from tests.chaos.run import BRIEF, run


@pytest.mark.chaos
@pytest.mark.long
def test_a_short_bad_day_loses_nothing_doubles_nothing_and_leaves_nothing_open() -> None:
    said: list[str] = []
    result = run(int(os.environ.get("CHAOS_SEED", "1")), BRIEF, said.append)
    assert not result.findings, "\n".join([*said, result.text])
    assert result.figures["faults"] >= 12
    assert result.figures["kinds"] >= 8
    assert result.figures["accepted"] >= 30
