"""Encryption at rest: values are sealed with the first of SECRETS_KEYS and opened with any of them."""

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

if TYPE_CHECKING:  # fields are generic only in the stubs
    _TextField = models.TextField[str, str]
    _ObjectField = models.TextField[Mapping[str, Any], dict[str, Any]]
else:
    _TextField = _ObjectField = models.TextField


class CannotOpen(Exception):
    """A value was not sealed with any of SECRETS_KEYS, or longer ago than allowed."""


@cache
def _cipher_of(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def seal(value: bytes) -> bytes:
    """Encrypt, and return URL-safe base64."""
    return _cipher_of(tuple(settings.SECRETS_KEYS)).encrypt(value)


def unseal(token: bytes, *, ttl: int | None = None) -> bytes:
    """Decrypt what `seal` made, at most `ttl` seconds ago if given; raises CannotOpen."""
    try:
        return _cipher_of(tuple(settings.SECRETS_KEYS)).decrypt(token, ttl)
    except InvalidToken:
        raise CannotOpen from None


def is_sealed_with_first_key(token: bytes) -> bool:
    """Return whether the first of SECRETS_KEYS opens this."""
    try:
        _cipher_of(tuple(settings.SECRETS_KEYS[:1])).decrypt(token)
    except InvalidToken:
        return False
    return True


class SealedText(_TextField):
    """A text stored encrypted; the empty text stays empty."""

    def get_prep_value(self, value: Any) -> str:
        return seal(str(value).encode()).decode() if value else ""

    def from_db_value(self, value: str, *_: object) -> str:
        return unseal(value.encode()).decode() if value else ""


class SealedJSON(_ObjectField):
    """A JSON object stored encrypted; the empty object stays empty."""

    def get_prep_value(self, value: Any) -> str:
        return seal(json.dumps(value).encode()).decode() if value else ""

    def from_db_value(self, value: str, *_: object) -> dict[str, Any]:
        return json.loads(unseal(value.encode())) if value else {}
