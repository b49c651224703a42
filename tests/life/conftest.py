"""The whole application as processes, and portals that are as strict as Bitrix24 may be."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.house import House, running
from tests.life.portals import add_portal


@pytest.fixture(scope="package")
def house() -> Iterator[House]:
    with running() as house:
        house.service(delay=0.2)
        yield house


@pytest.fixture
def new_portal(house: House) -> Callable[..., House]:
    """Return a maker of portals in which nothing is installed; its arguments are switches."""
    return lambda **switches: add_portal(house, **switches)
