"""Resealing stored values with the first of SECRETS_KEYS, after which the other keys can be removed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from django.apps import apps
from django.db import connection

from b24app.core import sealing, spool

BATCH_SIZE = 500  # rows of a statement


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A sealed column; `name` is application.Model.field, the others are the database's names."""

    name: str
    table: str
    key: str
    column: str


@dataclass(frozen=True, slots=True)
class ResealedValue:
    """A row's value as it was read, and resealed; None where no key opens it."""

    pk: int
    old: str
    new: str | None


def find_sealed_columns() -> list[SealedColumn]:
    """Return every sealed column of every model, recognised by the class of its field."""
    return [
        SealedColumn(
            f"{model._meta.label}.{field.name}", model._meta.db_table, str(model._meta.pk.column), str(field.column)
        )
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, sealing.SealedText | sealing.SealedJSON)
    ]


def reseal_column(column: SealedColumn) -> Iterator[int]:
    """Reseal a column's values, a batch at a time, and yield how many of each batch were changed.

    Safe beside running processes: a row that is written meanwhile stays as written. Can be stopped and run again.
    """
    for batch in _stale_batches(column):
        yield replace_values(column, batch)


def count_by_key(column: SealedColumn) -> Counter[int | None]:
    """Return how many of a column's values each key but the first opens, by its place, and no key at all (None)."""
    found: Counter[int | None] = Counter()
    for batch in _stale_batches(column):
        found.update(sealing.find_key(one.old.encode()) for one in batch)
    return found


def unopened_rows(column: SealedColumn, limit: int) -> list[int]:
    """Return keys of some of the rows whose value no key opens."""
    rows = (one.pk for batch in _stale_batches(column) for one in batch if one.new is None)
    return list(islice(rows, limit))


def reseal_records() -> int:
    """Reseal the records on this node's disk, except while a process replays them; return how many were changed."""
    changed = 0
    with spool.replay_lock() as is_held:
        for path, sealed in _stale_records() if is_held else ():
            with suppress(sealing.CannotOpen):
                spool.write_record(path, sealing.seal(sealing.unseal(sealed)))
                changed += 1
    return changed


def count_records_by_key() -> Counter[int | None]:
    """Return what `count_by_key` does, of the records on this node's disk."""
    return Counter(sealing.find_key(sealed) for _path, sealed in _stale_records())


def _stale_records() -> Iterator[tuple[Path, bytes]]:
    for path in (*spool.waiting_records(), *spool.poisoned_records()):
        with suppress(FileNotFoundError):  # replayed since
            sealed = path.read_bytes()
            if not sealing.is_sealed_with_first_key(sealed):
                yield path, sealed


def replace_values(column: SealedColumn, values: Sequence[ResealedValue]) -> int:
    """Write resealed values where the row still has the one that was read; return how many did.

    Rows are locked in the order of their key, as others lock them, and those that somebody holds are left for later.
    """
    ready = [(one.pk, one.old, one.new) for one in values if one.new is not None]
    if not ready:
        return 0
    pks, olds, news = map(list, zip(*ready, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f'WITH free AS (SELECT "{column.key}" AS pk FROM "{column.table}" '  # noqa: S608 - names of our own models
            f'WHERE "{column.key}" = ANY(%s) ORDER BY "{column.key}" FOR NO KEY UPDATE SKIP LOCKED) '
            f'UPDATE "{column.table}" t SET "{column.column}" = v.new '
            f"FROM free JOIN unnest(%s::bigint[], %s::text[], %s::text[]) AS v(pk, old, new) USING (pk) "
            f'WHERE t."{column.key}" = v.pk AND t."{column.column}" = v.old',
            [pks, pks, olds, news],
        )
        return int(cursor.rowcount)


def _stale_batches(column: SealedColumn) -> Iterator[list[ResealedValue]]:
    after = 0
    while rows := _read_batch(column, after):
        after = rows[-1][0]
        yield [_reseal_value(pk, old) for pk, old in rows if not sealing.is_sealed_with_first_key(old.encode())]


def _read_batch(column: SealedColumn, after: int) -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT "{column.key}", "{column.column}" FROM "{column.table}" '  # noqa: S608 - names of our own models
            f'WHERE "{column.key}" > %s AND "{column.column}" <> \'\' ORDER BY "{column.key}" LIMIT %s',
            [after, BATCH_SIZE],
        )
        return list(cursor.fetchall())


def _reseal_value(pk: int, old: str) -> ResealedValue:
    try:
        return ResealedValue(pk, old, sealing.seal(sealing.unseal(old.encode())).decode())
    except sealing.CannotOpen:
        return ResealedValue(pk, old, None)
