"""A real server in a process of its own, on a real socket."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.serving import Served, serving


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Start servers with these options, ended with the test."""
    with_options = []

    def start(*options: str) -> Served:
        context = serving(tmp_path, *options)
        with_options.append(context)
        return context.__enter__()

    yield start
    for context in with_options:
        context.__exit__(None, None, None)
