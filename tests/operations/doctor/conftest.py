"""An installation that is reached over TLS, as it should be configured."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pytest_django import Settings

from tests.operations.doctor.outside import proxying, write_authority
from tests.operations.doctor.production import configure


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def place(settings: Settings, tmp_path: Path, authority: trustme.CA) -> Callable[[int], None]:
    """Return what configures an installation that is reached at a port."""
    stores = {"REDIS_URL": settings.REDIS_URL, "EXTRA_CA_FILE": write_authority(authority, tmp_path)}

    def configure_at(port: int, **changed: Any) -> None:
        hosts = {"ALLOWED_HOSTS": ["127.0.0.1"], "B24_OAUTH_HOSTS": [f"127.0.0.1:{port}"]}
        configure(settings, tmp_path, PUBLIC_URL=f"https://127.0.0.1:{port}", **hosts, **stores, **changed)

    return configure_at


@pytest.fixture
def installation(place: Callable[[int], None], authority: trustme.CA) -> Iterator[None]:
    with proxying(authority) as port:
        place(port)
        yield
