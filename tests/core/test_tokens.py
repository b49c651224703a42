"""Tokens that only we can make, each for one purpose and a while."""

import base64
import json
import time
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from b24app.core import sealing, tokens

PAYLOAD = {"portal": "ab" * 16, "number": "+12025550147"}


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]


def sealed_at(moment: float, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: moment)
        return tokens.seal_token("export", PAYLOAD)


@pytest.mark.parametrize("payload", [PAYLOAD, ["a", 1], "text", None])
def test_a_token_brings_its_payload_back(payload: Any) -> None:
    assert tokens.unseal_token("export", tokens.seal_token("export", payload), ttl=60) == payload


def test_a_token_can_stand_in_an_address_and_be_read_by_nobody() -> None:
    token = tokens.seal_token("export", PAYLOAD)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=")
    assert b"2025550147" not in base64.urlsafe_b64decode(token)


def test_a_token_for_another_purpose_is_refused() -> None:
    with pytest.raises(tokens.BadToken):
        tokens.unseal_token("export", tokens.seal_token("reports", PAYLOAD), ttl=60)


@pytest.mark.parametrize(("age", "is_good"), [(59, True), (62, False)])
def test_a_token_is_good_for_its_time(age: int, is_good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    token = sealed_at(time.time() - age, monkeypatch)
    if is_good:
        assert tokens.unseal_token("export", token, ttl=60) == PAYLOAD
    else:
        with pytest.raises(tokens.BadToken):
            tokens.unseal_token("export", token, ttl=60)


def test_a_token_from_the_future_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(tokens.BadToken):
        tokens.unseal_token("export", sealed_at(time.time() + 3600, monkeypatch), ttl=60)


def test_a_token_that_was_changed_anywhere_is_refused() -> None:
    token = tokens.seal_token("export", PAYLOAD)
    for place in range(0, len(token.rstrip("=")) - 1, 7):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(tokens.BadToken):
            tokens.unseal_token("export", token[:place] + other + token[place + 1 :], ttl=60)


@pytest.mark.parametrize("token", ["", "nonsense", "bnVsbA==", "é"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(tokens.BadToken):
        tokens.unseal_token("export", token, ttl=60)


@pytest.mark.parametrize("value", [b"no JSON", b"null", b'{"for": "export"}', b'["export"]', b'["export", 1, 2]'])
def test_other_sealed_values_are_no_tokens(value: bytes) -> None:
    """Credentials and page state are sealed with the same keys."""
    with pytest.raises(tokens.BadToken):
        tokens.unseal_token("export", sealing.seal(value).decode(), ttl=60)


def test_keys_rotate(settings: Settings) -> None:
    token = tokens.seal_token("export", json.loads(json.dumps(PAYLOAD)))
    old, new = settings.SECRETS_KEYS[0], Fernet.generate_key().decode()
    settings.SECRETS_KEYS = [new, old]
    assert tokens.unseal_token("export", token, ttl=60) == PAYLOAD
    settings.SECRETS_KEYS = [new]
    with pytest.raises(tokens.BadToken):
        tokens.unseal_token("export", token, ttl=60)
