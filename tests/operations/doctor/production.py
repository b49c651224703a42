"""Settings as an installation should have them, for tests that then change one."""

from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from pytest_django import Settings

GOOD: dict[str, Any] = {
    "DEVELOPMENT": False,
    "DEBUG": False,
    "DEMO": False,
    "SECRET_KEY": "k3XbV0q9mZr7TfLw2HsYcJd8NpGu5AeQiKoB1xRt4WvMy6SzEj-hUgDlPnF_aC0I",
    "SECRET_KEY_FALLBACKS": [],
    "SECRETS_KEYS": [Fernet.generate_key().decode()],
    "ADDRESS_KEYS": ["Qw8zR2tY5uI9oP1aS4dF7gH0jK3lZ6xC"],
    "PUBLIC_URL": "https://sendline.example.com",
    "ALLOWED_HOSTS": ["sendline.example.com"],
    "TRUSTED_PROXIES": ["127.0.0.0/8"],
    "B24_CLIENT_ID": "app.0123456789abcdef",
    "B24_CLIENT_SECRET": "vT5nW8qL2xKc",
    "B24_OAUTH_HOSTS": ["oauth.bitrix.info"],
    "ALLOWED_PRIVATE_NETWORKS": [],
    "EGRESS_PROXY": "",
    "EXTRA_CA_FILE": "",
    "REDIS_URL": "redis://10.0.0.5:6379/0",
    "SPOOL_MAX_MB": 512,
    "OPERATOR_NAME": "Example Hosting Ltd",
    "OPERATOR_ADDRESS": "1 Example Street",
    "OPERATOR_EMAIL": "privacy@hosting.example",
    "SECURE_HSTS_SECONDS": 31536000,
    "CSRF_COOKIE_SECURE": True,
}


def configure(settings: Settings, folder: Path, **changed: Any) -> None:
    """Set everything as it should be, but for what is `changed`; spool and static files are in `folder`."""
    (folder / "staticfiles.json").touch()
    folders = {"SPOOL_DIR": folder / "spool", "STATIC_ROOT": folder}
    for name, value in (GOOD | folders | changed).items():
        setattr(settings, name, value)
