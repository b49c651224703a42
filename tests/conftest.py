"""Load what the chosen tests stand on: stores, Django and a browser's driver, or nothing for those of the services.

The services know neither Django nor the stores, so neither do their tests: `pytest tests/providers` runs with pytest
and what `providers/` imports, on a machine that has nothing else.
"""

from pathlib import Path

import pytest

STANDALONE = Path(__file__).parent / "providers"


def _is_standalone(config: pytest.Config) -> bool:
    """Return whether nothing outside `tests/providers` was asked for. Whoever names nothing asks for where they are."""
    chosen: list[str] = config.known_args_namespace.file_or_dir or ["."]
    paths = [(config.invocation_params.dir / one.partition("::")[0]).resolve() for one in chosen]
    return all(path.is_relative_to(STANDALONE) for path in paths)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the plugins. The one hook that runs before the conftests further down, which import models."""
    config = pluginmanager.get_plugin("pytestconfig")
    assert isinstance(config, pytest.Config)
    if pluginmanager.has_plugin("xdist"):
        pluginmanager.import_plugin("tests.scheduling")
    if not _is_standalone(config):
        pluginmanager.import_plugin("tests.django_stores")
        pluginmanager.import_plugin("tests.browser_driver")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run long tests first: the end would wait for them alone."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
