"""The whole application as processes on stores of its own, which a test may stop, flush and kill."""

from collections.abc import Iterator

import pytest

from b24app.operations.local.journey import Journey
from tests.faults.house import House, running


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with running() as house:
        journey = Journey(house.run, lambda *_: None)
        journey.install_app()
        journey.connect_account()
        house.service(delay=0.2)
        yield house
