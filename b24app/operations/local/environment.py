"""The environment of a development installation: keys generated once, everything else derived from the addresses."""

import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet

KEYS = ("SECRET_KEY", "SECRETS_KEYS", "ADDRESS_KEYS")


def load_or_create_keys(file: Path) -> dict[str, str]:
    """Return the secret keys in `file` (mode 0600); missing ones are generated, none is replaced."""
    stored = dict(line.split("=", 1) for line in file.read_text().splitlines()) if file.exists() else {}
    missing = {name: Fernet.generate_key().decode() for name in KEYS if name not in stored}
    if missing:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as handle:
            handle.writelines(f"{name}={value}\n" for name, value in missing.items())
    return stored | missing


def build_environment(local: Path, *, urls: Mapping[str, str], app_port: int, oauth_port: int) -> dict[str, str]:
    """Return the environment of an application on `app_port` beside a sandbox whose OAuth is on `oauth_port`.

    It extends the caller's, so that PATH, HOME and LOG_LEVEL reach the children.
    """
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "b24app.settings",
        "DEVELOPMENT": "true",
        "DEBUG": "true",
        "DEMO": "true",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "PUBLIC_URL": f"http://127.0.0.1:{app_port}",
        # The sandbox's own, not secret.
        "B24_CLIENT_ID": "sandbox.app",
        "B24_CLIENT_SECRET": "sandbox-secret",
        "B24_OAUTH_HOSTS": f"127.0.0.1:{oauth_port}",
        "EXTRA_CA_FILE": str(local / "sandbox" / "ca.pem"),
        "ALLOWED_PRIVATE_NETWORKS": "127.0.0.0/8",
        "SPOOL_DIR": str(local / "spool"),
        "PYTHONUNBUFFERED": "1",
        **load_or_create_keys(local / "env"),
        **urls,
    }
