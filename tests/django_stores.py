"""Give tests private stores and settings, and set Django up on them. Loaded by `tests/conftest.py`, as a plugin.

The controller of pytest-xdist (or the only process) starts the servers; its workers inherit the addresses by the
environment and take a Redis database number each. DATABASE_URL and REDIS_URL in the environment are used as they are.
"""

import atexit
import os
from contextlib import ExitStack
from pathlib import Path

import django
import pytest
from cryptography.fernet import Fernet

from b24app.operations import translations
from b24app.operations.local.embedded import stores, temporary_folder

SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "b24app.settings",
    "DEVELOPMENT": "true",
    # For the static files: pages would need `collectstatic` otherwise. pytest-django turns settings.DEBUG off.
    "DEBUG": "true",
    "DEMO": "true",
    "ALLOWED_HOSTS": "*",
    "PUBLIC_URL": "https://sendline.example",
    "B24_CLIENT_ID": "app.sendline.test",
    "B24_CLIENT_SECRET": "client-secret-for-tests",
    "B24_OAUTH_HOSTS": "oauth.example",
    "ALLOWED_PRIVATE_NETWORKS": "",
    "EXTRA_CA_FILE": "",
    "EGRESS_PROXY": "",
    # A test may think for long inside its transaction, and a busy machine takes long for everything.
    "DATABASE_TIMEOUTS": "statement_timeout=120s,lock_timeout=60s",
}


def start_session() -> None:
    """Start the stores until this process ends, however it ends, and put every setting into the environment."""
    session = ExitStack()
    atexit.register(session.close)
    folder = session.enter_context(temporary_folder())
    urls = session.enter_context(stores(folder, durable=False))
    translations.compile_catalogues()
    keys = {name: Fernet.generate_key().decode() for name in ("SECRET_KEY", "SECRETS_KEYS", "ADDRESS_KEYS")}
    os.environ.update(SETTINGS | urls | keys | {"SPOOL_DIR": str(folder / "spool")})


def join_session(worker: str) -> None:
    """Give the xdist worker named `gw<number>` its own Redis database and spool on the controller's stores."""
    address, _, _ = os.environ["REDIS_URL"].partition("?")
    os.environ["REDIS_URL"] = f"{address}?db={1 + int(worker.removeprefix('gw'))}"
    os.environ["SPOOL_DIR"] = str(Path(os.environ["SPOOL_DIR"]) / worker)


# At import, not in a hook: conftests further down import models, and they come before any hook of this file.
if "PYTEST_XDIST_WORKER" in os.environ:
    join_session(os.environ["PYTEST_XDIST_WORKER"])
else:
    start_session()
django.setup()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Keep pytest-django from reading the settings in a worker before `join_session` has run there."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
