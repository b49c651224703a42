"""Resealing stored values with the first of SECRETS_KEYS, after which the other keys can be removed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


def reseal_column(column: SealedColumn) -> int:
    """Reseal a column's values, a batch at a time; return how many were changed.

    Safe beside running processes: a row that is written meanwhile stays as written. Can be stopped and run again.
    """
    return sum(replace_values(column, batch) for batch in _stale_batches(column))


def count_stale(column: SealedColumn) -> int:
    """Return how many of a column's values the first key does not open."""
    return sum(len(batch) for batch in _stale_batches(column))


def count_stale_records() -> int:
    """Return how many records on this node's disk the first key does not open."""
    stale = 0
    for path in (*spool.waiting_records(), *spool.poisoned_records()):
        try:
            stale += not sealing.is_sealed_with_first_key(path.read_bytes())
        except FileNotFoundError:
            continue  # replayed since
    return stale


def replace_values(column: SealedColumn, values: Sequence[ResealedValue]) -> int:
    """Write resealed values where the row still has the one that was read; return how many did."""
    ready = [(one.pk, one.old, one.new) for one in values if one.new is not None]
    if not ready:
        return 0
    pks, olds, news = map(list, zip(*ready, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{column.table}" t SET "{column.column}" = v.new '  # noqa: S608 - names of our own models
            f"FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS v(pk, old, new) "
            f'WHERE t."{column.key}" = v.pk AND t."{column.column}" = v.old',
            [pks, olds, news],
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
