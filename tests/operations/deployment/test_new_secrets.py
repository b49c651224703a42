"""`b24app/operations/bin/new-secrets` makes what an installation keeps secret."""

import subprocess
from pathlib import Path

from cryptography.fernet import Fernet

from tests.system.checkout import ROOT


def make_secrets(folder: Path, *hosts: str) -> Path:
    secrets = folder / "secrets"
    script: list[str | Path] = [ROOT / "b24app/operations/bin/new-secrets", secrets, *hosts]
    subprocess.run(script, check=True, env={"PATH": "/usr/bin:/bin", "B24_CLIENT_SECRET": "of the partner area"})
    return secrets


def test_secrets_are_of_the_form_that_settings_need_and_are_made_once(tmp_path: Path) -> None:
    secrets = make_secrets(tmp_path)
    said = {path.name: path.read_text().strip() for path in secrets.iterdir()}
    assert Fernet(said["secrets_keys"]).decrypt(Fernet(said["secrets_keys"]).encrypt(b"text")) == b"text"
    assert len(said["secret_key"]) == len(said["address_keys"]) == 64
    assert said["database_url"] == f"postgresql://sendline:{said['database_password']}@postgres:5432/sendline"
    assert said["redis.conf"].startswith(f"requirepass {said['redis_password']}\n")
    assert secrets.stat().st_mode & 0o777 == 0o700
    for name in ("redis_password", "redis_url"):
        (secrets / name).unlink()
    make_secrets(tmp_path, "", "localhost")
    again = {path.name: path.read_text().strip() for path in secrets.iterdir()}
    assert {name for name in said if said[name] != again[name]} == {"redis_password", "redis_url"}
    assert again["redis_url"] == f"redis://:{again['redis_password']}@localhost:6379/0"
