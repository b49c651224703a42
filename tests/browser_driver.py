"""Start Playwright at most once in a process. Loaded by `tests/conftest.py`, for several folders open a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Playwright, sync_playwright


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Give the driver of the browsers; a process cannot have two at a time."""
    with sync_playwright() as driver:
        yield driver
