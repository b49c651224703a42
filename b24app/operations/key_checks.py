"""Keys that would let a stranger in, or open nothing: a process with such keys does not start."""

from collections.abc import Iterator

from cryptography.fernet import Fernet
from django.conf import settings

MIN_LENGTH = 16  # characters of a key that signs


def find_key_faults() -> Iterator[str]:
    """Yield a sentence for each setting whose keys cannot be used; it names the place of a key and nothing of it."""
    if not settings.ADDRESS_KEYS:
        yield "ADDRESS_KEYS is empty: it needs a key that signs our addresses."
    for name in ("ADDRESS_KEYS", "SECRET_KEY_FALLBACKS"):
        for place, key in enumerate(getattr(settings, name), 1):
            if not key.strip():
                yield f"Key {place} of {name} is blank, so anybody could sign with it. Take out the comma before it."
            elif len(key.strip()) < MIN_LENGTH:
                yield f"Key {place} of {name} has fewer than {MIN_LENGTH} characters, so it could be guessed."
    if not settings.SECRETS_KEYS:
        yield "SECRETS_KEYS is empty: it needs a key that encrypts what is secret."
    for place, key in enumerate(settings.SECRETS_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            yield f"Key {place} of SECRETS_KEYS is no Fernet key; .env.example has the command that makes one."
