"""Sealing with the first of SECRETS_KEYS what lies sealed with another: afterwards the others can be taken out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.apps import apps
from django.db import connection

from b24app.core import sealing, spool

AT_ONCE = 500  # rows of a statement


@dataclass(frozen=True, slots=True)
class Column:
    """A sealed column; `name` is application.Model.field, the others are the database's words."""

    name: str
    table: str
    key: str
    column: str


@dataclass(frozen=True, slots=True)
class Change:
    """A row's value as it was read, and the same sealed anew; None where no key opens it."""

    pk: int
    old: str
    new: str | None


def find_sealed_columns() -> list[Column]:
    """Return every column that is sealed, whichever model it is of: they are told by the class of their field."""
    return [
        Column(f"{model._meta.label}.{field.name}", model._meta.db_table, str(model._meta.pk.column), str(field.column))
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, sealing.SealedText | sealing.SealedJSON)
    ]


def reseal_column(column: Column) -> int:
    """Seal a column's values anew, a batch at a time; answers how many were.

    Beside running processes: whoever writes a row meanwhile wins. May be stopped, and does nothing twice.
    """
    return sum(replace_values(column, found) for found in _stale_batches(column))


def count_stale(column: Column) -> int:
    """Return how many of a column's values the first key does not open."""
    return sum(len(found) for found in _stale_batches(column))


def count_stale_records() -> int:
    """Return how many records on this node's disk the first key does not open."""
    stale = 0
    for path in (*spool.waiting_records(), *spool.poisoned_records()):
        try:
            stale += not sealing.is_sealed_with_first_key(path.read_bytes())
        except FileNotFoundError:
            continue  # replayed since
    return stale


def replace_values(column: Column, changes: Sequence[Change]) -> int:
    """Write values that were sealed anew, where the row still has the one that was read; answers how many it had."""
    ready = [(one.pk, one.old, one.new) for one in changes if one.new is not None]
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


def _stale_batches(column: Column) -> Iterator[list[Change]]:
    after = 0
    while rows := _read(column, after):
        after = rows[-1][0]
        yield [_anew(pk, old) for pk, old in rows if not sealing.is_sealed_with_first_key(old.encode())]


def _read(column: Column, after: int) -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT "{column.key}", "{column.column}" FROM "{column.table}" '  # noqa: S608 - names of our own models
            f'WHERE "{column.key}" > %s AND "{column.column}" <> \'\' ORDER BY "{column.key}" LIMIT %s',
            [after, AT_ONCE],
        )
        return list(cursor.fetchall())


def _anew(pk: int, old: str) -> Change:
    try:
        return Change(pk, old, sealing.seal(sealing.unseal(old.encode())).decode())
    except sealing.CannotOpen:
        return Change(pk, old, None)
