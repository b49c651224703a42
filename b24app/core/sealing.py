"""Encryption at rest: values are sealed with the first of SECRETS_KEYS and opened with any of them.

A column's value that no key opens, because its key was taken out too early, reads as empty: pages and webhooks go on,
and with its key back it is there again. Who would act on the empty one asks with `require_opened`.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Self, TypeVar

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

if TYPE_CHECKING:  # fields are generic only in the stubs
    _TextField = models.TextField[str, str]
    _ObjectField = models.TextField[Mapping[str, Any], dict[str, Any]]
else:
    _TextField = _ObjectField = models.TextField

T = TypeVar("T")


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
    return _opens(settings.SECRETS_KEYS[0], token)


def find_key(token: bytes) -> int | None:
    """Return the place in SECRETS_KEYS, from 0, of the key that opens this; None where none does."""
    return next((place for place, key in enumerate(settings.SECRETS_KEYS) if _opens(key, token)), None)


def _opens(key: str, token: bytes) -> bool:
    try:
        _cipher_of((key,)).decrypt(token)
    except InvalidToken:
        return False
    return True


class UnopenedText(str):
    """A text that no key opens: it reads as the empty text, and is written back as it was stored."""

    __slots__ = ("sealed",)

    def __new__(cls, sealed: str) -> Self:
        text = super().__new__(cls)
        text.sealed = sealed
        return text

    sealed: str


class UnopenedObject(dict[str, Any]):
    """An object that no key opens: it reads as the empty object, and is written back as it was stored."""

    def __init__(self, sealed: str) -> None:
        super().__init__()
        self.sealed = sealed


def is_opened(value: object) -> bool:
    """Return whether a sealed column's value is what was stored."""
    return not isinstance(value, UnopenedText | UnopenedObject)


def require_opened(value: T) -> T:
    """Return a sealed column's value; raise CannotOpen where no key opens it, for who would act on the empty one."""
    if not is_opened(value):
        raise CannotOpen
    return value


class SealedText(_TextField):
    """A text stored encrypted; the empty text stays empty. One that no key opens is an UnopenedText."""

    def get_prep_value(self, value: Any) -> str:
        if isinstance(value, UnopenedText):
            return value.sealed
        return seal(str(value).encode()).decode() if value else ""

    def from_db_value(self, value: str, *_: object) -> str:
        try:
            return unseal(value.encode()).decode() if value else ""
        except CannotOpen:
            return UnopenedText(value)


class SealedJSON(_ObjectField):
    """A JSON object stored encrypted; the empty object stays empty. One that no key opens is an UnopenedObject."""

    def get_prep_value(self, value: Any) -> str:
        if isinstance(value, UnopenedObject):
            return value.sealed
        return seal(json.dumps(value).encode()).decode() if value else ""

    def from_db_value(self, value: str, *_: object) -> dict[str, Any]:
        try:
            return json.loads(unseal(value.encode())) if value else {}
        except CannotOpen:
            return UnopenedObject(value)
