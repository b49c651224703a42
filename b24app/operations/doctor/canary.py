"""Checks of the keys against what is stored: each has to open what was sealed with it."""

from collections import Counter
from collections.abc import Iterator

from django.db import connection

from b24app.core import sealing, spool
from b24app.core.resealing import SealedColumn, find_sealed_columns
from b24app.operations.doctor.findings import Finding, count_of, error, ok

MEND = "Put back the key that was taken out of SECRETS_KEYS; `manage.py rotate_keys` makes it superfluous."
SAMPLE_SIZE = 20  # of the newest, and of the oldest
CANARY = b"canary"


def check_canary() -> Iterator[Finding]:
    """Find that what is sealed now could not be opened."""
    if sealing.unseal(sealing.seal(CANARY)) != CANARY:
        yield error("SECRETS_KEYS do not open what they have sealed.", "Make a new key.")
    else:
        yield ok("A canary was sealed with the first of SECRETS_KEYS and opened again.")


def check_stored_secrets() -> Iterator[Finding]:
    """Find stored secrets, oldest and newest, that none of SECRETS_KEYS opens."""
    needed: Counter[int | None] = Counter()
    for column in find_sealed_columns():
        opened = Counter(sealing.find_key(value.encode()) for value in _read_samples(column))
        if unopened := opened.pop(None, 0):
            yield error(f"No key of SECRETS_KEYS opens {unopened} of {column.name}.", MEND)
        needed += opened
    if needed:
        places = sorted((place, count) for place, count in needed.items() if place is not None)
        numbers = ", ".join(f"number {place + 1} {count}" for place, count in places)
        yield ok(f"Of a sample of stored secrets SECRETS_KEYS open: {numbers}.")
    else:
        yield ok("No secret is stored yet.")


def check_spooled_secrets() -> Iterator[Finding]:
    """Find records on this node's disk that none of SECRETS_KEYS opens."""
    unopened = 0
    for path in (*spool.waiting_records()[:SAMPLE_SIZE], *spool.poisoned_records()[:SAMPLE_SIZE]):
        try:
            unopened += sealing.find_key(path.read_bytes()) is None
        except FileNotFoundError:
            continue  # replayed since
    if unopened:
        yield error(f"No key of SECRETS_KEYS opens {count_of(unopened, 'record')} of the spool.", MEND)


def _read_samples(column: SealedColumn) -> list[str]:
    read = (
        f'(SELECT "{column.column}" FROM "{column.table}" WHERE "{column.column}" <> \'\' '  # noqa: S608 - our own names
        f'ORDER BY "{column.key}" {{}} LIMIT {SAMPLE_SIZE})'
    )
    with connection.cursor() as cursor:
        cursor.execute(f"{read.format('ASC')} UNION {read.format('DESC')}")
        return [value for (value,) in cursor.fetchall()]
