"""The development environment: keys are made once and kept private."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from b24app.operations.local import environment


def test_keys_are_made_once_readable_by_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "env"
    first = environment.load_or_create_keys(file)
    assert sorted(first) == ["ADDRESS_KEYS", "SECRETS_KEYS", "SECRET_KEY"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert environment.load_or_create_keys(file) == first
    Fernet(first["SECRETS_KEYS"])


def test_a_key_that_is_missing_is_added_and_the_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("SECRET_KEY=mine\n")
    found = environment.load_or_create_keys(file)
    assert found["SECRET_KEY"] == "mine"
    assert file.read_text().splitlines() == [f"{name}={found[name]}" for name in environment.KEYS]


def test_the_environment_names_the_application_and_its_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://elsewhere.example")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    urls = {"DATABASE_URL": "postgresql:///x", "REDIS_URL": "unix:///x"}
    made = environment.build_environment(tmp_path, urls=urls, app_port=8123, oauth_port=8456)
    assert made["PUBLIC_URL"] == "http://127.0.0.1:8123"
    assert made["B24_OAUTH_HOSTS"] == "127.0.0.1:8456"
    assert made["DATABASE_URL"] == "postgresql:///x"
    assert made["ALLOWED_PRIVATE_NETWORKS"] == "127.0.0.0/8"
    assert made["LOG_LEVEL"] == "DEBUG"
