"""Tell pytest-xdist which tests must share a worker. Loaded by `tests/conftest.py`, where xdist is in use."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

BY_FOLDER = ("tests/life/",)
BY_FILE = ("tests/faults/", "tests/browser/", "tests/sandbox/test_pages.py")


class FileOrTestScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Deals tests one by one, but by file or folder what shares a house, a day or a portal. Long ones go out first."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        shared = [folder for folder in BY_FOLDER if path.startswith(folder)]
        if shared:
            return shared[0]
        return path if path.startswith(BY_FILE) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileOrTestScheduling:
    """Replace xdist's own groups, which do nothing with this version of pytest."""
    return FileOrTestScheduling(config, log)
