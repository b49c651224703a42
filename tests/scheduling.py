"""Tell pytest-xdist which tests must share a worker. Loaded by `tests/conftest.py`, where xdist is in use."""

from zlib import crc32

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

LIFE, HOUSES = "tests/life/", 3  # houses in which the lives of portals are lived, each in one worker
BY_FILE = ("tests/faults/", "tests/browser/", "tests/sandbox/test_pages.py")


class FileOrTestScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Deals tests one by one, but together what shares a house, a day or a portal. Long ones go out first."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path.startswith(LIFE):
            return f"{LIFE}{crc32(path.encode()) % HOUSES}"
        return path if path.startswith(BY_FILE) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileOrTestScheduling:
    """Replace xdist's own groups, which do nothing with this version of pytest."""
    return FileOrTestScheduling(config, log)
