"""Leave out the files of services whose extras are not installed, and say so: the others need none of them."""

from importlib.util import find_spec

import pytest

NEEDED = {
    "test_apprise.py": "apprise",
    "test_aws.py": "botocore",
    "test_smpp.py": "trustme",
    "kit/test_http.py": "trustme",
}

collect_ignore = [name for name, module in NEEDED.items() if find_spec(module) is None]


@pytest.fixture
def _extras() -> None:
    """Skip what is about all services where the extras of some are not installed."""
    for module in ("apprise", "botocore"):
        pytest.importorskip(module)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the files that were left out."""
    for name in collect_ignore:
        terminalreporter.write_line(f"tests/providers/{name} was left out: {NEEDED[name]} is not installed")
