"""Checks of the keys and of what identifies the application, as they are configured."""

from collections.abc import Iterator, Sequence

from cryptography.fernet import Fernet
from django.conf import settings

from b24app.operations.doctor.findings import Finding, count_of, error, ok, warning

SAMPLES = ("changeme", "change-me", "django-insecure", "example", "lint", "password", "sample", "secret", "unused")
MIN_SECRET_KEY = 50
MIN_ADDRESS_KEY = 16
MIN_DIFFERENT = 8

MAKE_KEY = 'Make another: python -c "import secrets; print(secrets.token_urlsafe(48))"'
MAKE_FERNET_KEY = (
    'Make another: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)


def check_secret_key() -> Iterator[Finding]:
    """Find a SECRET_KEY with which strangers could sign page tickets."""
    why = _find_weakness(str(settings.SECRET_KEY), MIN_SECRET_KEY)
    if why:
        yield error(f"SECRET_KEY {why}, so page tickets can be forged.", MAKE_KEY)
    else:
        yield ok(f"SECRET_KEY has {len(settings.SECRET_KEY)} characters.")
    for number, key in enumerate(settings.SECRET_KEY_FALLBACKS, 1):
        if why := _find_weakness(key, MIN_ADDRESS_KEY):
            yield error(f"SECRET_KEY_FALLBACKS: number {number} {why}, so page tickets can be forged.", "Take it out.")


def check_secrets_keys() -> Iterator[Finding]:
    """Find SECRETS_KEYS that are no keys."""
    bad = [str(number) for number, key in enumerate(settings.SECRETS_KEYS, 1) if not _is_fernet_key(key)]
    if not settings.SECRETS_KEYS:
        yield error("SECRETS_KEYS is empty, so no token and no credential can be stored.", MAKE_FERNET_KEY)
    elif bad:
        yield error(f"SECRETS_KEYS: number {', '.join(bad)} is not a Fernet key.", MAKE_FERNET_KEY)
    else:
        yield ok(f"SECRETS_KEYS: {count_of(len(settings.SECRETS_KEYS), 'key')}; the first encrypts.")
    yield from _find_duplicates("SECRETS_KEYS", settings.SECRETS_KEYS)


def check_address_keys() -> Iterator[Finding]:
    """Find ADDRESS_KEYS with which strangers could sign handler addresses."""
    keys: Sequence[str] = settings.ADDRESS_KEYS
    if not keys:
        yield error("ADDRESS_KEYS is empty, so every handler call is refused.", MAKE_KEY)
    for number, key in enumerate(keys, 1):
        if why := _find_weakness(key, MIN_ADDRESS_KEY):
            yield error(f"ADDRESS_KEYS: number {number} {why}, so handler addresses can be forged.", MAKE_KEY)
        else:
            yield ok(f"ADDRESS_KEYS: number {number} {'signs' if number == 1 else 'only verifies'}.")
    yield from _find_duplicates("ADDRESS_KEYS", keys)


def check_shared_keys() -> Iterator[Finding]:
    """Find one key used for two purposes: who learns it at one place could use it at the other."""
    lists = {
        "SECRET_KEY": {settings.SECRET_KEY},
        "SECRETS_KEYS": {*settings.SECRETS_KEYS},
        "ADDRESS_KEYS": {*settings.ADDRESS_KEYS},
    }
    names = list(lists)
    pairs = [(one, other) for at, one in enumerate(names) for other in names[at + 1 :] if lists[one] & lists[other]]
    for one, other in pairs:
        yield warning(f"{one} and {other} hold the same key, so a leak of one is a leak of both.", MAKE_KEY)


def check_client() -> Iterator[Finding]:
    """Find client credentials that are not those of an application."""
    copy = "Copy it from the application's version card in the partner area."
    for name in ("B24_CLIENT_ID", "B24_CLIENT_SECRET"):
        value = str(getattr(settings, name))
        if not value.strip():
            yield error(f"{name} is blank, so no portal can be authorised.", copy)
        elif value.lower() in SAMPLES or value.startswith("sandbox"):
            yield error(
                f"{name} is a sample, so no portal can be authorised.",
                copy,
            )
        else:
            yield ok(f"{name} is set.")


def _find_weakness(key: str, minimum: int) -> str:
    """Return what is wrong with a key, to be said after its name; "" if nothing is."""
    if not key.strip():
        return "is blank"
    if key.lower().startswith(SAMPLES):
        return "is a sample"
    if len(key) < minimum:
        return f"has {len(key)} of at least {minimum} characters"
    if len(set(key)) < MIN_DIFFERENT:
        return f"has only {count_of(len(set(key)), 'different character')}"
    return ""


def _find_duplicates(name: str, keys: Sequence[str]) -> Iterator[Finding]:
    if len(set(keys)) < len(keys):
        yield warning(f"{name} holds the same key twice.", "Take one of the two out.")


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True
